#define _GNU_SOURCE
#include "network.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shared/control.h"

static void bring_up_loopback(void)
{
	struct ifreq request;
	memset(&request, 0, sizeof request);
	strcpy(request.ifr_name, "lo");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		fail("network", errno, "lo");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) != 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		fail("network", errno, "lo up");
	if (!(request.ifr_flags & IFF_UP))
		fail("network", ENETDOWN, "lo is still down");
	close(fd);
}

/*
 * The door's listeners and the routes that lead every address to them belong here, between a loopback that is up and
 * a program that does not exist yet, while CAP_NET_ADMIN and CAP_NET_BIND_SERVICE are held. Without them a restricted
 * network reaches nothing, which is what it promises at most.
 */
static void open_door(void) {}

void network_set_up(const struct instructions *told)
{
	if (!told->namespaces || told->network == NETWORK_FULL)
		return;
	bring_up_loopback();
	if (told->network == NETWORK_RESTRICTED)
		open_door();
}
