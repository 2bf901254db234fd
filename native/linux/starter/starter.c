/*
 * sandbox-starter: the launcher's own hands, loaded into Node.js where that can be. Node starts a program by copying
 * itself, which takes the longer the larger it has grown, and first loads its streams and sockets to listen to one.
 * This starts the guard without a copy and listens to its channels through the event loop that Node has anyway.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAPI_VERSION 8
#include <node_api.h>

#include "begin.h"
#include "loop.h"

enum {
	CHANNELS = 2,
	/* What is told of it comes under this number, as what a channel says comes under the channel's. */
	PROCESS = -1,
	/* In the list of descriptors: one end of a new pair of sockets. The other is listened to, or JavaScript's. */
	CHANNEL = -2,
	PIPE = -3,
	CHUNK = 16 * 1024,
	/* A side that takes nothing for so long is not there. */
	DEAF_MS = 1000,
	/* P_PIDFD, which not every C library names. */
	BY_PIDFD = 3,
};

struct watch {
	struct start *start;
	void *poll; /* libuv's; null when over */
	int fd, number;
};

/* Of one program, until JavaScript has let go of it and nothing is watched any more. */
struct start {
	napi_env env;
	napi_ref heard;
	napi_async_cleanup_hook_handle hook;
	pid_t pid;
	int users; /* whoever is watched, and the call that makes it */
	bool let_go;
	struct watch channel[CHANNELS], process;
};

static void leave(struct start *start)
{
	if (--start->users > 0)
		return;
	if (start->heard != NULL)
		napi_delete_reference(start->env, start->heard);
	if (start->hook != NULL)
		napi_remove_async_cleanup_hook(start->hook);
	if (start->let_go)
		free(start);
}

static void closed(void *poll)
{
	struct start *start = ((struct watch *)uv_handle_get_data(poll))->start;
	free(poll);
	leave(start);
}

static void unwatch(struct watch *watch)
{
	if (watch->poll == NULL)
		return;
	uv_close(watch->poll, closed);
	close(watch->fd);
	watch->poll = NULL;
}

static void hang_up(struct start *start)
{
	for (int i = 0; i < CHANNELS; i++)
		unwatch(&start->channel[i]);
}

/* Node is about to go: it wants nothing left in its loop. The guard sees its channels end. */
static void abandon(napi_async_cleanup_hook_handle handle, void *data)
{
	struct start *start = data;
	(void)handle;
	hang_up(start);
	unwatch(&start->process);
}

/* Tells JavaScript `(number, bytes or null)`; what it throws is nobody's but the process's. */
static void tell(const struct start *start, int number, const char *bytes, size_t length)
{
	napi_env env = start->env;
	napi_handle_scope scope;
	napi_value heard, global, words[2], ignored, thrown;
	if (napi_open_handle_scope(env, &scope) != napi_ok)
		return;
	if (napi_get_reference_value(env, start->heard, &heard) == napi_ok && napi_get_global(env, &global) == napi_ok &&
	    napi_create_int32(env, number, &words[0]) == napi_ok &&
	    (bytes == NULL ? napi_get_null(env, &words[1]) : napi_create_buffer_copy(env, length, bytes, NULL, &words[1])) ==
	        napi_ok &&
	    napi_make_callback(env, NULL, global, heard, 2, words, &ignored) == napi_pending_exception &&
	    napi_get_and_clear_last_exception(env, &thrown) == napi_ok)
		napi_fatal_exception(env, thrown);
	napi_close_handle_scope(env, scope);
}

static void on_channel(void *poll, int status, int events)
{
	struct watch *watch = uv_handle_get_data(poll);
	char chunk[CHUNK];
	(void)status;
	(void)events;
	ssize_t got = read(watch->fd, chunk, sizeof chunk);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0) {
		tell(watch->start, watch->number, chunk, (size_t)got);
		return;
	}
	struct start *start = watch->start;
	unwatch(watch);
	tell(start, watch->number, NULL, 0);
}

static void on_process(void *poll, int status, int events)
{
	struct watch *watch = uv_handle_get_data(poll);
	struct start *start = watch->start;
	(void)status;
	(void)events;
	/* Its number may be another's by now: somebody else may have waited for it, or nobody has to here. */
	siginfo_t ended = { .si_pid = 0 };
	if (waitid((idtype_t)BY_PIDFD, (id_t)watch->fd, &ended, WEXITED | WNOHANG) == 0 && ended.si_pid == 0)
		return;
	unwatch(watch);
	tell(start, watch->number, NULL, 0);
}

/* Takes over the descriptor, whatever comes of it. */
static bool watch_begin(struct watch *watch, struct start *start, int fd, int number, uv_poll_cb heard)
{
	struct uv_loop_s *loop;
	void *poll = malloc(uv_handle_size(POLL));
	if (poll == NULL || napi_get_uv_event_loop(start->env, &loop) != napi_ok || uv_poll_init(loop, poll, fd) != 0) {
		free(poll);
		close(fd);
		return false;
	}
	*watch = (struct watch){ .start = start, .poll = poll, .fd = fd, .number = number };
	uv_handle_set_data(poll, watch);
	start->users++;
	return uv_poll_start(poll, READABLE, heard) == 0;
}

