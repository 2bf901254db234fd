#define _GNU_SOURCE
#include "listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shared/control.h"
#include "channel.h"

/* The kernel takes the smaller of this and net.core.somaxconn. */
enum { BACKLOG = 4096 };

static struct opened {
	int fd;
	const char *type, *entrance;
	unsigned port;
} opened[2 * MOST_PORTS];
static int count;

static const char TCP[] = "\"type\":\"net.Native\"";
static const char UDP_4[] = "\"type\":\"dgram.Socket\",\"dgramType\":\"udp4\"";
static const char UDP_6[] = "\"type\":\"dgram.Socket\",\"dgramType\":\"udp6\"";

_Noreturn static void cannot(const char *what, unsigned port)
{
	int error = errno;
	char about[64];
	snprintf(about, sizeof about, "%s %u", what, port);
	fail("door", error, about);
}

static struct opened *keep(int fd, const char *type, const char *entrance, unsigned port)
{
	struct opened *one = &opened[count++];
	*one = (struct opened){ fd, type, entrance, port };
	return one;
}

/* A socket on `port` for all addresses of both families; of IPv4 alone where the kernel knows no other. */
static int bound_anywhere(int kind, uint16_t port, bool *both)
{
	int off = 0;
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET6, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	*both = fd >= 0;
	if (fd >= 0) {
		if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 && bind(fd, (struct sockaddr *)&six, sizeof six) == 0)
			return fd;
	} else if (errno == EAFNOSUPPORT) {
		fd = socket(AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd >= 0 && bind(fd, (struct sockaddr *)&four, sizeof four) == 0)
			return fd;
	}
	cannot("bind", port);
}

static void open_tcp(uint16_t port, const char *entrance)
{
	bool both;
	int fd = bound_anywhere(SOCK_STREAM, port, &both);
	if (listen(fd, BACKLOG) != 0)
		cannot("listen", port);
	keep(fd, TCP, entrance, port);
}

static void open_door(uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof here;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&here, &length) != 0)
		cannot("listen", port);
	keep(fd, TCP, "door", ntohs(here.sin_port));
}

static void open_dns(uint16_t port)
{
	bool both;
	int fd = bound_anywhere(SOCK_DGRAM, port, &both);
	keep(fd, both ? UDP_6 : UDP_4, "dns-udp", port);
	open_tcp(port, "dns-tcp");
}

void listeners_open(const struct instructions *told)
{
	for (int i = 0; i < told->listeners; i++) {
		const struct listener *listener = &told->listener[i];
		switch (listener->kind) {
		case LISTEN_DOOR:
			open_door(listener->port);
			break;
		case LISTEN_TCP:
			open_tcp(listener->port, "tcp");
			break;
		case LISTEN_DNS:
			open_dns(listener->port);
			break;
		}
	}
}

void listeners_hand_over(void)
{
	char value[128];
	for (int i = 0; i < count; i++) {
		snprintf(value, sizeof value, "{\"entrance\":\"%s\",\"port\":%u}", opened[i].entrance, opened[i].port);
		if (!channel_send(opened[i].fd, opened[i].type, value))
			cannot("hand over", opened[i].port);
		close(opened[i].fd);
	}
	if (channel_fd() < 0)
		return;
	snprintf(value, sizeof value, "{\"entrances\":%d}", count);
	if (!channel_send(-1, "", value))
		cannot("hand over", 0);
}
