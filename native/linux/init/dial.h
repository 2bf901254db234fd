/* Connections from outside to the program's own servers, made here because here is where those listen. */
#ifndef SANDBOX_DIAL_H
#define SANDBOX_DIAL_H

#include <poll.h>

#include "instructions.h"

enum { MOST_DIALLING = 64 };

void dial_prepare(const struct instructions *told);

/*
 * Connects to a port on the loopback, IPv4 before IPv6, and hands the socket over, or tells the errno; `request` is
 * what follows `dial `: a number that comes back with the answer, and the port. Never waits.
 */
void dial_start(const char *request);

/* Fills in at most MOST_DIALLING entries and tells how many. */
int dial_entries(struct pollfd *entries);

/* Milliseconds until dial_look() should be called whatever happens, -1 for never. */
int dial_wait(void);

/* Goes on with those that are ready, gives up those that take too long. The entries are those of dial_entries(). */
void dial_look(const struct pollfd *entries, int count);

#endif
