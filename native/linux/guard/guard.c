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
#include "relay.h"
#include "spawn.h"
#include "sweep.h"
#include "terminal.h"

enum {
	CONTROL = 4,
	INSTRUCTIONS = 5,
	FIRST_OPTIONAL_FD = 8,
	CHANNEL = 8,
	FIRST_UNKNOWN_FD = 9,
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
	uid_t owner;
	gid_t group;
	bool listen, door;
	enum { TERMINAL_INHERIT, TERMINAL_OWN, TERMINAL_NONE } terminal;
	int placeholders, quarantines;
	const char *placeholder[MOST_PATHS], *quarantine[MOST_PATHS][2];
};

static struct instructions told;
static char *arguments[MOST_ARGUMENTS];

static struct relay input, output; /* `output` carries standard error alone, or both */
static struct relay_memory memory;
static bool relaying_input, relaying_output;
static struct pty pty = { -1, -1 };
static int pty_follows = -1; /* the terminal whose size the pty takes */
static int pipe_inner = -1;

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
	told.owner = getuid();
	told.group = getgid();
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
			told.owner = (uid_t)record_number(UINT32_MAX - 1);
			told.group = (gid_t)record_number(UINT32_MAX - 1);
		} else if (strcmp(name, "stderr") == 0) {
			told.listen = record_choice(errors) == 1;
		} else if (strcmp(name, "terminal") == 0) {
			told.terminal = record_choice(terminals);
		} else if (strcmp(name, "door") == 0) {
			told.door = true;
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
static void take_channel(void)
{
	told.command.channel = told.door ? move_high(CHANNEL) : -1;
	if (!told.door)
		close(CHANNEL);
	else if (told.command.channel < 0)
		fail("door", errno, "channel");
}

/*
 * Ctrl-C, Ctrl-Z and a closed terminal are the program's and the launcher's business. Ignored here, they stay ignored
 * in bwrap, which would otherwise die of them and take the sandbox along.
 */
static void arrange_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
		                           SIGALRM, SIGPIPE };
	sigset_t taken;
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

static bool same_file(int one, int other)
{
	struct stat a, b;
	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
	       a.st_rdev == b.st_rdev;
}

/* Out of the way of the descriptors that the program's streams are put at. */
static void make_pty(bool raw)
{
	if (!pty_make(&pty, told.owner, raw))
		fail("terminal", errno, "pty");
	pty.outer = move_high(pty.outer);
	pty.inner = move_high(pty.inner);
	if (pty.outer < 0 || pty.inner < 0)
		fail("terminal", errno, "pty");
}

static void make_own_terminal(void)
{
	make_pty(false);
	for (int i = 0; i < 3; i++)
		told.command.streams[i] = pty.inner;
	int size_from = isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDIN_FILENO;
	pty_follows = isatty(size_from) ? size_from : -1;
	terminal_raw(STDIN_FILENO);
	relay_open(&input, STDIN_FILENO, pty.outer, NULL);
	/* The pty's outer side is non-blocking already; opening it once more would make another pty. */
	input.to = pty.outer;
	input.how = WRITE_NONBLOCKING;
	relay_open(&output, pty.outer, STDOUT_FILENO, told.listen ? &memory : NULL);
	relaying_input = relaying_output = true;
}

static void make_listener(void)
{
	if (isatty(STDERR_FILENO)) {
		/* The program still finds a terminal there; that one does the processing, so this one must not. */
		make_pty(true);
		told.command.streams[2] = pty.inner;
		pty_follows = STDERR_FILENO;
		relay_open(&output, pty.outer, STDERR_FILENO, &memory);
	} else {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) != 0)
			fail("pipe", errno, "pipe2");
		/* So that the program can open /dev/stderr. Only root has somebody else to give it to. */
		if (fchown(ends[1], told.owner, told.group) != 0 && getuid() == 0)
			fail("pipe", errno, "fchown");
		pipe_inner = move_high(ends[1]);
		int outer = move_high(ends[0]);
		fcntl(outer, F_SETFL, O_NONBLOCK);
		told.command.streams[2] = pipe_inner;
		/* `2>&1`: through two ways the lines would change places. */
		if (same_file(STDOUT_FILENO, STDERR_FILENO))
			told.command.streams[1] = pipe_inner;
		relay_open(&output, outer, STDERR_FILENO, &memory);
	}
	relaying_output = true;
}

static void arrange_streams(void)
{
	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDWR) != i)
			fail("streams", EBADF, "standard streams");
		told.command.streams[i] = i;
	}
	if (told.terminal == TERMINAL_OWN)
		make_own_terminal();
	else if (told.listen)
		make_listener();
	if (pty.outer >= 0 && pty_follows >= 0)
		pty_resize(&pty, pty_follows);
}

