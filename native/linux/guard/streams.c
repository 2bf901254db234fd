#define _GNU_SOURCE
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../shared/control.h"
#include "job.h"
#include "relay.h"
#include "spawn.h"

enum {
	/* What a program wrote takes a moment to arrive at the other side of its terminal. */
	SETTLE_MS = 10,
	/* And its reader may be slow: a job must stop all the same. */
	STOP_MS = 300,
};

static struct relay input, output; /* `output` carries standard error alone, or both */
static struct relay_memory memory;
static bool relaying_input, relaying_output, listening;
static struct pty pty = { -1, -1 };
static int pty_follows = -1; /* the terminal whose size the pty takes */
static bool follows_unseen;  /* it changes without a signal to us */
static int pipe_inner = -1;
static long long stop_by; /* while a stop is due; else 0 */
static bool settling;     /* it was due before this wait */
static bool will_ask, asking;

static long long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static bool same_file(int one, int other)
{
	struct stat a, b;
	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
	       a.st_rdev == b.st_rdev;
}

/* Out of the way of the descriptors that the program's streams are put at. */
static void make_pty(uid_t owner, bool raw)
{
	if (!pty_make(&pty, owner, raw))
		fail("terminal", errno, "pty");
	pty.outer = move_high(pty.outer);
	pty.inner = move_high(pty.inner);
	if (pty.outer < 0 || pty.inner < 0)
		fail("terminal", errno, "pty");
}

/* Another reader of the same terminal may be quicker than we are, and O_NONBLOCK is everybody's: see relay.c. */
static int readable_copy(int fd)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int copy = isatty(fd) ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
	return copy < 0 ? fd : move_high(copy);
}

static void make_terminal(const struct streams_wish *wish, int streams[3])
{
	make_pty(wish->owner, false);
	for (int i = 0; i < 3; i++)
		streams[i] = pty.inner;
	int size_from = isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDIN_FILENO;
	pty_follows = isatty(size_from) ? size_from : -1;
	relay_open(&input, readable_copy(STDIN_FILENO), pty.outer, NULL);
	/* The pty's outer side is non-blocking already; opening it once more would make another pty. */
	input.to = pty.outer;
	input.how = WRITE_NONBLOCKING;
	relay_open(&output, pty.outer, STDOUT_FILENO, wish->listen ? &memory : NULL);
	relaying_input = relaying_output = true;
}

static void make_listener(const struct streams_wish *wish, int streams[3])
{
	if (isatty(STDERR_FILENO)) {
		/* The program still finds a terminal there; that one does the processing, so this one must not. */
		make_pty(wish->owner, true);
		streams[2] = pty.inner;
		pty_follows = STDERR_FILENO;
		follows_unseen = true;
		relay_open(&output, pty.outer, STDERR_FILENO, &memory);
	} else {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) != 0)
			fail("pipe", errno, "pipe2");
		/* So that the program can open /dev/stderr. Only root has somebody else to give it to. */
		if (fchown(ends[1], wish->owner, wish->group) != 0 && getuid() == 0)
			fail("pipe", errno, "fchown");
		pipe_inner = move_high(ends[1]);
		int outer = move_high(ends[0]);
		fcntl(outer, F_SETFL, O_NONBLOCK);
		streams[2] = pipe_inner;
		/* `2>&1`: through two ways the lines would change places. */
		if (same_file(STDOUT_FILENO, STDERR_FILENO))
			streams[1] = pipe_inner;
		relay_open(&output, outer, STDERR_FILENO, &memory);
	}
	relaying_output = true;
}

int streams_arrange(const struct streams_wish *wish, int streams[3])
{
	bool lend = false;
	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDWR) != i)
			fail("streams", EBADF, "standard streams");
		streams[i] = i;
	}
	listening = wish->listen;
	if (wish->terminal == TERMINAL_OWN) {
		make_terminal(wish, streams);
		terminal_raw(STDIN_FILENO);
	} else if (wish->listen) {
		/* A shell controls its jobs from standard error: it has to be the terminal that controls the shell. */
		lend = wish->terminal == TERMINAL_INHERIT && terminal_controls(STDIN_FILENO) &&
		       terminal_controls(STDOUT_FILENO) && terminal_controls(STDERR_FILENO);
		if (lend)
			make_terminal(wish, streams);
		else
			make_listener(wish, streams);
	}
	streams_resize();
	return lend ? pty.inner : -1;
}

