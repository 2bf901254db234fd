#define _GNU_SOURCE
#include "listen.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum {
	/* What is told of it comes under this number, as what a channel says comes under the channel's. */
	PROCESS = -1,
	CHUNK = 16 * 1024,
	/* P_PIDFD, which not every C library names. */
	BY_PIDFD = 3,
};

void started_leave(struct started *start)
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

void started_let_go(napi_env env, void *data, void *hint)
{
	struct started *start = data;
	(void)env;
	(void)hint;
	start->let_go = true;
	if (start->users == 0)
		free(start);
}

static void closed(void *poll)
{
	struct started *start = ((struct watch *)uv_handle_get_data(poll))->start;
	free(poll);
	started_leave(start);
}

static void unwatch(struct watch *watch)
{
	if (watch->poll == NULL)
		return;
	uv_close(watch->poll, closed);
	close(watch->fd);
	watch->poll = NULL;
}

void started_hang_up(struct started *start)
{
	for (int i = 0; i < CHANNELS; i++)
		unwatch(&start->channel[i]);
}

void started_abandon(napi_async_cleanup_hook_handle handle, void *data)
{
	struct started *start = data;
	(void)handle;
	started_hang_up(start);
	unwatch(&start->process);
}

/* Tells JavaScript `(number, bytes or null)`; what it throws is nobody's but the process's. */
static void tell(const struct started *start, int number, const char *bytes, size_t length)
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
	struct started *start = watch->start;
	char chunk[CHUNK];
	ssize_t got;
	(void)events;
	do {
		got = read(watch->fd, chunk, sizeof chunk);
		if (got > 0)
			tell(start, watch->number, chunk, (size_t)got);
		/* Hung up on by whoever was told. */
		if (watch->poll == NULL)
			return;
		/* Where the other side went without hearing all that was said, libuv calls for the last time. */
	} while (got > 0 && status < 0);
	if (got > 0 || (got < 0 && status >= 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	unwatch(watch);
	tell(start, watch->number, NULL, 0);
}

static void on_process(void *poll, int status, int events)
{
	struct watch *watch = uv_handle_get_data(poll);
	struct started *start = watch->start;
	(void)status;
	(void)events;
	/* Its number may be another's by now: somebody else may have waited for it, or nobody has to here. */
	siginfo_t ended = { .si_pid = 0 };
	if (waitid((idtype_t)BY_PIDFD, (id_t)watch->fd, &ended, WEXITED | WNOHANG) == 0 && ended.si_pid == 0)
		return;
	unwatch(watch);
	tell(start, watch->number, NULL, 0);
}

static bool listen(struct watch *watch, struct started *start, int fd, int number, uv_poll_cb heard)
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

bool listen_channel(struct started *start, int index, int fd, int number)
{
	return listen(&start->channel[index], start, fd, number, on_channel);
}

bool listen_process(struct started *start, int fd)
{
	return listen(&start->process, start, fd, PROCESS, on_process);
}

bool listen_possible(void)
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