static void let_go(napi_env env, void *data, void *hint)
{
	struct start *start = data;
	(void)env;
	(void)hint;
	start->let_go = true;
	if (start->users == 0)
		free(start);
}

static napi_value fail(napi_env env, const char *step, int error)
{
	char text[128];
	snprintf(text, sizeof text, "%s: %s", step, strerror(error));
	napi_throw_error(env, NULL, text);
	return NULL;
}

/* What did not get off the ground leaves nothing: the guard, hung up on, takes away what it has made, and ends. */
static napi_value give_up(struct start *start, const char *step, int error)
{
	hang_up(start);
	unwatch(&start->process);
	if (start->pid > 0 && error != ESRCH)
		while (waitpid(start->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	fail(start->env, step, error);
	leave(start);
	return NULL;
}

/* The descriptors that JavaScript asks for. False, and it is told, for what is none. */
static bool read_descriptors(napi_env env, napi_value list, int *descriptors, uint32_t *count)
{
	napi_value one;
	if (napi_get_array_length(env, list, count) != napi_ok || *count > MOST_DESCRIPTORS) {
		fail(env, "descriptors", EINVAL);
		return false;
	}
	for (uint32_t i = 0; i < *count; i++) {
		if (napi_get_element(env, list, i, &one) != napi_ok ||
		    napi_get_value_int32(env, one, &descriptors[i]) != napi_ok || descriptors[i] < PIPE) {
			fail(env, "descriptors", EINVAL);
			return false;
		}
	}
	return true;
}

/*
 * Makes the pairs: the program's ends take the places of what asked for them, and are in `made`, to be closed here.
 * `kept` gets JavaScript's by place. Errors: a number of errno's.
 */
static int make_pairs(struct start *start, int *descriptors, int count, int *kept, int *made)
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
		else if (!watch_begin(&start->channel[channels++], start, ends[0], i, on_channel))
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
static int begin_watched(struct start *start, const char *program, int *descriptors, int count, int *kept,
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
	return watch_begin(&start->process, start, process, PROCESS, on_process) ? 0 : ENOMEM;
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
	struct start *start = calloc(1, sizeof *start);
	if (start == NULL)
		return fail(env, "memory", ENOMEM);
	start->env = env;
	start->users = 1;
	if (napi_create_external(env, start, let_go, NULL, &one) != napi_ok) {
		free(start);
		return fail(env, "handle", ENOMEM);
	}
	if (napi_create_reference(env, given[2], 1, &start->heard) != napi_ok ||
	    napi_add_async_cleanup_hook(env, abandon, start, &start->hook) != napi_ok)
		return give_up(start, "handle", ENOMEM);
	int error = begin_watched(start, program, descriptors, (int)count, kept, &step);
	bool is_told = error == 0 && napi_create_array(env, &result) == napi_ok &&
	               napi_set_element(env, result, 0, one) == napi_ok;
	for (uint32_t i = 0; is_told && i < count; i++)
		is_told = napi_create_int32(env, kept[i], &one) == napi_ok && napi_set_element(env, result, i + 1, one) == napi_ok;
	if (is_told) {
		leave(start);
		return result;
	}
	close_all(kept, (int)count);
	return give_up(start, error == 0 ? "handle" : step, error == 0 ? ENOMEM : error);
}

static struct start *started(napi_env env, napi_value handle)
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
	struct start *start;
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 3 ||
	    (start = started(env, given[0])) == NULL || napi_get_value_int32(env, given[1], &number) != napi_ok ||
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
	struct start *start;
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 1 ||
	    (start = started(env, given[0])) == NULL)
		return fail(env, "arguments", EINVAL);
	hang_up(start);
	return NULL;
}

/* Of kernels from 5.4 on, where no filter of system calls is older than that; and of the libuv that loop.h knows. */
static bool can_listen(void)
{
	siginfo_t ended;
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (self < 0)
		return false;
	/* Nobody is its own child. */
	bool can_wait = waitid((idtype_t)BY_PIDFD, (id_t)self, &ended, WEXITED | WNOHANG) != 0 && errno == ECHILD;
	close(self);
	return can_wait && strcmp(uv_handle_type_name(POLL), "poll") == 0;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor offered[] = {
		{ .utf8name = "start", .method = js_start, .attributes = napi_enumerable },
		{ .utf8name = "say", .method = js_say, .attributes = napi_enumerable },
		{ .utf8name = "hangUp", .method = js_hang_up, .attributes = napi_enumerable },
	};
	if (!can_listen())
		return fail(env, "listening", ENOSYS);
	return napi_define_properties(env, exports, sizeof offered / sizeof *offered, offered) == napi_ok ? exports : NULL;
}
