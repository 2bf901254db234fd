#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/kernel.h"

static bool is_null_device(const struct stat *status)
{
	return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/* A mask gives nothing away: a directory nobody may list, a file nobody may read or with nothing in it. */
static bool is_mask(const struct stat *status)
{
	if (is_null_device(status) || (status->st_mode & 0444) == 0)
		return true;
	return S_ISREG(status->st_mode) && status->st_size == 0;
}

/*
 * Whether something is mounted just here. The file alone does not tell: while bwrap worked, another run in the same
 * folder may have had a symlink stand for it, and the mount is where that led. Before Linux 5.8 nobody can say.
 */
static bool is_mount(int fd)
{
	struct extended_status found = { 0 };
	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, 0, &found) != 0 || !(found.known & IS_MOUNT_ROOT))
		return true;
	return (found.attributes & IS_MOUNT_ROOT) != 0;
}

static void verify(const struct expectation *expected)
{
	struct stat status;
	struct statvfs system;
	/* One descriptor for both questions: nothing can come between them. */
	int fd = open(expected->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0 || fstatvfs(fd, &system) != 0)
		fail("expect", errno, expected->path);
	bool mounted = is_mount(fd);
	close(fd);
	if (!mounted)
		fail("expect", EINVAL, expected->path);
	if (expected->known && (status.st_dev != expected->device || status.st_ino != expected->inode))
		fail("expect", ESTALE, expected->path);
	bool read_only = (system.f_flag & ST_RDONLY) != 0;
	if (expected->access == EXPECT_READ && !read_only)
		fail("expect", EROFS, expected->path);
	if (expected->access == EXPECT_WRITE && read_only)
		fail("expect", EROFS, expected->path);
	if (expected->access == EXPECT_MASKED && !is_mask(&status))
		fail("expect", EACCES, expected->path);
}

void mounts_verify(const struct instructions *told)
{
	/* Else what the host mounts later would come in as well, writable and on top of masks. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		fail("expect", errno, "propagation");
	for (int i = 0; i < told->expectations; i++)
		verify(&told->expectation[i]);
}

static bool is_read_only(const char *path)
{
	struct statvfs system;
	return statvfs(path, &system) == 0 && (system.f_flag & ST_RDONLY) != 0;
}

static const unsigned long harmless = MS_NOSUID | MS_NODEV | MS_NOEXEC;

static bool remount(const char *path, unsigned long flags)
{
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | harmless | flags, NULL) == 0;
}

bool mounts_unlock_proc(void)
{
	if (!is_read_only("/proc"))
		return false;
	if (!remount("/proc", 0))
		fail("proc", errno, "unlock");
	return true;
}

void mounts_lock_proc(void)
{
	if (!remount("/proc", MS_RDONLY) || !is_read_only("/proc"))
		fail("proc", errno, "lock");
}

void mounts_limit_pids(unsigned long long most)
{
	static const char setting[] = "/proc/sys/kernel/pid_max";
	char text[32];
	if (most == 0)
		return;
	/* bwrap may have covered /proc/sys already; it is covered again right after. */
	if (is_read_only(setting) && !remount("/proc/sys", 0))
		fail("pidmax", errno, "/proc/sys");
	int length = snprintf(text, sizeof text, "%llu\n", most);
	int fd = open(setting, O_RDWR | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)length) != length)
		fail("pidmax", errno, setting);
	char found[32];
	if (pread(fd, found, sizeof found, 0) != length || memcmp(text, found, (size_t)length) != 0)
		fail("pidmax", EINVAL, setting);
	close(fd);
}

static void make_read_only(const char *path)
{
	if (access(path, F_OK) != 0 || is_read_only(path))
		return;
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) != 0 || !remount(path, MS_RDONLY) || !is_read_only(path))
		fail("cover", errno, path);
}

static void hide(const char *path)
{
	struct stat status;
	if (stat(path, &status) != 0 || is_null_device(&status))
		return;
	if (mount("/dev/null", path, NULL, MS_BIND, NULL) != 0 || stat(path, &status) != 0 || !is_null_device(&status))
		fail("mask", errno, path);
}

void mounts_close_proc(void)
{
	static const char *const settings[] = { "/proc/sys",  "/proc/sysrq-trigger", "/proc/irq",  "/proc/bus",
		                                    "/proc/fs",   "/proc/scsi",          "/proc/acpi", "/proc/asound",
		                                    "/proc/mtrr", "/proc/driver" };
	static const char *const secrets[] = { "/proc/kcore",       "/proc/keys",        "/proc/timer_list",
		                                   "/proc/timer_stats", "/proc/sched_debug", "/proc/latency_stats",
		                                   "/proc/kallsyms",    "/proc/kmsg",        "/proc/slabinfo" };
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		make_read_only(settings[i]);
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		hide(secrets[i]);
}
