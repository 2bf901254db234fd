#define _GNU_SOURCE
#include "rebind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "../shared/control.h"
#include "processes.h"

/*
 * Appearing and vanishing tell of a replacement. Changes, and opening where nothing better can be had, tell whether
 * anybody touched the new file before it was bound.
 */
#define MOVES (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
#define CHANGES (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE)
#define LOST (IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT)

struct watched {
	const char *path, *name;
	int folder; /* its watch */
	mode_t type;
	bool missing; /* the host took it away: whatever comes next cannot be told from an attack */
	bool masked;  /* nobody may read what stands there */
	struct stat mask;
	int moves, changes, opens;
};

static struct watched list[MOST_REBINDS];
static int count, notify = -1, nothing = -1;

static bool is_read_only(int fd)
{
	struct statfs system;
	return fstatfs(fd, &system) == 0 && (system.f_flags & 1) != 0;
}

static int look_at(const char *path, struct stat *status)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, status) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * Whoever closes the last descriptor of a watch waits for the kernel to forget it, some ten milliseconds. So another one
 * lies in a socket that nothing but itself leads to once this process has ended: the kernel's collector of such sockets
 * closes it when nobody waits. Where that fails, the end takes its time.
 */
static void leave_to_collector(int fd)
{
	int ends[2];
	char byte = 0;
	union {
		char bytes[CMSG_SPACE(sizeof ends)];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec text = { &byte, 1 };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof ends);
	memcpy(CMSG_DATA(header), (int[]){ fd, ends[0] }, sizeof ends);
	/* Both stay open to the end. The higher one goes last, which calls the collector. */
	sendmsg(ends[1], &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void rebind_watch(const struct instructions *told)
{
	if (told->rebinds == 0)
		return;
	/* A lease that is broken while it is held tells so by this signal. */
	signal(SIGIO, SIG_IGN);
	nothing = open("/dev/null", O_PATH | O_CLOEXEC);
	notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (notify < 0)
		fail("rebind", errno, "inotify");
	leave_to_collector(notify);
	for (int i = 0; i < told->rebinds; i++) {
		struct watched *watched = &list[count++];
		struct stat status;
		*watched = (struct watched){ .masked = told->remask[i] };
		char folder[PATH_MAX];
		watched->path = told->rebind[i];
		watched->name = strrchr(watched->path, '/') + 1;
		int length = (int)(watched->name - watched->path);
		snprintf(folder, sizeof folder, "%.*s", length > 1 ? length - 1 : 1, watched->path);
		watched->folder = inotify_add_watch(notify, folder, MOVES | CHANGES | IN_OPEN | LOST | IN_ONLYDIR);
		if (watched->masked && watched->folder < 0 && errno == EACCES) {
			/* A folder that the person may not list: it is not theirs to save files in either. */
			count--;
			continue;
		}
		int fd = look_at(watched->path, &status);
		if (watched->folder < 0 || fd < 0)
			fail("rebind", errno, watched->path);
		watched->mask = status;
		if (!is_read_only(fd))
			fail("rebind", EROFS, watched->path);
		watched->type = status.st_mode & S_IFMT;
		close(fd);
	}
}

int rebind_fd(void)
{
	return notify;
}

_Noreturn static void tampered(const char *path)
{
	report("tampered %s", path);
	processes_kill();
	_exit(0);
}

/* Notes what happened to watched names; true when one of them appeared or vanished, or events were lost. */
static bool take_events(void)
{
	char buffer[8192] __attribute__((aligned(8)));
	bool moved = false;
	ssize_t length;
	while ((length = read(notify, buffer, sizeof buffer)) > 0) {
		for (char *at = buffer; at < buffer + length;) {
			const struct inotify_event *event = (const struct inotify_event *)at;
			at += sizeof *event + event->len;
			if (event->mask & IN_Q_OVERFLOW) {
				/* Anything may have been in it. */
				for (int i = 0; i < count; i++)
					list[i].changes++;
				moved = true;
			}
			for (int i = 0; i < count; i++) {
				if (list[i].folder != event->wd)
					continue;
				if ((event->mask & LOST) && !list[i].masked)
					tampered(list[i].path);
				if (event->len == 0 || strcmp(event->name, list[i].name) != 0)
					continue;
				if (event->mask & MOVES) {
					list[i].moves++;
					moved = true;
				} else if (list[i].moves > 0) {
					list[i].changes += (event->mask & CHANGES) != 0;
					list[i].opens += (event->mask & IN_OPEN) != 0;
				}
			}
		}
	}
	return moved;
}

struct search {
	const struct stat *file;
	int process, descriptors; /* a process's folder, and the one of its descriptors */
	bool found;
};

/* A descriptor that could write: by the flags in fdinfo, octal, of which the last digit holds the access mode. */
static bool may_write(int process, const char *fd)
{
	char name[32], text[256];
	snprintf(name, sizeof name, "fdinfo/%.16s", fd);
	if (read_text(process, name, text, sizeof text) <= 0)
		return true;
	const char *flags = strstr(text, "flags:");
	return flags == NULL || (strtoul(flags + 6, NULL, 8) & O_ACCMODE) != O_RDONLY;
}

static bool look_at_descriptor(int fd, const char *name, void *context)
{
	struct search *search = context;
	struct stat status;
	(void)fd;
	if (fstatat(search->descriptors, name, &status, 0) == 0 && status.st_dev == search->file->st_dev &&
	    status.st_ino == search->file->st_ino && may_write(search->process, name))
		search->found = true;
	return !search->found;
}

static bool find_writer(pid_t pid, int directory, void *context)
{
	struct search *search = context;
	(void)pid;
	search->process = directory;
	search->descriptors = openat(directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (search->descriptors < 0)
		return true; /* gone, or a zombie */
	numbers_each(search->descriptors, look_at_descriptor, search);
	close(search->descriptors);
	return !search->found;
}

/*
 * The kernel grants a lease for reading only while nobody has the file open for writing: no table, no map, no message
 * in flight. It grants one to the file's owner; elsewhere, and on file systems without leases, the answer is UNKNOWN.
 */
enum writers { NO_WRITER, A_WRITER, UNKNOWN };

static enum writers ask_for_writers(const char *path, const struct stat *file)
{
	struct stat opened;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return UNKNOWN;
	enum writers answer = UNKNOWN;
	if (fstat(fd, &opened) != 0 || opened.st_dev != file->st_dev || opened.st_ino != file->st_ino)
		answer = A_WRITER; /* replaced once more meanwhile */
	else if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
		answer = NO_WRITER;
	else if (errno == EAGAIN)
		answer = A_WRITER;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	close(fd);
	return answer;
}

/* Nobody has changed the new file, nor can. Everything is stopped. */
static bool is_untouched(const struct watched *watched, const struct stat *file, int opens)
{
	enum writers writers = ask_for_writers(watched->path, file);
	if (writers != UNKNOWN)
		return writers == NO_WRITER;
	/* Second best: nobody has opened it by this name, and nobody has it open by another. */
	struct search search = { .file = file };
	processes_each(find_writer, &search);
	return opens == 0 && !search.found;
}

/*
 * Mounts a file onto the very file that was looked at, read-only, without going through its name again. Without devices
 * the null device cannot be opened, which makes a mask of it.
 */
static bool bind_again(int source, int fd)
{
	struct mount_attributes read_only = { .set = MOUNT_READ_ONLY | MOUNT_NOSUID | MOUNT_NODEV };
	int tree = (int)syscall(SYS_open_tree, source, "", OPEN_TREE_COPY | AT_EMPTY_PATH | O_CLOEXEC);
	if (tree < 0)
		return false;
	bool done = syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &read_only, sizeof read_only) == 0 &&
	            syscall(SYS_move_mount, tree, "", fd, "", MOVE_FROM_EMPTY_PATH | MOVE_TO_EMPTY_PATH) == 0;
	close(tree);
	return done;
}

/* What came may have been read already, if it was opened before everybody stopped. */
static void mask_again(struct watched *watched, const struct stat *file, int fd, int opens)
{
	if (file->st_dev == watched->mask.st_dev && file->st_ino == watched->mask.st_ino) {
		close(fd);
		return;
	}
	if (opens > 0 || S_ISDIR(file->st_mode) || !bind_again(nothing, fd))
		tampered(watched->path);
	close(fd);
	fd = look_at(watched->path, &watched->mask);
	if (fd < 0 || !S_ISCHR(watched->mask.st_mode))
		tampered(watched->path);
	close(fd);
	report("rebound %s", watched->path);
}

static void protect_again(struct watched *watched)
{
	struct stat file;
	int fd = look_at(watched->path, &file);
	int moves = watched->moves, changes = watched->changes, opens = watched->opens;
	watched->moves = watched->changes = watched->opens = 0;
	if (fd < 0) {
		watched->missing = true;
		return;
	}
	if (watched->masked)
		return mask_again(watched, &file, fd, opens);
	if (is_read_only(fd)) {
		/* Our own mount is still there: only its neighbours moved. */
		close(fd);
		return;
	}
	/* A folder may have been filled before it was seen: for that there is no proof. */
	if (watched->missing || moves != 1 || changes > 0 || !S_ISREG(watched->type) || !S_ISREG(file.st_mode) ||
	    !is_untouched(watched, &file, opens) || !bind_again(fd, fd))
		tampered(watched->path);
	close(fd);
	fd = look_at(watched->path, &file);
	if (fd < 0 || !is_read_only(fd))
		tampered(watched->path);
	close(fd);
	report("rebound %s", watched->path);
}

void rebind_look(void)
{
	if (!take_events())
		return;
	if (!processes_freeze())
		tampered("(the processes could not be stopped)");
	/* Up to here somebody inside may have been at work; from here on only the host can. */
	take_events();
	for (int i = 0; i < count; i++)
		protect_again(&list[i]);
	processes_thaw();
}
