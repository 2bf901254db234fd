/*
 * A thread of its own, for a millisecond or ten: Node's own four would be started for it, and waited for until they are.
 */
#define _GNU_SOURCE
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct syncing {
	pthread_t thread;
	int count, error;
	int file[MOST_SYNCED];
};

static void *synchronise(void *context)
{
	struct syncing *syncing = context;
	for (int i = 0; i < syncing->count; i++)
		if (fsync(syncing->file[i]) != 0)
			syncing->error = errno;
	return NULL;
}

static void let_go(struct syncing *syncing)
{
	while (syncing->count > 0)
		close(syncing->file[--syncing->count]);
	free(syncing);
}

/* Signals are for the threads that the launcher has itself. */
static int start_quietly(struct syncing *syncing)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&syncing->thread, NULL, synchronise, syncing);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

struct syncing *sync_begin(const int *files, int count)
{
	struct syncing *syncing = calloc(1, sizeof *syncing);
	int error = syncing == NULL ? ENOMEM : 0;
	while (error == 0 && syncing->count < count) {
		int file = fcntl(files[syncing->count], F_DUPFD_CLOEXEC, 0);
		if (file < 0)
			error = errno;
		else
			syncing->file[syncing->count++] = file;
	}
	if (error == 0)
		error = start_quietly(syncing);
	if (error == 0)
		return syncing;
	if (syncing != NULL)
		let_go(syncing);
	errno = error;
	return NULL;
}

int sync_end(struct syncing *syncing)
{
	int error = pthread_join(syncing->thread, NULL);
	if (error == 0)
		error = syncing->error;
	let_go(syncing);
	return error;
}
