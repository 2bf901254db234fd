#define _GNU_SOURCE
#include "route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shared/control.h"

/* linux/netlink.h, linux/rtnetlink.h: what `ip route add local 0.0.0.0/0 dev lo` sends. */
struct netlink_address {
	uint16_t family, padding;
	uint32_t port, groups;
};
struct new_route {
	uint32_t length;
	uint16_t type, flags;
	uint32_t sequence, port;
	uint8_t family, destination_bits, source_bits, tos, table, protocol, scope, kind;
	uint32_t route_flags;
	uint16_t attribute_length, attribute;
	uint32_t interface;
};
struct answer {
	uint32_t length;
	uint16_t type, flags;
	uint32_t sequence, port;
	int32_t error;
	char rest[256];
};
enum {
	NEW_ROUTE = 24,
	REQUEST = 0x1,
	ACKNOWLEDGE = 0x4,
	EXCLUSIVE = 0x200,
	CREATE = 0x400,
	TABLE_LOCAL = 255,
	PROTOCOL_BOOT = 3,
	SCOPE_HOST = 254,
	KIND_LOCAL = 2,
	OUTGOING_INTERFACE = 4,
	ERROR = 2,
};

/* Addresses that are nobody's (RFC 5737, RFC 3849). */
static const char *const NOWHERE_4 = "192.0.2.1", *const NOWHERE_6 = "2001:db8::1";

/* 0, or the kernel's errno. */
static int add_route(int netlink, uint8_t family, unsigned interface)
{
	struct new_route route = {
		.length = sizeof route,
		.type = NEW_ROUTE,
		.flags = REQUEST | ACKNOWLEDGE | CREATE | EXCLUSIVE,
		.sequence = family,
		.family = family,
		.table = TABLE_LOCAL,
		.protocol = PROTOCOL_BOOT,
		.scope = family == AF_INET ? SCOPE_HOST : 0,
		.kind = KIND_LOCAL,
		.attribute_length = 8,
		.attribute = OUTGOING_INTERFACE,
		.interface = interface,
	};
	struct netlink_address kernel = { .family = AF_NETLINK };
	struct answer answer;
	if (sendto(netlink, &route, sizeof route, 0, (struct sockaddr *)&kernel, sizeof kernel) != (ssize_t)sizeof route)
		return errno;
	ssize_t got = recv(netlink, &answer, sizeof answer, 0);
	if (got < 0)
		return errno;
	if ((size_t)got < offsetof(struct answer, rest) || answer.type != ERROR || answer.sequence != family)
		return EPROTO;
	return -answer.error;
}

/* Asks the kernel where it would send, without sending anything. */
static bool leads_here(const struct sockaddr *address, socklen_t length)
{
	int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found = fd >= 0 && connect(fd, address, length) == 0;
	int error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return found;
}

void route_all(void)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	inet_pton(AF_INET, NOWHERE_4, &four.sin_addr);
	inet_pton(AF_INET6, NOWHERE_6, &six.sin6_addr);
	unsigned loopback = if_nametoindex("lo");
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (netlink < 0 || loopback == 0)
		fail("network", errno, "netlink");
	int error = add_route(netlink, AF_INET, loopback);
	if (error != 0 || !leads_here((struct sockaddr *)&four, sizeof four))
		fail("network", error != 0 ? error : errno, "route to every IPv4 address");
	error = add_route(netlink, AF_INET6, loopback);
	close(netlink);
	/* A host may have no IPv6 at all, or none on loopback (EACCES): then nothing inside can use it either. */
	if (error == EOPNOTSUPP || error == EAFNOSUPPORT || error == EACCES)
		return;
	if (error != 0 || !leads_here((struct sockaddr *)&six, sizeof six))
		fail("network", error != 0 ? error : errno, "route to every IPv6 address");
}
