/*
 * One mount after another takes bwrap longer than everything else together: for each it reads the whole table of mounts
 * again. A copy of a mount has the flags of what it was taken from, so nothing here has to be made read-only but the new
 * folder itself.
 */
#define _GNU_SOURCE
#include "gather.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/kernel.h"

static const char *within(const struct gathering *gathering, const char *path)
{
	return path + strlen(gathering->folder) + 1;
}

static void copy_each(const struct gathering *gathering, int *copies)
{
	int folder = open(gathering->folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		fail("gather", errno, gathering->folder);
	for (int i = 0; i < gathering->entries; i++) {
		const struct gathered *entry = &gathering->entry[i];
		if (entry->kind != GATHER_SHOWN)
			continue;
		copies[i] = (int)syscall(SYS_open_tree, folder, within(gathering, entry->path),
		                         OPEN_TREE_COPY | OPEN_TREE_RECURSIVE | AT_SYMLINK_NOFOLLOW | O_CLOEXEC);
		if (copies[i] < 0)
			fail("gather", errno, entry->path);
	}
	close(folder);
}

static bool make_place(int folder, const char *name, int copy)
{
	struct stat status;
	if (fstat(copy, &status) != 0)
		return false;
	if (S_ISDIR(status.st_mode))
		return mkdirat(folder, name, 0755) == 0;
	/* Mounted, it would lead on: whoever planned this saw something else there. */
	if (S_ISLNK(status.st_mode)) {
		errno = ELOOP;
		return false;
	}
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	return fd >= 0 && close(fd) == 0;
}

static bool show(int folder, const char *name, int copy)
{
	bool done = make_place(folder, name, copy) &&
	            syscall(SYS_move_mount, copy, "", folder, name, MOVE_FROM_EMPTY_PATH) == 0;
	close(copy);
	return done;
}

static void fill(const struct gathering *gathering, const int *copies)
{
	int folder = open(gathering->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		fail("gather", errno, gathering->folder);
	for (int i = 0; i < gathering->entries; i++) {
		const struct gathered *entry = &gathering->entry[i];
		const char *name = within(gathering, entry->path);
		bool done = entry->kind == GATHER_SHOWN    ? show(folder, name, copies[i])
		            : entry->kind == GATHER_FOLDER ? mkdirat(folder, name, 0755) == 0
		                                           : symlinkat(entry->target, folder, name) == 0;
		if (!done)
			fail("gather", errno, entry->path);
	}
	close(folder);
}

void gather(const struct instructions *told)
{
	static const unsigned long flags = MS_NOSUID | MS_NODEV;
	const struct gathering *gathering = &told->gathering;
	int copies[MOST_GATHERED];
	if (gathering->folder == NULL)
		return;
	copy_each(gathering, copies);
	mode_t mask = umask(0022);
	if (umount2(gathering->folder, MNT_DETACH) != 0 ||
	    mount("tmpfs", gathering->folder, "tmpfs", flags, "mode=0755") != 0)
		fail("gather", errno, gathering->folder);
	fill(gathering, copies);
	if (mount(NULL, gathering->folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) != 0)
		fail("gather", errno, gathering->folder);
	umask(mask);
}
