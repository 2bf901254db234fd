/*
 * sandbox-guard: stands between the launcher and the sandbox, on the host. It outlives a killed launcher, so that
 * nothing of a run stays behind; it lends the program a terminal or a pipe; and it decides nothing. Everything it
 * does is in its instructions. The protocol is PROTOCOL.md beside this folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/kernel.h"
#include "../shared/records.h"
#include "aftermath.h"
#include "spawn.h"
#include "streams.h"
#include "sweep.h"
#include "terminal.h"

enum {
	CONTROL = 4,
	INSTRUCTIONS = 5,
	FIRST_OPTIONAL_FD = 8,
	CHANNEL = 8,
	AFTERMATH = 9,
	FIRST_UNKNOWN_FD = 10,
	FIRST_HIDDEN_SIGNAL = 32,
	LAST_HIDDEN_SIGNAL = 34,
	MOST_ARGUMENTS = 64 * 1024,
	MOST_PATHS = 8 * 1024,
	MOST_DIAGNOSTICS = 4 * 1024,
	/* After the sandbox has died its streams end at once; this bounds a kernel that thinks otherwise. */
	SOURCE_DRAIN_MS = 1000,
	/* With the launcher gone nobody may be left to read either. */
	ORPHAN_DRAIN_MS = 500,
};

struct instructions {
	struct command command;
	struct streams_wish wish;
	bool door;
	const char *aftermath[2]; /* a program and its argument */
	int aftermath_input;
	int placeholders, quarantines;
	const char *placeholder[MOST_PATHS], *quarantine[MOST_PATHS][2];
};

static struct instructions told;
static char *arguments[MOST_ARGUMENTS];

static int signals = -1, diagnostics = -1;
static char printed[MOST_DIAGNOSTICS];
static size_t printed_length;

static pid_t launcher;
static bool launcher_lost, swept_elsewhere;
/* The launcher lets the program start. Before, whatever appears under a protected name is somebody else's. */
static bool going;

static void read_instructions(void)
{
	static const char *const terminals[] = { "inherit", "own", "none", NULL };
	static const char *const errors[] = { "pass", "tee", NULL };
	static const char *const maps[] = { "full", NULL };
	records_read(INSTRUCTIONS);
	close(INSTRUCTIONS);
	told.command.arguments = arguments;
	told.wish.owner = getuid();
	told.wish.group = getgid();
	for (const char *name; (name = record_name()) != NULL;) {
		if (strcmp(name, "bwrap") == 0 || strcmp(name, "direct") == 0) {
			told.command.direct = name[0] == 'd';
			told.command.program = record_path();
		} else if (strcmp(name, "arg") == 0 && told.command.count < MOST_ARGUMENTS) {
			arguments[told.command.count++] = (char *)record_word();
		} else if (strcmp(name, "idmap") == 0) {
			record_choice(maps);
			told.command.map_every_id = true;
		} else if (strcmp(name, "owner") == 0) {
			told.wish.owner = (uid_t)record_number(UINT32_MAX - 1);
			told.wish.group = (gid_t)record_number(UINT32_MAX - 1);
		} else if (strcmp(name, "stderr") == 0) {
			told.wish.listen = record_choice(errors) == 1;
		} else if (strcmp(name, "terminal") == 0) {
			told.wish.terminal = record_choice(terminals);
		} else if (strcmp(name, "door") == 0) {
			told.door = true;
		} else if (strcmp(name, "aftermath") == 0) {
			told.aftermath[0] = record_path();
			told.aftermath[1] = record_path();
		} else if (strcmp(name, "placeholder") == 0 && told.placeholders < MOST_PATHS) {
			told.placeholder[told.placeholders++] = record_path();
		} else if (strcmp(name, "quarantine") == 0 && told.quarantines < MOST_PATHS) {
			told.quarantine[told.quarantines][0] = record_path();
			told.quarantine[told.quarantines++][1] = record_path();
		} else {
			records_refuse(name);
		}
	}
	if (told.command.program == NULL || (told.command.direct && told.command.count > 0))
		records_refuse("neither bwrap nor direct");
}

/* What stands there without being told of was left open by somebody, and is nobody's business inside. */
static int take_optional(int fd, bool wanted, const char *step)
{
	if (!wanted) {
		close(fd);
		return -1;
	}
	int taken = move_high(fd);
	if (taken < 0)
		fail(step, errno, "descriptor");
	return taken;
}

