#define _GNU_SOURCE
#include "network.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shared/control.h"
#include "listeners.h"
#include "route.h"

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

void network_set_up(const struct instructions *told)
{
	if (!told->namespaces || told->network == NETWORK_FULL)
		return;
	bring_up_loopback();
	/* Without these a restricted network reaches nothing, which is what it promises at most. */
	if (told->route_all)
		route_all();
	listeners_open(told);
}
