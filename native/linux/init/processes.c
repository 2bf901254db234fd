#define _GNU_SOURCE
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../shared/control.h"

enum { MOST_PROCESSES = 32 * 1024, FREEZE_MS = 1000, KILL_MS = 5000 };

struct entry64 {
	unsigned long long inode;
	long long offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static int proc = -1;
static bool whole_namespace;
/*
 * Where no new /proc may be mounted, the host's is all there is. It knows every process by another number; ours are
 * those in our pid namespace.
 */
static bool foreign_numbers;
static pid_t own_number;
static ino_t own_namespace;

static struct {
	pid_t pid, parent;
	bool ours;
} table[MOST_PROCESSES];
static size_t table_size;

static pid_t was_stopped[MOST_PROCESSES];
static size_t stopped_before;

void processes_open(bool namespaces)
{
	struct stat status;
	whole_namespace = namespaces;
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		fail("proc", errno, "/proc");
	own_number = processes_own_number();
	foreign_numbers = own_number != getpid();
	if (own_number <= 0 || stat("/proc/self/ns/pid", &status) != 0)
		fail("proc", errno, "/proc/self");
	own_namespace = status.st_ino;
}

pid_t processes_own_number(void)
{
	char text[16];
	ssize_t length = readlink("/proc/self", text, sizeof text - 1);
	text[length < 0 ? 0 : length] = '\0';
	return (pid_t)atoi(text);
}

ssize_t read_text(int directory, const char *name, char *text, size_t room)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	ssize_t length = read(fd, text, room - 1);
	close(fd);
	if (length >= 0)
		text[length] = '\0';
	return length;
}

/* State and parent from `pid (command) S parent …`; the command may hold anything. */
static bool read_stat(int directory, const char *name, char *state, pid_t *parent)
{
	char text[512];
	if (read_text(directory, name, text, sizeof text) <= 0)
		return false;
	const char *rest = strrchr(text, ')');
	return rest != NULL && sscanf(rest + 1, " %c %d", state, parent) == 2;
}

bool numbers_each(int directory, bool (*see)(pid_t number, const char *name, void *context), void *context)
{
	char buffer[16 * 1024] __attribute__((aligned(8)));
	if (lseek(directory, 0, SEEK_SET) != 0)
		return false;
	for (;;) {
		long length = syscall(SYS_getdents64, directory, buffer, sizeof buffer);
		if (length <= 0)
			return length == 0;
		for (long at = 0; at < length;) {
			struct entry64 *entry = (struct entry64 *)(buffer + at);
			at += entry->length;
			if (entry->name[0] < '0' || entry->name[0] > '9')
				continue;
			if (!see((pid_t)atoi(entry->name), entry->name, context))
				return false;
		}
	}
}

static bool note(pid_t pid, const char *name, void *context)
{
	char path[32], state;
	(void)context;
	if (table_size == MOST_PROCESSES)
		return false;
	table[table_size].pid = pid;
	table[table_size].ours = whole_namespace;
	if (whole_namespace && foreign_numbers) {
		struct stat status;
		snprintf(path, sizeof path, "%s/ns/pid", name);
		if (fstatat(proc, path, &status, 0) != 0 || status.st_ino != own_namespace)
			return true;
	}
	if (!whole_namespace) {
		snprintf(path, sizeof path, "%s/stat", name);
		if (!read_stat(proc, path, &state, &table[table_size].parent))
			return true;
	}
	table_size++;
	return true;
}

/* Orphans become our children (we are their subreaper), so that descent shows everything. */
static void mark_descendants(void)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < table_size; i++) {
			if (table[i].ours)
				continue;
			bool descends = table[i].parent == getpid();
			for (size_t j = 0; !descends && j < table_size; j++)
				descends = table[j].ours && table[j].pid == table[i].parent;
			table[i].ours = descends;
			more = more || descends;
		}
	}
}

static void take_table(void)
{
	table_size = 0;
	numbers_each(proc, note, NULL);
	if (!whole_namespace)
		mark_descendants();
}

