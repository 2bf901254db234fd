#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/idmap.h"
#include "../shared/kernel.h"
#include "capabilities.h"
#include "landlock.h"
#include "processes.h"

enum { PROGRAM_INPUT = 8, RAISED_OOM_SCORE = 500 };

/*
 * Between the two processes: the child asks for its identity map, then for leave to start; the parent answers both.
 * After that the child sends one line of failure, or exec closes its end without a word.
 */
static int handshake = -1;
static const char MAP_ME = 'm', READY = 'r', GO_ON = 'y';
static pid_t child_number; /* by which /proc knows the child: it says so with MAP_ME */

_Noreturn static void child_fail(const char *step, int error, const char *about)
{
	char line[3072];
	int length = snprintf(line, sizeof line, "failed %s %d %s: %s", step, error, about, error ? strerror(error) : "no");
	if (length > 0)
		send(handshake, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1, MSG_NOSIGNAL);
	_exit(1);
}

static void must(bool done, const char *step, const char *about)
{
	if (!done)
		child_fail(step, errno, about);
}

/* Returns the terminal whose foreground the program is to take, or -1. */
static int set_terminal(const struct instructions *told)
{
	int terminal = told->terminal == TERMINAL_INHERIT ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
	if (terminal >= 0) {
		must(setpgid(0, 0) == 0, "terminal", "process group");
		return told->take_foreground ? terminal : -1;
	}
	/* Where there is no terminal to share, a session of its own also gets the scheduler's share of one session. */
	must(setsid() > 0, "terminal", "session");
	if (told->terminal == TERMINAL_OWN)
		must(ioctl(PROGRAM_INPUT, TIOCSCTTY, 0) == 0, "terminal", "controlling terminal");
	return -1;
}

/* When memory runs out all the same, the kernel should choose the program rather than the person's editor. */
static void volunteer_for_oom(void)
{
	char score[16];
	int length = snprintf(score, sizeof score, "%d", RAISED_OOM_SCORE);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, score, (size_t)length) != length) {
		/* Already higher, and lowering it is not allowed: as well. */
	}
	close(fd);
}

static void ask_parent(char what)
{
	char answer = 0, question[16];
	int length = snprintf(question, sizeof question, "%c%d", what, (int)processes_own_number());
	if (send(handshake, question, (size_t)length, MSG_NOSIGNAL) != length || recv(handshake, &answer, 1, 0) != 1 || answer != GO_ON)
		_exit(1);
}

static void enter_user_namespace(void)
{
	must(unshare(CLONE_NEWUSER) == 0, "userns", "unshare");
	ask_parent(MAP_ME);
}

static void limit_one(int resource, struct limit limit, const char *name)
{
	struct rlimit present;
	if (!limit.given)
		return;
	must(getrlimit(resource, &present) == 0, "limit", name);
	rlim_t value = limit.value < present.rlim_max ? limit.value : present.rlim_max;
	struct rlimit wanted = { value, value }, found;
	must(setrlimit(resource, &wanted) == 0 && getrlimit(resource, &found) == 0, "limit", name);
	if (found.rlim_cur != value || found.rlim_max != value)
		child_fail("limit", 0, name);
}

static void set_limits(const struct instructions *told)
{
	limit_one(RLIMIT_NOFILE, told->open_files, "nofile");
	limit_one(RLIMIT_CORE, told->core, "core");
	limit_one(RLIMIT_DATA, told->data, "data");
	/* In a namespace of its own the count starts here; elsewhere it would include all the user runs. */
	if (told->namespaces)
		limit_one(RLIMIT_NPROC, told->processes, "nproc");
}

static void become_user(const struct instructions *told, bool privileged)
{
	if (privileged) {
		must(setgroups(0, NULL) == 0, "id", "groups");
		must(setresgid(told->gid, told->gid, told->gid) == 0, "id", "gid");
		must(setresuid(told->uid, told->uid, told->uid) == 0, "id", "uid");
	}
	uid_t user[3];
	gid_t group[3];
	must(getresuid(&user[0], &user[1], &user[2]) == 0 && getresgid(&group[0], &group[1], &group[2]) == 0, "id", "read");
	for (int i = 0; i < 3; i++)
		if (user[i] != told->uid || group[i] != told->gid)
			child_fail("id", 0, "not the ids asked for");
}

static void default_signals(void)
{
	sigset_t none;
	/* The real-time ones may be set as well, where somebody upstream ignored them. */
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void load_seccomp(const struct bpf_program *program)
{
	/* SPEC_ALLOW keeps kernels before 5.16 from slowing every branch of the program down. */
	if (syscall(SYS_seccomp, SECCOMP_SET_FILTER, SECCOMP_FLAG_SPEC_ALLOW, program) != 0)
		must(errno == EINVAL && syscall(SYS_seccomp, SECCOMP_SET_FILTER, 0, program) == 0, "seccomp", "load");
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_IS_FILTER)
		child_fail("seccomp", 0, "not in force");
}

