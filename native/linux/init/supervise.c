#define _GNU_SOURCE
#include "supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/records.h"
#include "channel.h"
#include "dial.h"
#include "processes.h"
#include "rebind.h"
#include "watchdog.h"

static pid_t program;
static int terminal; /* -1: the foreground is not ours to give */
static bool stopped;
static bool held; /* while somebody is asked */

_Noreturn static void end(void)
{
	/* In a pid namespace the kernel does the rest when this process has gone. */
	processes_kill();
	_exit(0);
}

/* Collects whatever has ended; the program's own end is everybody's. */
static void reap(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		if (pid != program)
			continue;
		if (WIFSTOPPED(status) && held) {
			/* Not the program's doing, and nobody's to act on. */
		} else if (WIFSTOPPED(status)) {
			stopped = true;
			report("stopped %d", WSTOPSIG(status));
		} else if (WIFCONTINUED(status)) {
			stopped = false;
		} else {
			if (WIFSIGNALED(status))
				report("signal %d", WTERMSIG(status));
			else
				report("exit %d", WEXITSTATUS(status));
			end();
		}
	}
}

static void hold(void)
{
	if (!held) {
		reap(); /* a stop of the program's own is reported first */
		held = true;
		if (!processes_freeze()) {
			processes_thaw();
			held = false;
		}
	}
	report("frozen %s", held ? "yes" : "no");
}

static void let_go(void)
{
	if (!held)
		return;
	/* While these are still seen as stopped by us. */
	reap();
	held = false;
	processes_thaw();
}

static void pass_signal(int number)
{
	/* Whoever is told to end has to be able to. */
	if (number == SIGTERM || number == SIGHUP || number == SIGINT || number == SIGQUIT)
		let_go();
	if (number == SIGKILL) {
		processes_signal(SIGKILL);
		return;
	}
	/* The group may have gone while the program lives on in another. */
	if (kill(-program, number) != 0)
		kill(program, number);
	/* A stopped program could not act on being told to end. */
	if (stopped && (number == SIGTERM || number == SIGHUP))
		kill(-program, SIGCONT);
}

static void resume(bool foreground)
{
	if (held)
		return; /* it goes on when the question is answered */
	if (foreground && terminal >= 0)
		tcsetpgrp(terminal, program);
	kill(-program, SIGCONT);
}

static void obey(void)
{
	if (!control_read())
		end();
	for (char *line; (line = control_line()) != NULL;) {
		unsigned long long number;
		if (strncmp(line, "signal ", 7) == 0 && read_number(line + 7, NSIG - 1, &number) && number > 0)
			pass_signal((int)number);
		else if (strcmp(line, "continue fg") == 0 || strcmp(line, "continue bg") == 0)
			resume(line[9] == 'f');
		else if (strcmp(line, "freeze") == 0)
			hold();
		else if (strcmp(line, "thaw") == 0)
			let_go();
		else if (strncmp(line, "dial ", 5) == 0)
			dial_start(line + 5);
	}
}

static int sooner(int one, int other)
{
	return one < 0 ? other : other < 0 || one < other ? one : other;
}

void supervise(const struct instructions *told, pid_t child, int signals, int tty)
{
	(void)told;
	enum { OWN = 4 };
	program = child;
	terminal = tty;
	for (;;) {
		struct pollfd entries[OWN + MOST_DIALLING] = {
			{ .fd = control_fd(), .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
			{ .fd = rebind_fd(), .events = POLLIN },
			{ .fd = channel_fd(), .events = POLLIN },
		};
		int dials = dial_entries(entries + OWN);
		int ready = poll(entries, (nfds_t)(OWN + dials), sooner(watchdog_wait(), dial_wait()));
		if (ready < 0 && errno != EINTR)
			fail("poll", errno, "init");
		if (entries[2].fd >= 0 && entries[2].revents != 0)
			rebind_look();
		if (entries[1].revents != 0) {
			struct signalfd_siginfo info;
			while (read(signals, &info, sizeof info) == sizeof info) {
			}
			reap();
		}
		dial_look(entries + OWN, dials);
		if (entries[3].fd >= 0 && entries[3].revents != 0)
			channel_drain();
		if (entries[0].revents != 0)
			obey();
		watchdog_look();
	}
}
