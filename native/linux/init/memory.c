/*
 * Without a control group the kernel limits memory only per process. So first comes, cheaply, what the run can have at
 * most: private pages of each process, and all shared memory and temporary files of the machine. When that is too
 * much, everything is measured properly: each shared page once, other people's not at all.
 */
#define _GNU_SOURCE
#include "memory.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "processes.h"

enum { TMPFS = 0x01021994, FILE_SLOTS = 8192 };

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

static unsigned long long counted_bytes(const struct instructions *told)
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
		*(unsigned long long *)context += (resident - shared) * (unsigned long long)sysconf(_SC_PAGESIZE);
	return true;
}

unsigned long long memory_at_most(const struct instructions *told)
{
	unsigned long long sum = 0, shared = machine_shared_memory(), counted = counted_bytes(told);
	processes_each(add_private, &sum);
	return sum + (shared > counted ? shared : counted);
}

struct measure {
	unsigned long long anonymous, mapped_shared, files;
	int descriptors;
	size_t seen;
	struct {
		dev_t device;
		ino_t inode;
	} file[FILE_SLOTS];
};

/* Several descriptors, and processes, hold one file. When the table is full it counts again rather than not at all. */
static bool is_new(struct measure *measure, const struct stat *status)
{
	size_t slot = (size_t)(status->st_ino * 2654435761u) % FILE_SLOTS;
	if (measure->seen == FILE_SLOTS / 2)
		return true;
	for (; measure->file[slot].inode != 0; slot = (slot + 1) % FILE_SLOTS)
		if (measure->file[slot].inode == status->st_ino && measure->file[slot].device == status->st_dev)
			return false;
	measure->file[slot].device = status->st_dev;
	measure->file[slot].inode = status->st_ino;
	measure->seen++;
	return true;
}

/* Memory that only a descriptor holds: memfd_create and the like, which no map shows. */
static bool add_memory_file(int fd, const char *name, void *context)
{
	struct measure *measure = context;
	char target[64];
	struct stat status;
	(void)fd;
	ssize_t length = readlinkat(measure->descriptors, name, target, sizeof target - 1);
	if (length < 0)
		return true;
	target[length] = '\0';
	if (strncmp(target, "/memfd:", 7) == 0 && fstatat(measure->descriptors, name, &status, 0) == 0 &&
	    is_new(measure, &status))
		measure->files += (unsigned long long)status.st_blocks * 512;
	return true;
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
	measure->descriptors = openat(directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (measure->descriptors < 0)
		return true;
	numbers_each(measure->descriptors, add_memory_file, measure);
	close(measure->descriptors);
	return true;
}

/* System V segments live on without any process; the namespace's own list has them all. */
static unsigned long long segment_bytes(const struct instructions *told)
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

unsigned long long memory_exactly(const struct instructions *told)
{
	static struct measure measure;
	memset(&measure, 0, sizeof measure);
	processes_each(add_exactly, &measure);
	/* What is mapped is most often also a file or a segment; counting the larger never counts a page twice. */
	unsigned long long files = measure.files + counted_bytes(told) + segment_bytes(told);
	return measure.anonymous + (files > measure.mapped_shared ? files : measure.mapped_shared);
}
