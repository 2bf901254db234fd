#define _GNU_SOURCE
#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../shared/records.h"
#include "channel.h"

enum { PATIENCE_MS = 10 * 1000, MOST_DIGITS = 20 };

static const struct instructions *told;

static struct dial {
	int fd; /* 0: this place is free */
	int family, refusal;
	uint16_t port;
	unsigned long long number;
	long long until;
} dialling[MOST_DIALLING];

void dial_prepare(const struct instructions *instructions)
{
	told = instructions;
}

static long long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void answer(unsigned long long number, int error)
{
	char value[64];
	snprintf(value, sizeof value, "{\"dial\":%llu,\"errno\":%d}", number, error);
	/* If nobody takes it, the asker's own patience ends it. */
	channel_send(-1, "", value);
}

static void finish(struct dial *dial)
{
	char value[64];
	snprintf(value, sizeof value, "{\"dial\":%llu}", dial->number);
	if (!channel_send(dial->fd, "\"type\":\"net.Socket\"", value))
		answer(dial->number, errno);
	close(dial->fd);
	dial->fd = 0;
}

/* 0 when connected, EINPROGRESS when it takes time. */
static int connect_to(const struct dial *dial)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(dial->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(dial->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int done = dial->family == AF_INET ? connect(dial->fd, (struct sockaddr *)&four, sizeof four)
	                                   : connect(dial->fd, (struct sockaddr *)&six, sizeof six);
	return done == 0 || errno == EISCONN ? 0 : errno == EALREADY ? EINPROGRESS : errno;
}

/* Asked again, connect tells what became of an attempt. */
static void go_on(struct dial *dial)
{
	int error = connect_to(dial);
	while (error != 0 && error != EINPROGRESS) {
		close(dial->fd);
		dial->fd = 0;
		/* What IPv4 said is what somebody can do something about. */
		if (dial->family == AF_INET)
			dial->refusal = error;
		else
			return answer(dial->number, dial->refusal);
		dial->family = AF_INET6;
		int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return answer(dial->number, dial->refusal);
		dial->fd = fd;
		error = connect_to(dial);
	}
	if (error == 0)
		finish(dial);
}

static bool may_be_dialled(unsigned long long port)
{
	for (int i = 0; i < told->dials; i++)
		if (told->dial[i] == port)
			return true;
	return false;
}

void dial_start(const char *request)
{
	char digits[MOST_DIGITS + 1];
	unsigned long long number, port;
	const char *space = strchr(request, ' ');
	if (space == NULL || space - request > MOST_DIGITS)
		return;
	memcpy(digits, request, (size_t)(space - request));
	digits[space - request] = '\0';
	if (!read_number(digits, UINT32_MAX, &number) || !read_number(space + 1, UINT16_MAX, &port))
		return;
	if (!may_be_dialled(port))
		return answer(number, EACCES);
	struct dial *dial = dialling;
	while (dial < dialling + MOST_DIALLING && dial->fd != 0)
		dial++;
	if (dial == dialling + MOST_DIALLING)
		return answer(number, EAGAIN);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return answer(number, errno);
	*dial = (struct dial){ fd, AF_INET, 0, (uint16_t)port, number, now_ms() + PATIENCE_MS };
	go_on(dial);
}

int dial_entries(struct pollfd *entries)
{
	int count = 0;
	for (struct dial *dial = dialling; dial < dialling + MOST_DIALLING; dial++)
		if (dial->fd != 0)
			entries[count++] = (struct pollfd){ .fd = dial->fd, .events = POLLOUT };
	return count;
}

int dial_wait(void)
{
	long long least = -1, now = 0;
	for (struct dial *dial = dialling; dial < dialling + MOST_DIALLING; dial++) {
		if (dial->fd == 0)
			continue;
		now = now != 0 ? now : now_ms();
		long long left = dial->until > now ? dial->until - now : 0;
		if (least < 0 || left < least)
			least = left;
	}
	return (int)least;
}

void dial_look(const struct pollfd *entries, int count)
{
	if (count == 0)
		return;
	long long now = now_ms();
	for (int i = 0; i < count; i++) {
		struct dial *dial = dialling;
		while (dial < dialling + MOST_DIALLING && dial->fd != entries[i].fd)
			dial++;
		if (dial == dialling + MOST_DIALLING)
			continue;
		if (entries[i].revents != 0)
			go_on(dial);
		if (dial->fd != 0 && now >= dial->until) {
			close(dial->fd);
			dial->fd = 0;
			answer(dial->number, ETIMEDOUT);
		}
	}
}
