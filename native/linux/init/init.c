/*
 * sandbox-init: the first process of the sandbox. It finishes what bwrap cannot (network, /proc, identity), checks that
 * the file tree is what was planned, starts the program with nothing it could use against the tree, and then only
 * watches. Nothing is decided here; what cannot be confirmed ends the run. The protocol is PROTOCOL.md beside this
 * folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/kernel.h"
#include "capabilities.h"
#include "channel.h"
#include "child.h"
#include "dial.h"
#include "gather.h"
#include "instructions.h"
#include "landlock.h"
#include "listeners.h"
#include "mounts.h"
#include "network.h"
#include "processes.h"
#include "rebind.h"
#include "seccomp.h"
#include "supervise.h"
#include "watchdog.h"

enum { CONTROL = 3, INSTRUCTIONS = 6, SECCOMP = 7, LAST_KNOWN_FD = 10, CHANNEL = 13 };

/* Nobody inside may look into this process, and it dies with whoever started it. */
static void close_shell(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		fail("init", errno, "dumpable");
}

static void check_descriptors(void)
{
	static const int needed[] = { 0, 1, 2, CONTROL, INSTRUCTIONS, SECCOMP, 8, 9, LAST_KNOWN_FD };
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (fcntl(needed[i], F_GETFD) < 0)
			fail("init", EBADF, "a descriptor is missing");
	fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
	syscall(SYS_close_range, CONTROL + 1, INSTRUCTIONS - 1, 0);
	syscall(SYS_close_range, LAST_KNOWN_FD + 1, CHANNEL - 1, 0);
	syscall(SYS_close_range, CHANNEL + 1, ~0u, 0);
	/* Not there unless the run has a door. */
	fcntl(CHANNEL, F_SETFD, FD_CLOEXEC);
}

/* Keys of the person's session (disk encryption, Kerberos) are found through the session keyring. */
static void leave_keyring(void)
{
	/* EPERM: a container that forbids keyrings altogether. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN, NULL) < 0 && errno != ENOSYS && errno != EPERM)
		fail("keyring", errno, "join");
}

static void wait_for_go(void)
{
	for (;;) {
		struct pollfd wait = { .fd = CONTROL, .events = POLLIN };
		poll(&wait, 1, -1);
		if (!control_read())
			_exit(1);
		for (char *line; (line = control_line()) != NULL;) {
			if (strcmp(line, "go") == 0)
				return;
			/* Told to end before it began. */
			if (strncmp(line, "signal ", 7) == 0) {
				report("%s", line);
				_exit(0);
			}
		}
	}
}

/*
 * Where root started us, the program may be somebody else. Files are then looked at as that user: folders only they may
 * enter are open, and a lease (rebind.c) is granted. Signals still go by our own id, which owns their namespace.
 */
static void look_as_program(const struct instructions *told)
{
	setfsgid(told->gid);
	setfsuid(told->uid);
	/* Neither reports an error, but both tell what was. */
	if ((gid_t)setfsgid((gid_t)-1) != told->gid || (uid_t)setfsuid((uid_t)-1) != told->uid)
		fail("id", EPERM, "file system ids");
}

/* The rights of set-up are over; one is needed to bind a replaced file again. */
static void drop_rights(const struct instructions *told)
{
	uint32_t keep = told->rebinds > 0 ? 1u << CAPABILITY_SYS_ADMIN : 0;
	if (told->namespaces && told->map_every_id)
		look_as_program(told);
	/* Without namespaces root's power is needed to the end, to kill what became somebody else. */
	if (told->namespaces && !capabilities_keep(keep))
		fail("capabilities", errno, "init");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		fail("capabilities", errno, "no_new_privs");
}

static void release_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
#ifndef SANITIZED
	dup2(null, STDERR_FILENO);
#endif
	close(null);
	syscall(SYS_close_range, INSTRUCTIONS, LAST_KNOWN_FD, 0);
}

int main(int count, char **words)
{
	/* Asked by the probe before anything is launched: a question to the kernel that Node cannot put. */
	if (count == 2 && strcmp(words[1], "--landlock-abi") == 0) {
		long abi = landlock_abi();
		return dprintf(STDOUT_FILENO, "%ld\n", abi < 0 ? 0 : abi) < 0;
	}
	control_use(CONTROL);
	close_shell();
	check_descriptors();
	bool foreground = count > 1 && strcmp(words[count - 1], "tty") == 0;
	const struct instructions *told = instructions_read(INSTRUCTIONS, SECCOMP, foreground);
	if (told->namespaces && getpid() != 1)
		fail("init", EINVAL, "not the first process of a namespace");
	if (!told->namespaces && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
		fail("init", errno, "subreaper");

	if (!channel_use(CHANNEL, told->listeners > 0 || told->dials > 0))
		fail("init", EBADF, "the door's channel is missing");
	dial_prepare(told);
	network_set_up(told);
	processes_open(told->namespaces);
	bool proc_locked = false;
	if (told->namespaces) {
		leave_keyring();
		proc_locked = mounts_unlock_proc();
		gather(told);
	}
	pid_t program = child_start(told);
	if (told->namespaces) {
		mounts_verify(told);
		mounts_limit_pids(told->pid_max);
		mounts_close_proc();
		child_map(told);
		rebind_watch(told);
	}
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	int signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0 || (signals = fcntl(signals, F_DUPFD_CLOEXEC, LAST_KNOWN_FD + 1)) < 0)
		fail("init", errno, "signalfd");
	int terminal = told->terminal == TERMINAL_INHERIT ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;

	child_wait();
	report("ready");
	wait_for_go();
	/* Whatever connects waits in the kernel until the launcher accepts: the program need not wait for the launcher. */
	listeners_hand_over();
	if (proc_locked)
		mounts_lock_proc();
	release_streams();
	watchdog_start(told);
	drop_rights(told);
	close_shell();
	seccomp_confine_init(told->rebinds > 0, told->dials > 0);
	/* The program's first instruction finds this process as confined as it will ever be. */
	child_release();
	report("started");
	supervise(told, program, signals, terminal);
}