/*
 * A stream the program closes must end for its reader, so the guard keeps only what it relays. The pty's inner side
 * stays open until the sandbox has died: without it the outer side would report an end in between.
 */
static void release_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		bool needed = (i == 0 && relaying_input) || (relaying_output && output.to == i) || pty_follows == i;
		if (!needed)
			dup2(null, i);
	}
	close(null);
	close(3);
	close(6);
	close(7);
	if (told.command.channel >= 0)
		close(told.command.channel);
	if (pipe_inner >= 0)
		close(pipe_inner);
}

static void listen_to_launcher(void)
{
	if (!control_read())
		launcher_lost = true;
	for (char *line; (line = control_line()) != NULL;) {
		if (strcmp(line, "foreground?") == 0)
			report("foreground %s", terminal_is_ours() ? "yes" : "no");
		else if (strcmp(line, "winsize") == 0 && pty_follows >= 0)
			pty_resize(&pty, pty_follows);
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
		if (info.ssi_signo == SIGWINCH && pty_follows >= 0)
			pty_resize(&pty, pty_follows);
		if (info.ssi_signo == SIGCONT && relaying_input) {
			terminal_raw(STDIN_FILENO);
			input.paused = false;
		}
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
	struct pollfd entries[7] = {
		{ .fd = launcher_lost ? -1 : CONTROL, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = diagnostics, .events = POLLIN },
	};
	for (int i = 3; i < 7; i++)
		entries[i].fd = -1;
	if (relaying_input)
		relay_wait(&input, entries + 3);
	if (relaying_output)
		relay_wait(&output, entries + 5);
	if (poll(entries, 7, timeout) < 0 && errno != EINTR)
		fail("poll", errno, "poll");
	if (entries[0].fd >= 0 && entries[0].revents != 0)
		listen_to_launcher();
	if (entries[1].revents != 0)
		take_signals();
	if (entries[2].fd >= 0 && entries[2].revents != 0)
		read_diagnostics();
	if (relaying_input) {
		bool open_before = input.from >= 0;
		relay_move(&input, entries + 3);
		/* The end of our input is the end of the program's. */
		if (open_before && input.from < 0 && input.used == 0 && pty.outer >= 0)
			relaying_input = write(pty.outer, "\004", 1) == 1;
	}
	if (relaying_output) {
		if (entries[5].revents != 0 && pty_follows >= 0)
			pty_resize(&pty, pty_follows);
		relay_move(&output, entries + 5);
	}
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
	relaying_input = false;
	if (pty.inner >= 0)
		close(pty.inner);
	while (relaying_output && !relay_done(&output)) {
		bool waits_for_reader = output.used > 0;
		if (!waits_for_reader && now_ms() >= source_end)
			break;
		if (launcher_lost && orphan_end == 0)
			orphan_end = now_ms() + ORPHAN_DRAIN_MS;
		if (orphan_end != 0 && now_ms() >= orphan_end)
			break;
		output.paused = false;
		turn(50);
		if (output.paused) { /* EIO: the terminal has no other side any more, and is read to its end */
			output.from = -1;
			output.paused = false;
		}
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
	if (told.listen && relaying_output) {
		size_t tail = memory.tail < RELAY_TAIL ? memory.tail : RELAY_TAIL;
		size_t place = memory.tail < RELAY_TAIL ? 0 : memory.tail % RELAY_TAIL;
		report("stderr %zu", memory.head + tail);
		report_bytes(memory.first, memory.head);
		report_bytes(memory.last + place, tail - place);
		report_bytes(memory.last, place);
	}
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
	take_channel();
	terminal_look();
	arrange_streams();

	int ends[2], status = 0;
	bool ended = false, may_move = told.terminal == TERMINAL_INHERIT && terminal_may_move();
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
	release_streams();

	while (!reap(main_child, &status, &ended)) {
		if (launcher_lost || ended) {
			if (!ended)
				kill(main_child, SIGKILL);
			kill_children();
		}
		turn(launcher_lost || ended ? 20 : -1);
	}
	drain();
	terminal_restore();
	turn(0); /* what the launcher said last */
	if (!swept_elsewhere) {
		sweep_placeholders();
		/* One that somebody filled meanwhile is moved aside like any other name. */
		for (int i = 0; going && i < told.quarantines; i++)
			sweep_quarantine(told.quarantine[i][0], told.quarantine[i][1]);
	}
	tell_the_end(status);
	return 0;
}
