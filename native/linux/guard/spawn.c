#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/idmap.h"
#include "../shared/kernel.h"

enum {
	INIT_CONTROL = 3,
	INIT_INSTRUCTIONS = 6,
	INIT_SECCOMP = 7,
	PROGRAM_INPUT = 8, /* and 9, 10: output, error */
	BWRAP_INFO = 11,
	BWRAP_BLOCK = 12,
	INIT_CHANNEL = 13,
	HANDSHAKE_MS = 30 * 1000,
};

int move_high(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	if (high >= 0)
		close(fd);
	return high;
}

/* dup2 that also works onto itself: the copy survives exec. */
static void place(int from, int to)
{
	if (from == to)
		fcntl(to, F_SETFD, 0);
	else
		dup2(from, to);
}

_Noreturn static void become(const struct command *command, char **words, int info, int block, pid_t guard)
{
	sigset_t none;
	char *empty[] = { NULL };
	/* Should the guard be killed, so is everything it started. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != guard)
		_exit(1);
	if (command->session_terminal >= 0 && (setsid() < 0 || ioctl(command->session_terminal, TIOCSCTTY, 0) != 0)) {
		dprintf(command->diagnostics, "cannot make a session: %s\n", strerror(errno));
		_exit(1);
	}
	for (int i = 0; i < 3; i++)
		place(command->streams[i], PROGRAM_INPUT + i);
	place(INIT_CONTROL, INIT_CONTROL);
	place(INIT_INSTRUCTIONS, INIT_INSTRUCTIONS);
	place(INIT_SECCOMP, INIT_SECCOMP);
	if (command->channel >= 0)
		place(command->channel, INIT_CHANNEL);
	if (info >= 0) {
		place(info, BWRAP_INFO);
		place(block, BWRAP_BLOCK);
	}
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	place(null, STDIN_FILENO);
	place(null, STDOUT_FILENO);
	place(command->diagnostics, STDERR_FILENO);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(command->program, words, empty);
	dprintf(STDERR_FILENO, "cannot execute %s: %s\n", command->program, strerror(errno));
	_exit(127);
}

static pid_t parent_of(pid_t pid)
{
	char path[32], status[512];
	int parent;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t length = read(fd, status, sizeof status - 1);
	close(fd);
	status[length < 0 ? 0 : length] = '\0';
	const char *rest = strrchr(status, ')');
	return rest != NULL && sscanf(rest + 1, " %*c %d", &parent) == 1 ? parent : -1;
}

/*
 * bwrap writes a small JSON object in pieces, to its closing brace, then waits. The pid in it is used as root, so it
 * has to be a child of the bwrap we started.
 */
static pid_t read_child(int info, pid_t bwrap)
{
	static const char key[] = "\"child-pid\":";
	char text[1024] = "";
	int child;
	for (size_t used = 0; strchr(text, '}') == NULL;) {
		struct pollfd wait = { .fd = info, .events = POLLIN };
		if (used == sizeof text - 1 || poll(&wait, 1, HANDSHAKE_MS) <= 0)
			return -1;
		ssize_t got = read(info, text + used, sizeof text - 1 - used);
		if (got <= 0)
			return -1;
		used += (size_t)got;
		text[used] = '\0';
	}
	const char *name = strstr(text, key);
	if (name == NULL || sscanf(name + strlen(key), " %d", &child) != 1 || parent_of(child) != bwrap)
		return -1;
	return child;
}

/* As root: every id exists inside, so that the program can be somebody and files keep their owners. */
static void map_child(pid_t bwrap, int info, int block)
{
	pid_t child = read_child(info, bwrap);
	/* Without an answer bwrap has failed and says why itself. */
	if (child < 0)
		return;
	if (!map_every_id(child))
		report("bwrap-error cannot map the ids of the sandbox: %s", strerror(errno));
	else if (write(block, "1", 1) != 1)
		report("bwrap-error cannot continue bwrap: %s", strerror(errno));
}

pid_t spawn(const struct command *command)
{
	char info_word[16], block_word[16];
	int info[2] = { -1, -1 }, block[2] = { -1, -1 };
	char **words = calloc((size_t)command->count + 8, sizeof *words);
	if (words == NULL)
		return -1;
	int n = 0;
	words[n++] = (char *)command->program;
	if (command->map_every_id) {
		if (pipe2(info, O_CLOEXEC) != 0 || pipe2(block, O_CLOEXEC) != 0)
			return -1;
		for (int i = 0; i < 2; i++) {
			info[i] = move_high(info[i]);
			block[i] = move_high(block[i]);
		}
		snprintf(info_word, sizeof info_word, "%d", BWRAP_INFO);
		snprintf(block_word, sizeof block_word, "%d", BWRAP_BLOCK);
		words[n++] = "--info-fd";
		words[n++] = info_word;
		words[n++] = "--userns-block-fd";
		words[n++] = block_word;
	}
	for (int i = 0; i < command->count; i++)
		words[n++] = command->arguments[i];
	words[n++] = (char *)command->last_word;
	pid_t guard = getpid(), pid = fork();
	if (pid == 0)
		become(command, words, info[1], block[0], guard);
	free(words);
	if (command->map_every_id) {
		close(info[1]);
		close(block[0]);
		if (pid > 0)
			map_child(pid, info[0], block[1]);
		close(info[0]);
		/* Closed without a byte written, this lets bwrap fail instead of wait. */
		close(block[1]);
	}
	return pid;
}
