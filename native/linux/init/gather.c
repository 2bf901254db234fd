/*
 * One mount after another takes bwrap longer than everything else together: for each it reads the whole table of mounts
 * again. A second mount of something has the flags of the first, so nothing here has to be made read-only but the new
 * folder itself. All is done with the calls that bwrap needs as well: a host whose filter knows no newer ones runs both.
 */
#define _GNU_SOURCE
#include "gather.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../shared/control.h"

/* The new folder grows here, over what nobody needs meanwhile. */
static const char place[] = "/dev";

static bool make_point(int from, int to, const char *name)
{
	struct stat status;
	if (fstat(from, &status) != 0)
		return false;
	if (S_ISDIR(status.st_mode))
		return mkdirat(to, name, 0755) == 0;
	/* Mounted, it would lead on: whoever planned this saw something else there. */
	if (S_ISLNK(status.st_mode)) {
		errno = ELOOP;
		return false;
	}
	int fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	return fd >= 0 && close(fd) == 0;
}

static bool mount_again(int from, const char *name)
{
	char source[32], target[PATH_MAX];
	snprintf(source, sizeof source, "/proc/self/fd/%d", from);
	if ((size_t)snprintf(target, sizeof target, "%s/%s", place, name) >= sizeof target) {
		errno = ENAMETOOLONG;
		return false;
	}
	return mount(source, target, NULL, MS_BIND | MS_REC, NULL) == 0;
}

static bool show(int folder, int to, const char *name)
{
	int from = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return false;
	bool done = make_point(from, to, name) && mount_again(from, name);
	int error = errno;
	close(from);
	errno = error;
	return done;
}

static int open_folder(const char *path)
{
	int folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		fail("gather", errno, path);
	return folder;
}

static void fill(const struct gathering *gathering)
{
	int from = open_folder(gathering->folder), to = open_folder(place);
	for (int i = 0; i < gathering->entries; i++) {
		const struct gathered *entry = &gathering->entry[i];
		const char *name = entry->path + strlen(gathering->folder) + 1;
		bool done = entry->kind == GATHER_SHOWN    ? show(from, to, name)
		            : entry->kind == GATHER_FOLDER ? mkdirat(to, name, 0755) == 0
		                                           : symlinkat(entry->target, to, name) == 0;
		if (!done)
			fail("gather", errno, entry->path);
	}
	close(from);
	close(to);
}

void gather(const struct instructions *told)
{
	static const unsigned long flags = MS_NOSUID | MS_NODEV;
	const struct gathering *gathering = &told->gathering;
	if (gathering->folder == NULL)
		return;
	mode_t mask = umask(0022);
	if (mount("tmpfs", place, "tmpfs", flags, "mode=0755") != 0)
		fail("gather", errno, "a new folder");
	fill(gathering);
	if (mount(NULL, place, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) != 0 ||
	    umount2(gathering->folder, MNT_DETACH) != 0 || mount(place, gathering->folder, NULL, MS_MOVE, NULL) != 0)
		fail("gather", errno, gathering->folder);
	umask(mask);
}
