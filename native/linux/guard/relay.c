#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * O_NONBLOCK belongs to the open file, which the caller's shell shares. Opening it once more gives a file of our
 * own. Sockets cannot be opened so, but take the flag on each call; a regular file never blocks for long.
 */
static int writable_copy(int fd, struct relay *relay)
{
	struct stat status;
	char path[32];
	relay->how = WRITE_PLAIN;
	if (fstat(fd, &status) != 0)
		return -1;
	if (S_ISSOCK(status.st_mode)) {
		relay->how = WRITE_SOCKET;
		return fd;
	}
	if (!S_ISFIFO(status.st_mode) && !isatty(fd))
		return fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int copy = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (copy < 0)
		return fd;
	relay->how = WRITE_NONBLOCKING;
	return copy;
}

void relay_open(struct relay *relay, int from, int to, struct relay_memory *memory)
{
	relay->from = from;
	relay->memory = memory;
	relay->start = relay->used = 0;
	relay->paused = false;
	relay->to = writable_copy(to, relay);
}

void relay_wait(const struct relay *relay, struct pollfd entries[2])
{
	bool room = relay->used < RELAY_BUFFER && relay->to >= 0 && !relay->paused;
	entries[0] = (struct pollfd){ .fd = room ? relay->from : -1, .events = POLLIN };
	entries[1] = (struct pollfd){ .fd = relay->used > 0 ? relay->to : -1, .events = POLLOUT };
}

static void remember(struct relay_memory *memory, const char *bytes, size_t length)
{
	if (memory == NULL)
		return;
	memory->passed += length;
	size_t first = RELAY_HEAD - memory->head < length ? RELAY_HEAD - memory->head : length;
	memcpy(memory->first + memory->head, bytes, first);
	memory->head += first;
	for (bytes += first, length -= first; length > 0;) {
		size_t place = memory->tail % RELAY_TAIL;
		size_t part = RELAY_TAIL - place < length ? RELAY_TAIL - place : length;
		memcpy(memory->last + place, bytes, part);
		memory->tail += part;
		bytes += part;
		length -= part;
	}
}

/* The writer must feel that its reader has gone, as it would without us between: its end of the pipe breaks. */
static void break_off(struct relay *relay)
{
	relay->to = -1;
	relay->used = 0;
	if (relay->from >= 0)
		close(relay->from);
	relay->from = -1;
}

static void fill(struct relay *relay)
{
	/* A read wraps at the buffer's end; the next call takes the rest. */
	size_t place = (relay->start + relay->used) % RELAY_BUFFER;
	size_t room = RELAY_BUFFER - relay->used;
	if (place + room > RELAY_BUFFER)
		room = RELAY_BUFFER - place;
	ssize_t got = read(relay->from, relay->buffer + place, room);
	if (got > 0) {
		remember(relay->memory, relay->buffer + place, (size_t)got);
		relay->used += (size_t)got;
	} else if (got < 0 && errno == EIO && isatty(relay->from)) {
		relay->paused = true;
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(relay->from);
		relay->from = -1;
	}
}

static void empty(struct relay *relay)
{
	/* A pipe that polls writable takes PIPE_BUF bytes at once; more could block where the flag is not ours. */
	size_t most = relay->how == WRITE_PLAIN ? 4096 : RELAY_BUFFER;
	size_t part = relay->used < most ? relay->used : most;
	if (relay->start + part > RELAY_BUFFER)
		part = RELAY_BUFFER - relay->start;
	const char *bytes = relay->buffer + relay->start;
	ssize_t sent = relay->how == WRITE_SOCKET ? send(relay->to, bytes, part, MSG_DONTWAIT | MSG_NOSIGNAL)
	                                          : write(relay->to, bytes, part);
	if (sent > 0) {
		relay->start = (relay->start + (size_t)sent) % RELAY_BUFFER;
		relay->used -= (size_t)sent;
	} else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		break_off(relay);
	}
}

void relay_move(struct relay *relay, const struct pollfd entries[2])
{
	if (entries[0].fd >= 0 && entries[0].revents != 0)
		fill(relay);
	if (relay->to >= 0 && relay->used > 0)
		if ((entries[1].fd >= 0 && entries[1].revents != 0) || relay->how != WRITE_PLAIN)
			empty(relay);
}

bool relay_done(const struct relay *relay)
{
	return relay->used == 0 && relay->from < 0;
}
