/*
 * JavaScript asks three hundred questions before a start, and takes ten times as long as the kernel for each. What is
 * not surely the same is asked there once more, so that whatever is odd may be called unsure here.
 */
#define _GNU_SOURCE
#include "ask.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Directories that hold more are looked at elsewhere. */
enum { MOST_NAMES = 1024 };

/* Some file systems count seconds, or two. */
static const long long SETTLED = 3000000000LL;

static long long nanoseconds(struct timespec time)
{
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static bool is_missing(const char *path)
{
	struct stat status;
	return lstat(path, &status) != 0 && errno == ENOENT;
}

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode)    ? "directory"
	       : S_ISREG(mode)  ? "file"
	       : S_ISLNK(mode)  ? "symlink"
	       : S_ISSOCK(mode) ? "socket"
	       : S_ISFIFO(mode) ? "fifo"
	                        : "device";
}

static bool looks(const char *path, const char *said)
{
	struct stat status;
	char text[192], changed[32] = "";
	if (lstat(path, &status) != 0)
		return errno == ENOENT && strcmp(said, "missing") == 0;
	if (!S_ISDIR(status.st_mode))
		snprintf(changed, sizeof changed, "%lld", nanoseconds(status.st_ctim));
	snprintf(text, sizeof text, "%s %llu %llu %u %u %u %s", kind_of(status.st_mode), (unsigned long long)status.st_dev,
	         (unsigned long long)status.st_ino, status.st_uid, status.st_gid, status.st_mode & 07777, changed);
	return strcmp(text, said) == 0;
}

static bool leads(const char *path, const char *said)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof target);
	return length >= 0 && (size_t)length == strlen(said) && memcmp(target, said, (size_t)length) == 0;
}

/* Not there, or no symlink. */
static bool leads_nowhere(const char *path)
{
	char target[1];
	return readlink(path, target, sizeof target) < 0 && (errno == EINVAL || errno == ENOENT);
}

/* Read to its end whatever its size says: files of /proc say nothing. */
static bool reads(int fd, const char *said)
{
	char buffer[4096];
	size_t left = strlen(said);
	for (;;) {
		ssize_t got = read(fd, buffer, sizeof buffer);
		if (got < 0 || (size_t)got > left || memcmp(buffer, said, (size_t)got) != 0)
			return false;
		if (got == 0)
			return left == 0;
		said += got;
		left -= (size_t)got;
	}
}

static bool holds(const char *path, const char *said)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool same = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && reads(fd, said);
	close(fd);
	return same;
}

static bool runs(const char *path, const char *said)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return errno == ENOENT && strcmp(said, "missing") == 0;
	const char *now = S_ISDIR(status.st_mode) ? "directory" : access(path, X_OK) == 0 ? "executable" : "file";
	return strcmp(now, said) == 0;
}

static bool is_canonical(const char *path, const char *said)
{
	char found[PATH_MAX];
	return realpath(path, found) != NULL && strcmp(found, said) == 0;
}

static bool has_one_name(const struct stat *status)
{
	return !S_ISREG(status->st_mode) || status->st_nlink == 1;
}

static bool holds_single_names(const char *path)
{
	struct stat status;
	DIR *directory = opendir(path);
	if (directory == NULL)
		return false;
	bool single = true;
	int left = MOST_NAMES;
	for (const struct dirent *entry; single && (entry = readdir(directory)) != NULL;)
		single = left-- > 0 && fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		         has_one_name(&status);
	closedir(directory);
	return single;
}

static bool is_single(const char *path)
{
	struct stat status;
	if (lstat(path, &status) != 0)
		return errno == ENOENT;
	return S_ISDIR(status.st_mode) ? holds_single_names(path) : has_one_name(&status);
}

static bool stays(const char *path, const char *said)
{
	struct stat status;
	struct timespec now;
	char text[96];
	if (lstat(path, &status) != 0 || !S_ISDIR(status.st_mode) || clock_gettime(CLOCK_REALTIME, &now) != 0)
		return false;
	snprintf(text, sizeof text, "%llu %llu %lld", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino,
	         nanoseconds(status.st_ctim));
	return strcmp(text, said) == 0 && nanoseconds(status.st_ctim) < nanoseconds(now) - SETTLED;
}

/* The kernel tells each reader of the table once that something was mounted or unmounted: proc_pid_mountinfo(5). */
static bool is_unchanged(const char *number)
{
	char *end;
	struct pollfd table = { .fd = (int)strtol(number, &end, 10), .events = POLLPRI };
	return end > number && *end == '\0' && poll(&table, 1, 0) == 0;
}

bool surely_says(char kind, const char *path, const char *said)
{
	struct stat status;
	switch (kind) {
	case 'd':
		return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
	case 'o':
		return lstat(path, &status) == 0 && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode);
	case 'm':
	case 'T':
		return is_missing(path);
	case 'k':
		return looks(path, said);
	case 'l':
		return leads(path, said);
	case 'L':
		return leads_nowhere(path);
	case 't':
		return holds(path, said);
	case 'p':
		return runs(path, said);
	case 'c':
		return is_canonical(path, said);
	case 'n':
		return stays(path, said);
	case 'w':
		return is_unchanged(path);
	case 's':
		return is_single(path);
	default:
		return false;
	}
}