/*
 * Ctrl-C, Ctrl-Z and a closed terminal are the program's and the launcher's business. Ignored here, they stay ignored
 * in bwrap, which would otherwise die of them and take the sandbox along.
 */
static void arrange_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
		                           SIGALRM, SIGPIPE };
	static const unsigned long as_by_default[8];
	sigset_t taken;
	/* C libraries keep these to themselves, and glibc's posix_spawn() hands them on ignored. */
	for (int number = FIRST_HIDDEN_SIGNAL; number <= LAST_HIDDEN_SIGNAL; number++)
		syscall(SYS_rt_sigaction, number, as_by_default, NULL, 8);
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	sigaddset(&taken, SIGWINCH);
	sigaddset(&taken, SIGCONT);
	sigaddset(&taken, SIGRTMIN);
	sigprocmask(SIG_SETMASK, &taken, NULL);
	signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		fail("signals", errno, "signalfd");
	signals = move_high(signals);
}

/* The guard keeps nothing of what it only passes on. */
static void release_passed(void)
{
	close(3);
	close(6);
	close(7);
	if (told.command.channel >= 0)
		close(told.command.channel);
}

static void listen_to_launcher(void)
{
	if (!control_read())
		launcher_lost = true;
	for (char *line; (line = control_line()) != NULL;) {
		if (strcmp(line, "foreground?") == 0)
			report("foreground %s", streams_foreground() ? "yes" : "no");
		else if (strncmp(line, "stopped ", 8) == 0)
			streams_stopped(atoi(line + 8));
		else if (strcmp(line, "ask") == 0)
			streams_ask();
		else if (strcmp(line, "asked") == 0)
			streams_asked();
		else if (strcmp(line, "winsize") == 0)
			streams_resize();
		else if (strcmp(line, "done") == 0)
			swept_elsewhere = true;
		else if (strcmp(line, "going") == 0)
			going = true;
	}
}

static void take_signals(void)
{
	struct signalfd_siginfo info;
	while (read(signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGWINCH)
			streams_resize();
		if (info.ssi_signo == SIGCONT)
			streams_continued();
		/* The parent's death signal. A thread of the launcher that ends sends it too: then the parent stays. */
		if (info.ssi_signo == (uint32_t)SIGRTMIN && getppid() != launcher)
			launcher_lost = true;
	}
}

static void read_diagnostics(void)
{
	char drop[512];
	bool room = printed_length < sizeof printed - 1;
	ssize_t got = room ? read(diagnostics, printed + printed_length, sizeof printed - 1 - printed_length)
	                   : read(diagnostics, drop, sizeof drop);
	if (got > 0 && room)
		printed_length += (size_t)got;
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		close(diagnostics);
		diagnostics = -1;
	}
}

/* bwrap, and init where bwrap died first. A pid namespace is empty when its init can be reaped. */
static void kill_children(void)
{
	char path[64], text[256];
	int child, taken;
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t length = read(fd, text, sizeof text - 1);
	close(fd);
	text[length < 0 ? 0 : length] = '\0';
	for (const char *at = text; sscanf(at, " %d%n", &child, &taken) == 1; at += taken)
		kill(child, SIGKILL);
}

/* True when no child is left. */
static bool reap(pid_t main_child, int *status, bool *ended)
{
	for (;;) {
		int one;
		pid_t pid = waitpid(-1, &one, WNOHANG);
		if (pid == main_child) {
			*status = one;
			*ended = true;
		}
		if (pid < 0)
			return errno == ECHILD;
		if (pid == 0)
			return false;
	}
}

/* One wait and what follows from it. */
static void turn(int timeout)
{
	enum { OWN = 3 };
	struct pollfd entries[OWN + STREAM_ENTRIES] = {
		{ .fd = launcher_lost ? -1 : CONTROL, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = diagnostics, .events = POLLIN },
	};
	timeout = streams_wait(entries + OWN, timeout);
	if (poll(entries, OWN + STREAM_ENTRIES, timeout) < 0 && errno != EINTR)
		fail("poll", errno, "poll");
	if (entries[0].fd >= 0 && entries[0].revents != 0)
		listen_to_launcher();
	if (entries[1].revents != 0)
		take_signals();
	if (entries[2].fd >= 0 && entries[2].revents != 0)
		read_diagnostics();
	streams_move(entries + OWN);
}

