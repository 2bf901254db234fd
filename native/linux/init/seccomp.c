#define _GNU_SOURCE
#include "seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/kernel.h"
#include "processes.h"

/* What the loop in supervise.c and what it calls needs, with what two C libraries make of it. */
static const int watching[] = {
	SYS_read, SYS_write, SYS_close, SYS_lseek, SYS_openat, SYS_getdents64, SYS_readlinkat, SYS_fcntl,
	SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs,
	SYS_ppoll, SYS_sendto, SYS_recvfrom, SYS_wait4, SYS_kill, SYS_inotify_add_watch,
	SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_restart_syscall, SYS_getpid,
	SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn, SYS_brk, SYS_mmap, SYS_munmap,
	SYS_exit, SYS_exit_group,
#ifdef SYS_poll
	SYS_poll, SYS_open, SYS_stat, SYS_lstat, SYS_readlink,
#endif
};
static const int dialling[] = { SYS_connect, SYS_sendmsg };
static const int mounting[] = { SYS_open_tree, SYS_move_mount, SYS_mount_setattr };

enum { MOST = 160 };
_Static_assert(2 * (sizeof watching + sizeof dialling + sizeof mounting) / sizeof(int) + 32 <= MOST, "the filter has to fit");

static struct bpf_instruction code[MOST];
static unsigned short length;

static void add(uint16_t what, uint8_t yes, uint8_t no, uint32_t value)
{
	code[length++] = (struct bpf_instruction){ what, yes, no, value };
}

static void allow(int number)
{
	add(BPF_JUMP_EQUAL, 0, 1, (uint32_t)number);
	add(BPF_RETURN, 0, 0, SECCOMP_ALLOW);
}

#ifndef SANITIZED
/* Of all sockets only those that dial.c makes: with them `connect` reaches nothing outside the namespace. */
static void allow_dial_sockets(void)
{
	add(BPF_JUMP_EQUAL, 0, 9, SYS_socket);
	add(BPF_LOAD_WORD, 0, 0, SECCOMP_AT_ARGUMENT_0);
	add(BPF_JUMP_EQUAL, 1, 0, AF_INET);
	add(BPF_JUMP_EQUAL, 0, 5, AF_INET6);
	add(BPF_LOAD_WORD, 0, 0, SECCOMP_AT_ARGUMENT_1);
	add(BPF_JUMP_EQUAL, 0, 3, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
	add(BPF_LOAD_WORD, 0, 0, SECCOMP_AT_ARGUMENT_2);
	allow(0);
	add(BPF_RETURN, 0, 0, SECCOMP_KILL);
}
#endif

void seccomp_confine_init(bool rebinds, bool dials)
{
#ifdef SANITIZED
	/* The sanitizers' run-time makes calls of its own. */
	(void)rebinds;
	(void)dials;
	(void)allow;
	(void)watching;
	(void)mounting;
	(void)dialling;
#else
	add(BPF_LOAD_WORD, 0, 0, SECCOMP_AT_ARCHITECTURE);
	add(BPF_JUMP_EQUAL, 1, 0, THIS_ARCHITECTURE);
	add(BPF_RETURN, 0, 0, SECCOMP_KILL);
	add(BPF_LOAD_WORD, 0, 0, SECCOMP_AT_NUMBER);
	for (size_t i = 0; i < sizeof watching / sizeof *watching; i++)
		allow(watching[i]);
	for (size_t i = 0; rebinds && i < sizeof mounting / sizeof *mounting; i++)
		allow(mounting[i]);
	for (size_t i = 0; dials && i < sizeof dialling / sizeof *dialling; i++)
		allow(dialling[i]);
	if (dials)
		allow_dial_sockets();
	/* Of the terminal's controls only who is in its foreground. */
	add(BPF_JUMP_EQUAL, 1, 0, SYS_ioctl);
	add(BPF_RETURN, 0, 0, SECCOMP_KILL);
	add(BPF_LOAD_WORD, 0, 0, SECCOMP_AT_ARGUMENT_1);
	allow(TIOCSPGRP);
	allow(TIOCGPGRP);
	add(BPF_RETURN, 0, 0, SECCOMP_KILL);
	struct bpf_program program = { length, code };
	if (syscall(SYS_seccomp, SECCOMP_SET_FILTER, 0, &program) != 0)
		fail("seccomp", errno, "init");
	/* Asked through /proc, since prctl is now among the calls that kill. */
	char status[4096];
	if (read_text(AT_FDCWD, "/proc/self/status", status, sizeof status) <= 0 || !strstr(status, "\nSeccomp:\t2\n"))
		fail("seccomp", 0, "init");
#endif
}
