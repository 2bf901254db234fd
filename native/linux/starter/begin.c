#define _GNU_SOURCE
#include "begin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <unistd.h>

/*
 * Errors: a number of errno's. What has a number here that a program may be given is placed from a copy above all of
 * them, `high`: so placing one overwrites no other.
 */
static int place(posix_spawn_file_actions_t *actions, int from, int to, int *high)
{
	int flags;
	/* Node makes the streams it shares non-blocking; a program does not expect that. */
	if (to <= STDERR_FILENO && (flags = fcntl(from, F_GETFL)) >= 0 && (flags & O_NONBLOCK) != 0)
		fcntl(from, F_SETFL, flags & ~O_NONBLOCK);
	if (from >= MOST_DESCRIPTORS)
		return posix_spawn_file_actions_adddup2(actions, from, to);
	*high = fcntl(from, F_DUPFD_CLOEXEC, MOST_DESCRIPTORS);
	return *high < 0 ? errno : posix_spawn_file_actions_adddup2(actions, *high, to);
}

int begin(pid_t *pid, const char *program, const int *descriptors, int count)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t how;
	sigset_t every, none;
	char *words[] = { (char *)program, NULL }, *empty[] = { NULL };
	int high[MOST_DESCRIPTORS], placed = 0, error;
	sigfillset(&every);
	sigemptyset(&none);
	if ((error = posix_spawnattr_init(&how)) != 0)
		return error;
	if ((error = posix_spawn_file_actions_init(&actions)) != 0) {
		posix_spawnattr_destroy(&how);
		return error;
	}
	posix_spawnattr_setsigdefault(&how, &every);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	for (int i = 0; i < count && error == 0; i++) {
		high[placed] = -1;
		if (descriptors[i] == NONE)
			error = posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
		else
			error = place(&actions, descriptors[i], i, &high[placed++]);
	}
	if (error == 0)
		error = posix_spawn_file_actions_addchdir_np(&actions, "/");
	if (error == 0)
		error = posix_spawn(pid, program, &actions, &how, words, empty);
	while (placed > 0)
		if (high[--placed] >= 0)
			close(high[placed]);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&how);
	return error;
}