static long long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* The program may be done before its reader is: that one gets its time, as it would from a pipe of its own. */
static void drain(void)
{
	long long source_end = now_ms() + SOURCE_DRAIN_MS, orphan_end = 0;
	bool waits_for_reader;
	streams_ended();
	while (!streams_drained(&waits_for_reader)) {
		if (!waits_for_reader && now_ms() >= source_end)
			break;
		if (launcher_lost && orphan_end == 0)
			orphan_end = now_ms() + ORPHAN_DRAIN_MS;
		if (orphan_end != 0 && now_ms() >= orphan_end)
			break;
		turn(50);
	}
	while (diagnostics >= 0 && now_ms() < source_end)
		turn(20);
}

static void tell_the_end(int status)
{
	if (printed_length > 0) {
		while (printed_length > 0 && printed[printed_length - 1] == '\n')
			printed_length--;
		printed[printed_length] = '\0';
		for (char *line = strtok(printed, "\n"); line != NULL; line = strtok(NULL, "\n"))
			report("bwrap-error %s", line);
	}
	streams_tell();
	report("end %d", status);
}

static void sweep_placeholders(void)
{
	/* Deepest first: one may stand in another. */
	while (told.placeholders > 0)
		placeholder_sweep(told.placeholder[--told.placeholders]);
}

/* Made here, so that they go away whenever the launcher dies. Keeps only those that are ours. */
static void make_placeholders(void)
{
	int made = 0, wanted = told.placeholders;
	for (int i = 0; i < wanted; i++) {
		told.placeholders = made;
		if (placeholder_make(told.placeholder[i])) {
			told.placeholder[made++] = told.placeholder[i];
		} else if (errno != EEXIST) {
			int error = errno;
			sweep_placeholders();
			terminal_restore();
			fail("placeholder", error, told.placeholder[i]);
		}
	}
	told.placeholders = made;
}

int main(void)
{
	control_use(CONTROL);
	launcher = getppid();
	prctl(PR_SET_PDEATHSIG, SIGRTMIN);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	syscall(SYS_close_range, FIRST_UNKNOWN_FD, ~0u, 0);
	for (int fd = 3; fd < FIRST_UNKNOWN_FD; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 && fd < FIRST_OPTIONAL_FD)
			_exit(1);
	arrange_signals();
	read_instructions();
	told.command.channel = take_optional(CHANNEL, told.door, "door");
	told.aftermath_input = take_optional(AFTERMATH, told.aftermath[0] != NULL, "aftermath");
	terminal_look();
	told.command.session_terminal = streams_arrange(&told.wish, told.command.streams);

	int ends[2], status = 0;
	bool ended = false, may_move = told.wish.terminal == TERMINAL_INHERIT && terminal_may_move();
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		fail("pipe", errno, "pipe2");
	diagnostics = move_high(ends[0]);
	told.command.diagnostics = move_high(ends[1]);
	told.command.last_word = may_move ? "tty" : "notty";
	make_placeholders();
	pid_t main_child = spawn(&told.command);
	if (main_child < 0) {
		int error = errno;
		sweep_placeholders();
		terminal_restore();
		fail("spawn", error, told.command.program);
	}
	close(told.command.diagnostics);
	release_passed();
	streams_release(told.command.session_terminal >= 0 ? main_child : 0);

	while (!reap(main_child, &status, &ended)) {
		if (launcher_lost || ended) {
			if (launcher_lost)
				streams_abandon();
			if (!ended)
				kill(main_child, SIGKILL);
			kill_children();
		}
		turn(launcher_lost || ended ? 20 : -1);
	}
	drain();
	terminal_restore();
	turn(0); /* what the launcher said last */
	/* It meant to, and was killed before it could. */
	if (getppid() != launcher)
		swept_elsewhere = false;
	if (!swept_elsewhere) {
		sweep_placeholders();
		/* One that somebody filled meanwhile is moved aside like any other name. */
		for (int i = 0; going && i < told.quarantines; i++)
			sweep_quarantine(told.quarantine[i][0], told.quarantine[i][1]);
	}
	tell_the_end(status);
	if (launcher_lost && going && !swept_elsewhere && told.aftermath[0] != NULL)
		become_aftermath(told.aftermath, told.aftermath_input);
	return 0;
}
