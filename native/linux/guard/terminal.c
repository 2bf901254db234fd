#define _GNU_SOURCE
#include "terminal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "../shared/kernel.h"

static int terminal = -1;
static bool was_ours;
static int raw_terminal = -1;
static struct termios cooked, uncooked;
static pid_t borrowed_from;
static struct termios lender;

void terminal_look(void)
{
	terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	was_ours = terminal_is_ours();
}

bool terminal_is_ours(void)
{
	return terminal >= 0 && tcgetpgrp(terminal) == getpgrp();
}

bool terminal_controls(int fd)
{
	return terminal >= 0 && isatty(fd) && tcgetsid(fd) == getsid(0);
}

/* Parent and process group of a process; false when it has gone. */
static bool relatives(pid_t pid, pid_t *parent, pid_t *group)
{
	char path[32], text[512];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, text, sizeof text - 1);
	close(fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	/* The command, in brackets, may itself hold brackets and spaces. */
	const char *rest = strrchr(text, ')');
	return rest != NULL && sscanf(rest + 1, " %*c %d %d", parent, group) == 2;
}

static bool is_ancestor(pid_t candidate)
{
	pid_t parent = getppid(), group;
	while (parent > 1 && parent != candidate)
		if (!relatives(parent, &parent, &group))
			return false;
	return parent == candidate;
}

static bool alone_in_group(void)
{
	DIR *processes = opendir("/proc");
	bool alone = true;
	if (processes == NULL)
		return false;
	for (struct dirent *entry; alone && (entry = readdir(processes)) != NULL;) {
		pid_t pid = (pid_t)atoi(entry->d_name), parent, group;
		if (pid <= 0 || pid == getpid() || !relatives(pid, &parent, &group) || group != getpgrp())
			continue;
		alone = parent == getppid() || is_ancestor(pid);
	}
	closedir(processes);
	return alone;
}

bool terminal_may_move(void)
{
	if (!was_ours)
		return false;
	/* No part of a pipeline: nothing to look for. */
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return true;
	return alone_in_group();
}

void terminal_restore(void)
{
	terminal_give_back();
	terminal_cook();
	if (terminal < 0 || !was_ours)
		return;
	/* A living group other than ours is a shell that took the terminal while we were in the background. */
	pid_t group = tcgetpgrp(terminal);
	if (group > 0 && group != getpgrp() && kill(-group, 0) != 0 && errno == ESRCH)
		tcsetpgrp(terminal, getpgrp());
}

/* The program's own group: its leader descends from here. */
static bool is_below(pid_t pid)
{
	pid_t group;
	while (pid > 1 && pid != getpid())
		if (!relatives(pid, &pid, &group))
			return false;
	return pid == getpid();
}

bool terminal_borrow(void)
{
	terminal_cook();
	pid_t group = terminal < 0 ? -1 : tcgetpgrp(terminal);
	if (group <= 0 || (group != getpgrp() && (!is_below(group) || tcsetpgrp(terminal, getpgrp()) != 0)))
		return false;
	if (tcgetattr(terminal, &lender) != 0)
		return false;
	struct termios plain = lender;
	plain.c_iflag |= ICRNL;
	plain.c_oflag |= OPOST | ONLCR;
	plain.c_lflag |= ICANON | ISIG | IEXTEN | ECHO | ECHOE | ECHOK;
	tcsetattr(terminal, TCSANOW, &plain);
	/* Typed before the question was there, it is no answer to it. */
	tcflush(terminal, TCIFLUSH);
	borrowed_from = group;
	return true;
}

void terminal_give_back(void)
{
	if (borrowed_from == 0)
		return;
	if (terminal_is_ours()) {
		tcflush(terminal, TCIFLUSH);
		tcsetattr(terminal, TCSANOW, &lender);
		if (borrowed_from != getpgrp())
			tcsetpgrp(terminal, borrowed_from);
	}
	borrowed_from = 0;
}

bool pty_make(struct pty *pty, uid_t owner, bool raw)
{
	int unlocked = 0;
	pty->outer = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (pty->outer < 0 || ioctl(pty->outer, TIOCSPTLCK, &unlocked) != 0)
		return false;
	pty->inner = ioctl(pty->outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (pty->inner < 0)
		return false;
	/* So that the program can open it by name, as it can a terminal it inherits. */
	if (fchown(pty->inner, owner, (gid_t)-1) != 0 || fchmod(pty->inner, 0600) != 0)
		return false;
	if (raw) {
		struct termios settings;
		if (tcgetattr(pty->inner, &settings) != 0)
			return false;
		cfmakeraw(&settings);
		return tcsetattr(pty->inner, TCSANOW, &settings) == 0;
	}
	return true;
}

void pty_resize(const struct pty *pty, int from)
{
	struct winsize wanted, present;
	if (ioctl(from, TIOCGWINSZ, &wanted) != 0 || ioctl(pty->outer, TIOCGWINSZ, &present) != 0)
		return;
	if (memcmp(&wanted, &present, sizeof wanted) != 0)
		ioctl(pty->outer, TIOCSWINSZ, &wanted);
}

static bool same_settings(const struct termios *one, const struct termios *other)
{
	return one->c_iflag == other->c_iflag && one->c_oflag == other->c_oflag && one->c_lflag == other->c_lflag;
}

/*
 * Settings change at once: what was written has been processed when it was, and waiting for it would be waiting for
 * whoever pressed Ctrl-S.
 */
void terminal_raw(int fd)
{
	/* From the background this would change the terminal under whoever uses it now. */
	if (!isatty(fd) || !terminal_is_ours() || (raw_terminal < 0 && tcgetattr(fd, &cooked) != 0))
		return;
	uncooked = cooked;
	cfmakeraw(&uncooked);
	if (tcsetattr(fd, TCSANOW, &uncooked) == 0)
		raw_terminal = fd;
}

void terminal_cook(void)
{
	struct termios present;
	if (raw_terminal < 0)
		return;
	/* Whoever has it now may have its own settings already; left as we made it, it is for nobody. */
	bool untouched = tcgetattr(raw_terminal, &present) == 0 && same_settings(&present, &uncooked);
	if (untouched || terminal_is_ours())
		tcsetattr(raw_terminal, TCSANOW, &cooked);
	raw_terminal = -1;
}

void terminal_copy_settings(int from, int to)
{
	struct termios settings;
	if (tcgetattr(from, &settings) == 0)
		tcsetattr(to, TCSANOW, &settings);
}
