#define _GNU_SOURCE
#include "sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/kernel.h"

#define NO_REPLACE 1u

enum { ATTEMPTS = 100, PLACEHOLDER_MODE = 0555 };

/*
 * Opens the directory that holds `path`, one component at a time: what ran here may have put a symlink anywhere
 * above it, and would otherwise choose what we remove or rename. `name` gets the last component, or the first that
 * is a symlink, and `reached` how much of `path` leads to it. With `make` what is missing on the way is made, and a
 * symlink there is an error: that is a folder of the tool's own, which most runs have no use for.
 */
static int open_parent(const char *path, char name[NAME_MAX + 1], size_t *reached, bool make)
{
	const char *whole = path;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (path += strspn(path, "/"); fd >= 0;) {
		size_t length = strcspn(path, "/");
		const char *rest = path + length + strspn(path + length, "/");
		struct stat status;
		if (length == 0 || length > NAME_MAX) {
			close(fd);
			errno = EINVAL;
			return -1;
		}
		memcpy(name, path, length);
		name[length] = '\0';
		*reached = (size_t)(path + length - whole);
		if (*rest == '\0')
			return fd;
		if (!make && fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
			return fd;
		int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && make && errno == ENOENT && (mkdirat(fd, name, S_IRWXU) == 0 || errno == EEXIST))
			next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int error = errno;
		close(fd);
		errno = error;
		fd = next;
		path = rest;
	}
	return -1;
}

/*
 * The same for one name after another: most of them stand in the folder of the one before, which need not be looked for
 * again. The descriptor is kept, not the caller's to close.
 */
static int hold_parent(const char *path, char name[NAME_MAX + 1], size_t *reached)
{
	static int held = -1;
	static const char *held_path;
	static size_t held_length;
	size_t length = (size_t)(strrchr(path, '/') - path);
	const char *last = path + length + 1;
	if (held >= 0 && length == held_length && memcmp(path, held_path, length) == 0 && *last != '\0' &&
	    strlen(last) <= NAME_MAX) {
		strcpy(name, last);
		*reached = strlen(path);
		return held;
	}
	if (held >= 0)
		close(held);
	*reached = 0;
	held = open_parent(path, name, reached, false);
	held_path = path;
	/* Where a symlink stands in the way it is not the folder of the next. */
	held_length = *reached == strlen(path) ? length : SIZE_MAX;
	return held;
}

bool placeholder_make(const char *path)
{
	char name[NAME_MAX + 1];
	size_t reached;
	int parent = open_parent(path, name, &reached, false);
	if (parent < 0) {
		/* Nothing can be put there, so there is nothing to hold. */
		errno = errno == ENOENT || errno == ENOTDIR ? EEXIST : errno;
		return false;
	}
	bool done = false;
	errno = EEXIST;
	if (reached == strlen(path) && mkdirat(parent, name, 0) == 0) {
		/* Whatever the umask: by its mode others know what it is. */
		done = fchmodat(parent, name, PLACEHOLDER_MODE, 0) == 0;
		int error = errno;
		if (!done)
			unlinkat(parent, name, AT_REMOVEDIR);
		errno = error;
	}
	int error = errno;
	close(parent);
	errno = error;
	return done;
}

void placeholder_sweep(const char *path)
{
	char name[NAME_MAX + 1];
	size_t reached;
	int parent = open_parent(path, name, &reached, false);
	if (parent < 0)
		return;
	if (reached == strlen(path))
		unlinkat(parent, name, AT_REMOVEDIR);
	close(parent);
}

/* What another run in the same place may hold this name with, and will take away: an empty directory nobody writes to. */
static bool is_placeholder(int parent, const char *name, const struct stat *status)
{
	if (!S_ISDIR(status->st_mode) || (status->st_mode & 07777) != PLACEHOLDER_MODE)
		return false;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	if (list == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool empty = true;
	for (struct dirent *entry; empty && (entry = readdir(list)) != NULL;)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(list);
	return empty;
}

/* Space, backslash and control characters as \ooo, as in /proc/self/mounts, so that two paths fit on a line. */
static const char *escaped(const char *path, char *text, size_t room)
{
	size_t used = 0;
	for (; *path != '\0' && used + 5 < room; path++) {
		unsigned char byte = (unsigned char)*path;
		if (byte <= ' ' || byte == '\\' || byte == 0x7f)
			used += (size_t)snprintf(text + used, room - used, "\\%03o", byte);
		else
			text[used++] = (char)byte;
	}
	text[used] = '\0';
	return text;
}

static void report_move(const char *word, const char *path, const char *to)
{
	char one[PATH_MAX], other[PATH_MAX];
	report("%s %s %s", word, escaped(path, one, sizeof one), escaped(to, other, sizeof other));
}

/* Moves under the wanted name or, where that is taken, that name with a number. */
static bool move_aside(int from, const char *name, int to, const char *wanted, char taken[NAME_MAX + 1])
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		struct stat status;
		if (attempt == 0)
			snprintf(taken, NAME_MAX + 1, "%s", wanted);
		else
			snprintf(taken, NAME_MAX + 1, "%.240s.%d", wanted, attempt);
		if (fstatat(to, taken, &status, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (syscall(SYS_renameat2, from, name, to, taken, NO_REPLACE) == 0)
			return true;
		/* A file system that cannot promise not to replace: the look above has to do. */
		if (errno == EINVAL)
			return renameat(from, name, to, taken) == 0;
		if (errno != EEXIST)
			return false;
	}
	errno = EEXIST;
	return false;
}

/* "unswept" tells that a protected name may have been filled and could not be moved away. */
void sweep_quarantine(const char *path, const char *destination)
{
	char name[NAME_MAX + 1], wanted[NAME_MAX + 1], taken[NAME_MAX + 1];
	char found[PATH_MAX], moved[PATH_MAX + NAME_MAX];
	size_t reached;
	struct stat status;
	int parent = hold_parent(path, name, &reached);
	if (parent < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			report_move("unswept", path, strerror(errno));
		return;
	}
	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || is_placeholder(parent, name, &status))
		return;
	/* The path held no symlink when the launch was planned: one on the way is the run's, and leads to its own file. */
	snprintf(found, sizeof found, "%.*s", (int)reached, path);
	size_t ignored;
	int to = open_parent(destination, wanted, &ignored, true);
	bool done = to >= 0 && move_aside(parent, name, to, wanted, taken);
	const char *folder = destination;
	if (!done) {
		/* Another file system, as a rule. Beside its place it is as harmless, since nothing reads that name. */
		snprintf(wanted, sizeof wanted, "%.200s.sandboxed-quarantine", name);
		done = move_aside(parent, name, parent, wanted, taken);
		folder = found;
	}
	if (done) {
		snprintf(moved, sizeof moved, "%.*s/%s", (int)(strrchr(folder, '/') - folder), folder, taken);
		report_move("quarantined", found, moved);
	} else {
		report_move("unswept", found, strerror(errno));
	}
	if (to >= 0)
		close(to);
}
