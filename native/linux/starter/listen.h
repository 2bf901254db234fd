/* What a started process and its channels say, told to JavaScript as it comes, through Node's event loop. */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#define NAPI_VERSION 8
#include <node_api.h>

enum { CHANNELS = 2 };

struct watch {
	struct started *start;
	void *poll; /* libuv's; null when over */
	int fd, number;
};

/* Of one program, until JavaScript has let go of it and nothing is watched any more. */
struct started {
	napi_env env;
	napi_ref heard;
	napi_async_cleanup_hook_handle hook;
	pid_t pid;
	int users; /* whoever is watched, and the call that makes it */
	bool let_go;
	struct watch channel[CHANNELS], process;
};

/* Kernels from 5.4 on let a process be listened to, unless an older filter of system calls knows nothing of it. */
bool listen_possible(void);

/* Both take over the descriptor, whatever comes of it. */
bool listen_channel(struct started *start, int index, int fd, int number);
bool listen_process(struct started *start, int fd);

/* One user less: with the last the surroundings may go. */
void started_leave(struct started *start);
/* Its channels end. */
void started_hang_up(struct started *start);
/* Node is about to go and wants nothing left in its loop. The guard sees its channels end. */
void started_abandon(napi_async_cleanup_hook_handle hook, void *start);
/* JavaScript has no more use for it. */
void started_let_go(napi_env env, void *start, void *hint);

#endif
