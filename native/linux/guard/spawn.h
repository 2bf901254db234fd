/* Starts what the guard watches: bwrap, or on a host without namespaces the init itself. */
#ifndef SANDBOX_SPAWN_H
#define SANDBOX_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

/* What must never land below the descriptors that have a meaning in the child. */
enum { FIRST_FREE_FD = 32 };

struct command {
	const char *program;
	char **arguments;    /* what the instructions give; the last word is added here */
	int count;
	bool direct;         /* no bwrap */
	bool map_every_id;
	const char *last_word;
	int streams[3];      /* the program's */
	int channel;         /* of the door; -1 without one */
	int session_terminal; /* controls a session of its own; -1: the session stays the tool's */
	int diagnostics;     /* where bwrap, and init before the start, may print */
};

/* The process started, or -1: then errno tells why. The caller has SIGCHLD blocked. */
pid_t spawn(const struct command *command);

/* Moves a descriptor out of the way and marks it to be closed on exec. */
int move_high(int fd);

#endif
