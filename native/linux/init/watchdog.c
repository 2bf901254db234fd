/*
 * Without a control group the kernel limits memory only per process. So this sums up, cheaply, what the run can have at
 * most: private pages of each process, and all shared memory and temporary files of the machine. Only when that is too
 * much is everything measured properly (each shared page once, other people's not at all), and only that can kill.
 */
#define _GNU_SOURCE
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../shared/control.h"
#include "processes.h"

enum {
	SHORTEST_MS = 100,
	LONGEST_MS = 2000,
	/* A look may take a 25th of the time until the next: 4 % of a processor. */
	SHARE = 25,
	/* Polls in a row at the limit of tasks: a build may touch it, a fork bomb stays there. */
	TASKS_PATIENCE = 3,
	TASKS_PERCENT = 95,
	MOST_FILES = 4096,
	TMPFS = 0x01021994,
	SHORTEST_TURN_NS = 100 * 1000,
};

static const struct instructions *told;
static unsigned long long page;
static long long next_look = -1; /* on the monotonic clock */
static int at_task_limit;

static unsigned long long number_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static unsigned long long machine_shared_memory(void)
{
	char text[4096];
	if (read_text(AT_FDCWD, "/proc/meminfo", text, sizeof text) <= 0)
		return 0;
	return number_after(text, "Shmem:") * 1024;
}

static long long clock_ms(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

int watchdog_wait(void)
{
	if (next_look < 0)
		return -1;
	long long left = next_look - clock_ms(CLOCK_MONOTONIC);
	return left < 0 ? 0 : (int)left;
}

static unsigned long long counted_bytes(void)
{
	unsigned long long sum = 0;
	for (int i = 0; i < told->counted.count; i++) {
		struct statfs system;
		/* Something else may be mounted over it: a disk's use is not memory. */
		if (statfs(told->counted.path[i], &system) == 0 && system.f_type == TMPFS)
			sum += (unsigned long long)(system.f_blocks - system.f_bfree) * (unsigned long long)system.f_bsize;
	}
	return sum;
}

static bool add_private(pid_t pid, int directory, void *context)
{
	char text[128];
	unsigned long long size, resident, shared;
	(void)pid;
	if (read_text(directory, "statm", text, sizeof text) > 0 &&
	    sscanf(text, "%llu %llu %llu", &size, &resident, &shared) == 3 && resident > shared)
		*(unsigned long long *)context += (resident - shared) * page;
	return true;
}

struct measure {
	unsigned long long anonymous, mapped_shared, files;
	int seen;
	struct {
		dev_t device;
		ino_t inode;
	} file[MOST_FILES];
};

/* Memory that only a descriptor holds: memfd_create and the like, which no map shows. */
static void add_memory_files(int directory, struct measure *measure)
{
	int folder = openat(directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return;
	for (int fd = 0, missing = 0; fd < MOST_FILES && missing < 256; fd++) {
		char name[16], target[64];
		struct stat status;
		snprintf(name, sizeof name, "%d", fd);
		ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
		missing = length < 0 ? missing + 1 : 0;
		if (length < 0)
			continue;
		target[length] = '\0';
		if (strncmp(target, "/memfd:", 7) != 0 || fstatat(folder, name, &status, 0) != 0)
			continue;
		bool known = false;
		for (int i = 0; !known && i < measure->seen; i++)
			known = measure->file[i].inode == status.st_ino && measure->file[i].device == status.st_dev;
		if (known || measure->seen == MOST_FILES)
			continue;
		measure->file[measure->seen].device = status.st_dev;
		measure->file[measure->seen++].inode = status.st_ino;
		measure->files += (unsigned long long)status.st_blocks * 512;
	}
	close(folder);
}

static bool add_exactly(pid_t pid, int directory, void *context)
{
	struct measure *measure = context;
	char text[2048];
	if (read_text(directory, "smaps_rollup", text, sizeof text) > 0) {
		measure->anonymous += (number_after(text, "\nPss_Anon:") + number_after(text, "\nSwapPss:")) * 1024;
		measure->mapped_shared += number_after(text, "\nPss_Shmem:") * 1024;
	} else {
		add_private(pid, directory, &measure->anonymous);
	}
	add_memory_files(directory, measure);
	return true;
}

/* System V segments live on without any process; the namespace's own list has them all. */
static unsigned long long segment_bytes(void)
{
	char text[16 * 1024];
	unsigned long long sum = 0, resident;
	if (!told->namespaces || read_text(AT_FDCWD, "/proc/sysvipc/shm", text, sizeof text) <= 0)
		return 0;
	for (const char *line = strchr(text, '\n'); line != NULL; line = strchr(line + 1, '\n'))
		if (sscanf(line + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &resident) == 1)
			sum += resident;
	return sum;
}

static unsigned long long measure_exactly(void)
{
	static struct measure measure;
	memset(&measure, 0, sizeof measure);
	processes_each(add_exactly, &measure);
	/* What is mapped is most often also a file or a segment; counting the larger never counts a page twice. */
	unsigned long long files = measure.files + counted_bytes() + segment_bytes();
	return measure.anonymous + (files > measure.mapped_shared ? files : measure.mapped_shared);
}

_Noreturn static void end_all(const char *what, unsigned long long used)
{
	report("limit %s %llu", what, used);
	processes_kill();
	_exit(0);
}

static void look_at_memory(void)
{
	unsigned long long sum = 0, shared = machine_shared_memory(), counted = counted_bytes();
	processes_each(add_private, &sum);
	/* More than this it cannot be; only then is the exact measure worth its price. */
	if (sum + (shared > counted ? shared : counted) <= told->memory)
		return;
	unsigned long long exact = measure_exactly();
	if (exact > told->memory)
		end_all("memory", exact);
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
static bool machine_tasks(unsigned long long *running, unsigned long long *all)
{
	char text[128];
	return read_text(AT_FDCWD, "/proc/loadavg", text, sizeof text) > 0 &&
	       sscanf(text, "%*s %*s %*s %llu/%llu", running, all) == 2;
}

static void look_at_tasks(void)
{
	unsigned long long most = told->tasks * TASKS_PERCENT / 100, count = 0, running = 0, all;
	/* The machine's own counter costs nothing: while all tasks together are fewer, nobody is counted. */
	if (machine_tasks(&running, &all) && all < most) {
		at_task_limit = 0;
		return;
	}
	/*
	 * Among thousands that want to run, counting would take minutes. One signal stops them all at once, whatever they
	 * do; with so many at work there is nothing left to wait for.
	 */
	bool crowded = running >= most / 4;
	if (crowded)
		processes_signal(SIGSTOP);
	processes_each(add_threads, &count);
	at_task_limit = count >= most ? at_task_limit + 1 : 0;
	if (at_task_limit >= TASKS_PATIENCE || (crowded && at_task_limit > 0))
		end_all("tasks", count);
	if (crowded)
		processes_signal(SIGCONT);
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
	told = instructions;
	page = (unsigned long long)sysconf(_SC_PAGESIZE);
	if (told->memory == 0 && told->tasks == 0)
		return;
	ask_for_short_turns();
	next_look = clock_ms(CLOCK_MONOTONIC) + SHORTEST_MS;
}

void watchdog_look(void)
{
	if (watchdog_wait() != 0)
		return;
	long long before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	if (told->tasks != 0)
		look_at_tasks();
	if (told->memory != 0)
		look_at_memory();
	long long wait = (clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before) * SHARE;
	wait = wait < SHORTEST_MS ? SHORTEST_MS : wait > LONGEST_MS ? LONGEST_MS : wait;
	next_look = clock_ms(CLOCK_MONOTONIC) + wait;
}