void processes_each(bool (*see)(pid_t pid, int directory, void *context), void *context)
{
	take_table();
	for (size_t i = 0; i < table_size; i++) {
		char name[16];
		if (!table[i].ours || table[i].pid == own_number)
			continue;
		snprintf(name, sizeof name, "%d", (int)table[i].pid);
		int directory = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (directory < 0)
			continue;
		bool more = see(table[i].pid, directory, context);
		close(directory);
		if (!more)
			return;
	}
}

static bool signal_one(pid_t pid, int directory, void *context)
{
	(void)directory;
	kill(pid, *(int *)context);
	return true;
}

void processes_signal(int number)
{
	/* -1 is the whole namespace for its init; anywhere else it would be everything the user runs. */
	if (whole_namespace)
		kill(-1, number);
	else
		processes_each(signal_one, &number);
}

void pause_ms(long milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
	nanosleep(&time, NULL);
}

void processes_kill(void)
{
	processes_signal(SIGKILL);
	if (whole_namespace)
		return;
	/* Stopped first: what forks faster than it is found would never end. */
	for (int waited = 0; waited < KILL_MS; waited += 5) {
		processes_signal(SIGSTOP);
		processes_signal(SIGKILL);
		pid_t pid;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		}
		if (pid < 0 && errno == ECHILD)
			return;
		pause_ms(5);
	}
}

/*
 * A vfork parent cannot be stopped before its child execs, which will not happen while that one is stopped; it is in
 * the kernel and touches nothing.
 */
static bool waits_for_vfork(int task_directory, const char *name)
{
	char path[40], text[128];
	snprintf(path, sizeof path, "%s/syscall", name);
	if (read_text(task_directory, path, text, sizeof text) <= 0)
		return false;
	long number = atol(text);
#ifdef SYS_vfork
	if (number == SYS_vfork)
		return true;
#endif
	return number == SYS_clone || number == SYS_clone3;
}

struct stillness {
	bool moving;
	int tasks; /* a process's folder of threads */
};

static bool look_at_thread(pid_t thread, const char *name, void *context)
{
	struct stillness *stillness = context;
	char path[40], state;
	pid_t parent;
	(void)thread;
	snprintf(path, sizeof path, "%s/stat", name);
	if (!read_stat(stillness->tasks, path, &state, &parent))
		return true; /* gone meanwhile */
	bool still = strchr("TtZX", state) != NULL || (state == 'D' && waits_for_vfork(stillness->tasks, name));
	stillness->moving = !still;
	return still;
}

static bool look_at_process(pid_t pid, int directory, void *context)
{
	struct stillness *stillness = context;
	(void)pid;
	stillness->tasks = openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (stillness->tasks < 0)
		return true;
	numbers_each(stillness->tasks, look_at_thread, stillness);
	close(stillness->tasks);
	return !stillness->moving;
}

static bool note_stopped(pid_t pid, int directory, void *context)
{
	char state;
	pid_t parent;
	(void)context;
	if (stopped_before < MOST_PROCESSES && read_stat(directory, "stat", &state, &parent) && state == 'T')
		was_stopped[stopped_before++] = pid;
	return true;
}

static int freezes;

bool processes_frozen(void)
{
	return freezes > 0;
}

bool processes_freeze(void)
{
	if (freezes++ > 0)
		return true;
	/* What the person has stopped stays stopped afterwards. */
	stopped_before = 0;
	processes_each(note_stopped, NULL);
	for (int waited = 0; waited < FREEZE_MS; waited++) {
		struct stillness stillness = { .moving = false };
		processes_signal(SIGSTOP);
		processes_each(look_at_process, &stillness);
		if (!stillness.moving)
			return true;
		pause_ms(1);
	}
	return false;
}

static bool thaw_one(pid_t pid, int directory, void *context)
{
	(void)directory;
	(void)context;
	for (size_t i = 0; i < stopped_before; i++)
		if (was_stopped[i] == pid)
			return true;
	kill(pid, SIGCONT);
	return true;
}

void processes_thaw(void)
{
	if (freezes == 0 || --freezes > 0)
		return;
	if (foreign_numbers)
		processes_signal(SIGCONT);
	else
		processes_each(thaw_one, NULL);
}
