#define _GNU_SOURCE
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../shared/control.h"
#include "memory.h"
#include "processes.h"

enum {
	SHORTEST_MS = 100,
	LONGEST_MS = 2000,
	/* A look may take a 25th of the time until the next: 4 % of a processor. */
	SHARE = 25,
	/* Looks in a row at the limit of tasks: a build may touch it, a fork bomb stays there. */
	TASKS_PATIENCE = 3,
	/* And at half of it, if they are all at work: fewer than the limit are not a bomb because they are many for once. */
	CROWD_PATIENCE = 10,
	/* After the numbers of a namespace went round once, its kernel leaves the first 300 free. */
	TASKS_PERCENT = 90,
	/* Waiting tasks a processor beyond which a turn of ours would take most of a second to come. */
	CROWD = 200,
	SHORTEST_TURN_NS = 100 * 1000,
	/* Looks, this far apart, at whether those that were told to stop did: each needs a turn for it. */
	STOPPING_LOOKS = 20,
	STOPPING_MS = 5,
};

static const struct instructions *told;
static long long next_look = -1; /* on the monotonic clock */
static int at_task_limit, at_work;
static unsigned long long crowd;

static long long clock_ms(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/*
 * Among very many the scheduler picks whoever asks for the least time first (Linux 6.12). Older kernels ignore it, and
 * a refusal only makes this process slower to see a fork bomb.
 */
static void ask_for_short_turns(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} wanted = { .size = 48, .nice = getpriority(PRIO_PROCESS, 0), .runtime = SHORTEST_TURN_NS };
	if (syscall(SYS_sched_setattr, 0, &wanted, 0) != 0)
		errno = 0;
}

void watchdog_start(const struct instructions *instructions)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	told = instructions;
	crowd = CROWD * (processors < 1 ? 1ull : (unsigned long long)processors);
	if (told->memory == 0 && told->tasks == 0)
		return;
	ask_for_short_turns();
	next_look = clock_ms(CLOCK_MONOTONIC) + SHORTEST_MS;
}

int watchdog_wait(void)
{
	if (next_look < 0)
		return -1;
	long long left = next_look - clock_ms(CLOCK_MONOTONIC);
	return left < 0 ? 0 : (int)left;
}

_Noreturn static void end_all(const char *what, unsigned long long used)
{
	report("limit %s %llu", what, used);
	processes_kill();
	_exit(0);
}

static void look_at_memory(void)
{
	if (memory_at_most(told) <= told->memory)
		return;
	unsigned long long used = memory_exactly(told);
	if (used > told->memory)
		end_all("memory", used);
}

static bool add_threads(pid_t pid, int directory, void *context)
{
	struct stat status;
	(void)pid;
	/* One link a thread, besides `.` and `..`. */
	if (fstatat(directory, "task", &status, 0) == 0 && status.st_nlink > 2)
		*(unsigned long long *)context += status.st_nlink - 2;
	return true;
}

/* Tasks of the whole machine, and how many of them want a processor now: `load load load running/all last`. */
static void machine_tasks(unsigned long long *running, unsigned long long *all)
{
	char text[128];
	if (read_text(AT_FDCWD, "/proc/loadavg", text, sizeof text) > 0 &&
	    sscanf(text, "%*s %*s %*s %llu/%llu", running, all) == 2)
		return;
	*running = 0;
	*all = ULLONG_MAX;
}

/* Whether those of the machine that wanted to run were ours, which have been told to stop. */
static bool were_ours(unsigned long long running)
{
	unsigned long long others, all;
	for (int looks = 0; looks < STOPPING_LOOKS; looks++) {
		machine_tasks(&others, &all);
		if (running >= others + crowd / 2)
			return true;
		pause_ms(STOPPING_MS);
	}
	return false;
}

static bool add_awake(pid_t pid, int directory, void *context)
{
	char text[512];
	(void)pid;
	/* `pid (command) S …`; the command may hold anything. */
	const char *rest = read_text(directory, "stat", text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
	if (rest != NULL && rest[1] == ' ' && (rest[2] == 'R' || rest[2] == 'D'))
		++*(unsigned long long *)context;
	return true;
}

/*
 * Whether so many of ours are at work in the program or in the kernel that they are the crowd. A bomb of thousands may
 * stay below the limit for minutes: its forks wait for each other in the kernel, where no signal reaches them.
 */
static bool are_awake(unsigned long long least)
{
	unsigned long long awake = 0;
	processes_each(add_awake, &awake);
	return awake >= least;
}

/* False: it was a crowd that could not be judged, and needs time to itself before it is stopped again. */
static bool look_at_tasks(void)
{
	unsigned long long most = told->tasks * TASKS_PERCENT / 100, half = told->tasks / 2, count = 0, running, all;
	machine_tasks(&running, &all);
	/* While all tasks of the machine together are fewer, nobody is counted. */
	if (all < half) {
		at_task_limit = at_work = 0;
		return true;
	}
	/*
	 * Among thousands that want to run, counting would take minutes. One signal stops them all at once, whatever they
	 * do, and then there is time. If they are at the limit, or it is our own that stand still now and half the limit
	 * is reached, that is proof enough: letting them go again would cost us our turns for many seconds.
	 */
	bool crowded = running >= crowd;
	if (crowded)
		processes_signal(SIGSTOP);
	processes_each(add_threads, &count);
	if (crowded) {
		if (count >= most || (count >= half && (were_ours(running) || are_awake(crowd / 2))))
			end_all("tasks", count);
		processes_signal(SIGCONT);
	}
	at_task_limit = count >= most ? at_task_limit + 1 : 0;
	at_work = count >= half && are_awake(crowd) ? at_work + 1 : 0;
	if (at_task_limit >= TASKS_PATIENCE || at_work >= CROWD_PATIENCE)
		end_all("tasks", count);
	return !crowded;
}

void watchdog_look(void)
{
	if (watchdog_wait() != 0)
		return;
	long long before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	/* What stands still needs no counting, and must not be let go by it. */
	bool judged = told->tasks == 0 || processes_frozen() || look_at_tasks();
	if (told->memory != 0)
		look_at_memory();
	long long wait = (clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before) * SHARE;
	wait = wait < SHORTEST_MS ? SHORTEST_MS : wait > LONGEST_MS || !judged ? LONGEST_MS : wait;
	next_look = clock_ms(CLOCK_MONOTONIC) + wait;
}
