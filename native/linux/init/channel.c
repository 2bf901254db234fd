#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int channel = -1;

bool channel_use(int fd, bool needed)
{
	bool there = fcntl(fd, F_GETFD) >= 0;
	if (there && !needed)
		close(fd);
	else if (there)
		channel = fd;
	return there || !needed;
}

int channel_fd(void)
{
	return channel;
}

bool channel_send(int socket, const char *type, const char *value)
{
	char line[512];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} rights;
	memset(&rights, 0, sizeof rights);
	int length = socket < 0 ? snprintf(line, sizeof line, "%s\n", value)
	                        : snprintf(line, sizeof line, "{\"cmd\":\"NODE_HANDLE\",%s,\"msg\":%s}\n", type, value);
	if (length < 0 || (size_t)length >= sizeof line) {
		errno = EMSGSIZE;
		return false;
	}
	struct iovec part = { line, (size_t)length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	if (socket >= 0) {
		rights.header.cmsg_len = CMSG_LEN(sizeof socket);
		rights.header.cmsg_level = SOL_SOCKET;
		rights.header.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&rights.header), &socket, sizeof socket);
		message.msg_control = &rights;
		message.msg_controllen = sizeof rights.room;
	}
	/* So short a message goes as a whole or not at all. */
	return sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == length;
}

void channel_drain(void)
{
	char drop[1024];
	ssize_t got;
	while ((got = recv(channel, drop, sizeof drop, MSG_DONTWAIT)) > 0) {
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(channel);
		channel = -1;
	}
}
