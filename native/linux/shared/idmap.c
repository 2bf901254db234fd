#define _GNU_SOURCE
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A map is taken by the kernel in a single write. */
static bool write_map(pid_t pid, const char *name, const char *map)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	ssize_t length = (ssize_t)strlen(map);
	bool done = write(fd, map, (size_t)length) == length;
	int error = errno;
	close(fd);
	errno = error;
	return done;
}

/*
 * A container has fewer ids than a machine, so the ranges come from the caller's own map: each line is
 * `start-here start-outside length`, and becomes `start start length`.
 */
static bool map_all(pid_t pid, const char *name)
{
	char own[4096], map[4096], path[32];
	snprintf(path, sizeof path, "/proc/self/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, own, sizeof own - 1);
	close(fd);
	if (length <= 0)
		return false;
	own[length] = '\0';
	size_t used = 0;
	unsigned start, count;
	int taken;
	for (const char *line = own; sscanf(line, " %u %*u %u%n", &start, &count, &taken) == 2; line += taken) {
		int written = snprintf(map + used, sizeof map - used, "%u %u %u\n", start, start, count);
		if (written < 0 || (size_t)written >= sizeof map - used) {
			errno = E2BIG;
			return false;
		}
		used += (size_t)written;
	}
	return write_map(pid, name, map);
}

bool map_every_id(pid_t pid)
{
	return map_all(pid, "gid_map") && map_all(pid, "uid_map");
}

bool map_one_id(pid_t pid, uid_t uid, uid_t outer_uid, gid_t gid, gid_t outer_gid)
{
	char users[64], groups[64];
	snprintf(users, sizeof users, "%u %u 1", uid, outer_uid);
	snprintf(groups, sizeof groups, "%u %u 1", gid, outer_gid);
	/* Without this the namespace could drop a group by which a file denies access. */
	return write_map(pid, "setgroups", "deny") && write_map(pid, "gid_map", groups) && write_map(pid, "uid_map", users);
}
