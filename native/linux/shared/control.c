#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE = 4096, MESSAGE = 3 * LINE };

static int control = -1;
static char pending[LINE + 1];
static size_t used, taken;

void control_use(int fd)
{
	control = fd;
}

int control_fd(void)
{
	return control;
}

void report_bytes(const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(control, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			struct pollfd room = { .fd = control, .events = POLLOUT };
			poll(&room, 1, -1);
			continue;
		}
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return; /* nobody listens any more: the lifeline tells it elsewhere */
		bytes += sent;
		length -= (size_t)sent;
	}
}

void report(const char *format, ...)
{
	char line[MESSAGE];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line - 1, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length > sizeof line - 2)
		length = (int)sizeof line - 2;
	for (int i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[length] = '\n';
	report_bytes(line, (size_t)length + 1);
}

void fail(const char *step, int error, const char *about)
{
	if (error == 0)
		report("failed %s 0 %s", step, about);
	else
		report("failed %s %d %s: %s", step, error, about, strerror(error));
	_exit(1);
}

bool control_read(void)
{
	memmove(pending, pending + taken, used - taken);
	used -= taken;
	taken = 0;
	if (used == LINE)
		return false;
	ssize_t got = recv(control, pending + used, LINE - used, MSG_DONTWAIT);
	if (got > 0)
		used += (size_t)got;
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

char *control_line(void)
{
	char *start = pending + taken;
	char *end = memchr(start, '\n', used - taken);
	if (end == NULL)
		return NULL;
	*end = '\0';
	taken = (size_t)(end + 1 - pending);
	return start;
}

#ifdef SANITIZED
/* Called by the sanitizers' run-time. Looking for leaks needs ptrace, which a process that is not dumpable forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:abort_on_error=0:exitcode=99";
}
#endif
