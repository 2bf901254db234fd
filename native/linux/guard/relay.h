/* Copies one stream to another without ever blocking, and remembers the first and last of what passed. */
#ifndef SANDBOX_RELAY_H
#define SANDBOX_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { RELAY_BUFFER = 64 * 1024, RELAY_HEAD = 32 * 1024, RELAY_TAIL = 64 * 1024 };

/* The first 32 KiB and, as a ring, the last 64 KiB. */
struct relay_memory {
	size_t head, tail;
	unsigned long long passed;
	char first[RELAY_HEAD], last[RELAY_TAIL];
};

struct relay {
	int from, to; /* -1 once that side has ended */
	enum { WRITE_PLAIN, WRITE_NONBLOCKING, WRITE_SOCKET } how;
	bool paused;  /* a read from a terminal that is not ours at the moment */
	size_t start, used;
	struct relay_memory *memory;
	char buffer[RELAY_BUFFER];
};

/* `from` is read only when poll says so; `to` may be shared with other programs, so its flags are left alone. */
void relay_open(struct relay *relay, int from, int to, struct relay_memory *memory);

/* Fills in what to wait for; both entries are always written. */
void relay_wait(const struct relay *relay, struct pollfd entries[2]);

/* Moves what can be moved now. */
void relay_move(struct relay *relay, const struct pollfd entries[2]);

/* Nothing more comes, and all that came has been delivered or cannot be. */
bool relay_done(const struct relay *relay);

#endif
