/* The program's standard streams: the guard's own, or a pipe or terminal of its making that it relays. */
#ifndef SANDBOX_STREAMS_H
#define SANDBOX_STREAMS_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "terminal.h"

enum { STREAM_ENTRIES = 4 };

struct streams_wish {
	bool listen;
	enum { TERMINAL_INHERIT, TERMINAL_OWN, TERMINAL_NONE } terminal;
	uid_t owner; /* of what is made */
	gid_t group;
};

/*
 * Makes them; what cannot be made ends the guard. Returns the terminal that is to control the session of everything
 * started, or -1 where that stays the session of the tool.
 */
int streams_arrange(const struct streams_wish *wish, int streams[3]);

/* Everything is started, with `leader` at the head of its session: keeps only what is relayed. */
void streams_release(pid_t leader);

/* Fills in what to wait for, all entries, and shortens the wait; moves what can be moved, and sees to the terminal. */
int streams_wait(struct pollfd entries[STREAM_ENTRIES], int timeout);
void streams_move(const struct pollfd entries[STREAM_ENTRIES]);

/* The outer terminal's size has changed. */
void streams_resize(void);

/* The program was stopped by this signal. Once all it wrote is out and the terminal is as it was, `stop` is reported. */
void streams_stopped(int signal);

/*
 * The launcher wants to ask the person something: once all the program wrote is out, the terminal is taken for it and
 * `asking` reported. Afterwards everything is as it was.
 */
void streams_ask(void);
void streams_asked(void);

/* The launcher has died: the person gets the terminal back before the tree's end. */
void streams_abandon(void);

/* The tool runs again. */
void streams_continued(void);

/* The program should be given the foreground of its terminal. */
bool streams_foreground(void);

/* The program has ended: what is left goes out, until it has. */
void streams_ended(void);
bool streams_drained(bool *waits_for_reader);

/* Reports what was listened to. */
void streams_tell(void);

#endif
