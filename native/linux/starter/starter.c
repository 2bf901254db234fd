/*
 * sandbox-starter: the launcher's own hands, loaded into Node.js where that can be. Node starts a program by copying
 * itself, which takes the longer the larger it has grown, and first loads its streams and sockets to listen to one.
 * This starts the guard without a copy and listens to its channels through the event loop that Node has anyway. What a
 * start asks of the disk, and brings to it, goes through it as well (disk.h).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "begin.h"
#include "disk.h"
#include "given.h"
#include "listen.h"

/* A side that takes nothing for so long is not there. */
enum { DEAF_MS = 1000 };

/* What did not get off the ground leaves nothing: the guard, hung up on, takes away what it has made, and ends. */
static napi_value give_up(struct started *start, const char *step, int error)
{
	started_abandon(start->hook, start);
	if (start->pid > 0 && error != ESRCH)
		while (waitpid(start->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	fail(start->env, step, error);
	started_leave(start);
	return NULL;
}

/*
 * Makes the pairs: the program's ends take the places of what asked for them, and are in `made`, to be closed here.
 * `kept` gets JavaScript's by place. Errors: a number of errno's.
 */
static int make_pairs(struct started *start, int *descriptors, int count, int *kept, int *made)
{
	int channels = 0;
	for (int i = 0; i < count; i++) {
		int ends[2], wish = descriptors[i];
		if (wish != CHANNEL && wish != PIPE)
			continue;
		if (wish == CHANNEL && channels == CHANNELS)
			return EINVAL;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
			return errno;
		made[i] = descriptors[i] = ends[1];
		if (wish == PIPE)
			kept[i] = ends[0];
		else if (!listen_channel(start, channels++, ends[0], i))
			return ENOMEM;
	}
	return 0;
}

static void close_all(const int *descriptors, int count)
{
	for (int i = 0; i < count; i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
}

/* Errors: a number of errno's, and `step` says where. */
static int begin_watched(struct started *start, const char *program, int *descriptors, int count, int *kept,
                         const char **step)
{
	int made[MOST_DESCRIPTORS];
	for (int i = 0; i < count; i++)
		made[i] = kept[i] = NONE;
	*step = "channel";
	int error = make_pairs(start, descriptors, count, kept, made);
	if (error == 0) {
		*step = "exec";
		error = begin(&start->pid, program, descriptors, count);
	}
	close_all(made, count);
	if (error != 0)
		return error;
	*step = "pidfd_open";
	int process = (int)syscall(SYS_pidfd_open, start->pid, 0);
	if (process < 0)
		return errno;
	*step = "listening";
	return listen_process(start, process) ? 0 : ENOMEM;
}

/* `start(program, descriptors, heard)`: a handle for `say` and `hangUp`, then the other ends of pipes, by place. */
static napi_value js_start(napi_env env, napi_callback_info info)
{
	napi_value given[3], result, one;
	size_t given_count = 3;
	uint32_t count = 0;
	int descriptors[MOST_DESCRIPTORS], kept[MOST_DESCRIPTORS];
	char program[4096];
	const char *step;
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 3 ||
	    napi_get_value_string_utf8(env, given[0], program, sizeof program, NULL) != napi_ok)
		return fail(env, "arguments", EINVAL);
	if (!read_descriptors(env, given[1], descriptors, &count))
		return NULL;
	struct started *start = calloc(1, sizeof *start);
	if (start == NULL)
		return fail(env, "memory", ENOMEM);
	start->env = env;
	start->users = 1;
	if (napi_create_external(env, start, started_let_go, NULL, &one) != napi_ok) {
		free(start);
		return fail(env, "handle", ENOMEM);
	}
	if (napi_create_reference(env, given[2], 1, &start->heard) != napi_ok ||
	    napi_add_async_cleanup_hook(env, started_abandon, start, &start->hook) != napi_ok)
		return give_up(start, "handle", ENOMEM);
	int error = begin_watched(start, program, descriptors, (int)count, kept, &step);
	bool is_told = error == 0 && napi_create_array(env, &result) == napi_ok &&
	               napi_set_element(env, result, 0, one) == napi_ok;
	for (uint32_t i = 0; is_told && i < count; i++)
		is_told = napi_create_int32(env, kept[i], &one) == napi_ok && napi_set_element(env, result, i + 1, one) == napi_ok;
	if (is_told) {
		started_leave(start);
		return result;
	}
	close_all(kept, (int)count);
	return give_up(start, error == 0 ? "handle" : step, error == 0 ? ENOMEM : error);
}

static struct started *started_of(napi_env env, napi_value handle)
{
	void *start = NULL;
	return napi_get_value_external(env, handle, &start) == napi_ok ? start : NULL;
}

/* `say(handle, number, line)`; to a channel that is over, nothing. */
static napi_value js_say(napi_env env, napi_callback_info info)
{
	napi_value given[3];
	size_t given_count = 3, length, said = 0;
	int number;
	struct started *start;
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 3 ||
	    (start = started_of(env, given[0])) == NULL || napi_get_value_int32(env, given[1], &number) != napi_ok ||
	    napi_get_value_string_utf8(env, given[2], NULL, 0, &length) != napi_ok)
		return fail(env, "arguments", EINVAL);
	char *line = malloc(length + 1);
	if (line == NULL || napi_get_value_string_utf8(env, given[2], line, length + 1, &length) != napi_ok) {
		free(line);
		return fail(env, "memory", ENOMEM);
	}
	for (int i = 0; i < CHANNELS; i++) {
		struct watch *watch = &start->channel[i];
		if (watch->poll == NULL || watch->number != number)
			continue;
		while (said < length) {
			ssize_t sent = send(watch->fd, line + said, length - said, MSG_NOSIGNAL | MSG_DONTWAIT);
			struct pollfd room = { .fd = watch->fd, .events = POLLOUT };
			if (sent > 0)
				said += (size_t)sent;
			else if (errno == EAGAIN && poll(&room, 1, DEAF_MS) > 0)
				continue;
			else if (errno != EINTR)
				break; /* it has ended, and what it said last may still be read */
		}
	}
	free(line);
	return NULL;
}

/* `hangUp(handle)`: nothing more is said or heard; when the process has ended is still told. */
static napi_value js_hang_up(napi_env env, napi_callback_info info)
{
	napi_value given[1];
	size_t given_count = 1;
	struct started *start;
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 1 ||
	    (start = started_of(env, given[0])) == NULL)
		return fail(env, "arguments", EINVAL);
	started_hang_up(start);
	return NULL;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor offered[] = {
		{ .utf8name = "start", .method = js_start, .attributes = napi_enumerable },
		{ .utf8name = "say", .method = js_say, .attributes = napi_enumerable },
		{ .utf8name = "hangUp", .method = js_hang_up, .attributes = napi_enumerable },
		{ .utf8name = "memory", .method = disk_memory, .attributes = napi_enumerable },
		{ .utf8name = "beginSync", .method = disk_begin_sync, .attributes = napi_enumerable },
		{ .utf8name = "endSync", .method = disk_end_sync, .attributes = napi_enumerable },
		{ .utf8name = "unsure", .method = disk_unsure, .attributes = napi_enumerable },
	};
	if (!listen_possible())
		return fail(env, "listening", ENOSYS);
	return napi_define_properties(env, exports, sizeof offered / sizeof *offered, offered) == napi_ok ? exports : NULL;
}