_Noreturn static void run(const struct instructions *told)
{
	/* Ids can be chosen where root's own namespace gave them all, or where there is no namespace and we are root. */
	bool own_namespace = told->namespaces;
	bool privileged = own_namespace ? told->map_every_id : geteuid() == 0;
	int terminal = set_terminal(told);
	volunteer_for_oom();
	if (own_namespace)
		enter_user_namespace();
	int ruleset = landlock_prepare(told, child_fail);
	set_limits(told);
	bool unbound = own_namespace || privileged;
	if (unbound)
		must(capabilities_unbind(), "capabilities", "bounding set");
	become_user(told, privileged);
	must(capabilities_keep(0), "capabilities", "drop");
	/* With the program's own rights: a place it cannot enter is not one to start in. */
	must(chdir(told->directory) == 0, "cwd", told->directory);
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "capabilities", "no_new_privs");
	if (ruleset >= 0)
		must(landlock_enter(ruleset), "landlock", "enter");
	if (!capabilities_are_gone(unbound))
		child_fail("capabilities", 0, "still there");
	for (int i = 0; i < 3; i++)
		must(dup2(PROGRAM_INPUT + i, i) == i, "streams", "dup2");
	/* 3 is the control socket here; the program must not find it, nor anything else. */
	enum { HANDSHAKE = 3, TERMINAL };
	must(dup3(handshake, HANDSHAKE, O_CLOEXEC) == HANDSHAKE, "streams", "handshake");
	handshake = HANDSHAKE;
	if (terminal >= 0 && terminal != TERMINAL)
		must(dup3(terminal, TERMINAL, O_CLOEXEC) == TERMINAL, "streams", "terminal");
	must(syscall(SYS_close_range, terminal < 0 ? TERMINAL : TERMINAL + 1, ~0u, 0) == 0, "streams", "close_range");
	ask_parent(READY);
	/* SIGTTOU is ignored since the guard, so that a group in the background may do this. */
	if (terminal >= 0)
		must(tcsetpgrp(TERMINAL, getpid()) == 0, "terminal", "foreground");
	default_signals();
	load_seccomp(&told->seccomp);
	execve(told->program, told->argument, told->variable);
	char line[32];
	int length = snprintf(line, sizeof line, "noexec %d", errno);
	send(handshake, line, (size_t)length, MSG_NOSIGNAL);
	_exit(127);
}

static bool write_maps(const struct instructions *told)
{
	if (told->map_every_id)
		return map_every_id(child_number);
	return map_one_id(child_number, told->uid, geteuid(), told->gid, getegid());
}

static int to_child = -1;

/* Waits for a question of the child, or its failure, which is passed on. 0 when it has executed. */
static char hear_child(void)
{
	char line[3072];
	ssize_t length;
	do
		length = recv(to_child, line, sizeof line - 1, 0);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		fail("start", errno, "handshake");
	line[length] = '\0';
	if (length == 0 || line[0] == MAP_ME || line[0] == READY) {
		child_number = (pid_t)atoi(line + (length > 0));
		return line[0];
	}
	report("%s", line);
	_exit(1);
}

static void answer_child(void)
{
	if (send(to_child, &GO_ON, 1, MSG_NOSIGNAL) != 1)
		fail("start", errno, "the child is gone");
}

pid_t child_start(const struct instructions *told)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		fail("start", errno, "socketpair");
	/* Above everything the program's streams are copied to. */
	to_child = fcntl(ends[0], F_DUPFD_CLOEXEC, 32);
	handshake = fcntl(ends[1], F_DUPFD_CLOEXEC, 32);
	close(ends[0]);
	close(ends[1]);
	pid_t child = fork();
	if (child < 0)
		fail("start", errno, "fork");
	if (child == 0) {
		close(to_child);
		run(told);
	}
	close(handshake);
	return child;
}

static void expect_of_child(char word)
{
	if (hear_child() != word)
		fail("start", ECHILD, "the child ended");
}

void child_map(const struct instructions *told)
{
	expect_of_child(MAP_ME);
	if (!write_maps(told))
		fail("idmap", errno, "write");
	answer_child();
}

void child_wait(void)
{
	expect_of_child(READY);
}

void child_release(void)
{
	answer_child();
	if (hear_child() != '\0')
		fail("start", EPROTO, "the child");
	close(to_child);
}