void streams_release(pid_t leader)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* A stream the program closes must end for its reader. */
	for (int i = 0; i < 3; i++) {
		bool needed = (i == 0 && relaying_input) || (relaying_output && output.to == i) || pty_follows == i;
		if (!needed)
			dup2(null, i);
	}
	close(null);
	if (pipe_inner >= 0)
		close(pipe_inner);
	/* The pty's inner side stays open until the end: without it the outer one would report an end in between. */
	if (leader > 0)
		job_start(&pty, leader);
}

static int sooner(int one, int other)
{
	return one < 0 ? other : other < 0 || one < other ? one : other;
}

int streams_wait(struct pollfd entries[STREAM_ENTRIES], int timeout)
{
	for (int i = 0; i < STREAM_ENTRIES; i++)
		entries[i] = (struct pollfd){ .fd = -1 };
	if (relaying_input) {
		relay_wait(&input, entries);
		if (asking || !job_has_keys())
			entries[0].fd = -1;
	}
	if (relaying_output)
		relay_wait(&output, entries + 2);
	settling = stop_by > 0;
	return sooner(sooner(timeout, job_wait()), settling ? SETTLE_MS : -1);
}

static void move_input(const struct pollfd entries[2])
{
	bool open_before = input.from >= 0;
	/* Asked again: the shell may have taken its terminal back meanwhile. */
	struct pollfd now[2] = { entries[0], entries[1] };
	if (asking || !job_has_keys())
		now[0].fd = -1;
	relay_move(&input, now);
	/* The end of our input is the end of the program's. */
	if (open_before && input.from < 0 && input.used == 0 && pty.outer >= 0)
		relaying_input = write(pty.outer, "\004", 1) == 1;
}

/* The reader has gone and the relay has closed its end: the program's terminal is hung up, as the reader's was. */
static void forget_pty(void)
{
	relaying_input = false;
	pty.outer = -1;
}

static void begin_question(void)
{
	job_hold();
	asking = terminal_borrow();
	if (!asking)
		streams_continued();
	report("asking %s", asking ? "yes" : "no");
}

static void stop_when_settled(bool quiet)
{
	bool settled = !relaying_output || (quiet && output.used == 0);
	if (!settled && now_ms() < stop_by)
		return;
	stop_by = 0;
	if (will_ask) {
		will_ask = false;
		begin_question();
		return;
	}
	streams_abandon();
	report("stop");
}

void streams_move(const struct pollfd entries[STREAM_ENTRIES])
{
	/* First: where the program writes, its terminal has been made raw. */
	if (relaying_input)
		move_input(entries);
	if (relaying_output) {
		if (follows_unseen && entries[2].revents != 0)
			streams_resize();
		relay_move(&output, entries + 2);
		if (output.from < 0)
			forget_pty();
	}
	if (stop_by > 0)
		stop_when_settled(settling && entries[2].revents == 0);
}

void streams_resize(void)
{
	if (pty.outer >= 0 && pty_follows >= 0)
		pty_resize(&pty, pty_follows);
}

void streams_stopped(int signal)
{
	if (job_may_have(signal))
		report("foreground yes");
	else
		stop_by = now_ms() + STOP_MS;
}

void streams_abandon(void)
{
	terminal_cook();
	job_hold();
}

void streams_ask(void)
{
	if (asking)
		return;
	will_ask = true;
	stop_by = now_ms() + STOP_MS;
}

void streams_asked(void)
{
	will_ask = false;
	if (!asking)
		return;
	terminal_give_back();
	asking = false;
	streams_continued();
}

void streams_continued(void)
{
	if (asking)
		return;
	job_release();
	if (!relaying_input)
		return;
	input.paused = false;
	if (!job_control())
		terminal_raw(STDIN_FILENO);
}

bool streams_foreground(void)
{
	streams_continued();
	return job_wants_foreground();
}

void streams_ended(void)
{
	relaying_input = output.paused = false;
	if (pty.inner >= 0)
		close(pty.inner);
}

bool streams_drained(bool *waits_for_reader)
{
	if (output.paused) { /* EIO: the terminal has no other side any more, and is read to its end */
		output.from = -1;
		output.paused = false;
	}
	*waits_for_reader = output.used > 0;
	return !relaying_output || relay_done(&output);
}

void streams_tell(void)
{
	if (!listening || !relaying_output)
		return;
	size_t tail = memory.tail < RELAY_TAIL ? memory.tail : RELAY_TAIL;
	size_t place = memory.tail < RELAY_TAIL ? 0 : memory.tail % RELAY_TAIL;
	report("stderr %zu", memory.head + tail);
	report_bytes(memory.first, memory.head);
	report_bytes(memory.last + place, tail - place);
	report_bytes(memory.last, place);
}
