/*
 * Kernel interfaces that musl's headers do not carry. Numbers and layouts are the kernel's user-space ABI and never
 * change; system call numbers from 424 on are the same on every architecture.
 */
#ifndef SANDBOX_KERNEL_H
#define SANDBOX_KERNEL_H

#include <stdint.h>
#include <sys/syscall.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#if defined(__x86_64__)
#define THIS_ARCHITECTURE 0xC000003Eu
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE 0xC00000B7u
#else
#error "only x86-64 and arm64 are supported"
#endif

/* linux/filter.h, linux/seccomp.h */
struct bpf_instruction {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};
struct bpf_program {
	unsigned short length;
	struct bpf_instruction *code;
};
#define BPF_LOAD_WORD 0x20   /* BPF_LD | BPF_W | BPF_ABS */
#define BPF_JUMP_EQUAL 0x15  /* BPF_JMP | BPF_JEQ | BPF_K */
#define BPF_RETURN 0x06      /* BPF_RET | BPF_K */
#define BPF_MAX_INSTRUCTIONS 4096
#define SECCOMP_SET_FILTER 1
#define SECCOMP_FLAG_SPEC_ALLOW 4
#define SECCOMP_MODE_IS_FILTER 2
#define SECCOMP_KILL 0x80000000u
#define SECCOMP_ALLOW 0x7fff0000u
#define SECCOMP_AT_NUMBER 0
#define SECCOMP_AT_ARCHITECTURE 4
#define SECCOMP_AT_ARGUMENT_0 16 /* low half of the first argument, little endian */
#define SECCOMP_AT_ARGUMENT_1 24
#define SECCOMP_AT_ARGUMENT_2 32

/* linux/capability.h */
struct capability_header {
	uint32_t version;
	int pid;
};
struct capability_set {
	uint32_t effective, permitted, inheritable;
};
#define CAPABILITY_VERSION 0x20080522u
#define CAPABILITY_SYS_ADMIN 21

/* linux/landlock.h */
struct landlock_ruleset {
	uint64_t fs, net, scoped;
};
struct landlock_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));
#define LANDLOCK_VERSION 1u
#define LANDLOCK_BENEATH 1

/* linux/mount.h */
/* What statx answers: attributes, and which of them the kernel knows. */
struct extended_status {
	uint32_t mask, block;
	uint64_t attributes;
	uint64_t between[5];
	uint64_t known;
	uint64_t rest[24];
};
#define IS_MOUNT_ROOT 0x2000u

struct mount_attributes {
	uint64_t set, clear, propagation, userns;
};
#define MOUNT_READ_ONLY 1
#define MOUNT_NOSUID 2
#define MOUNT_NODEV 4
#define OPEN_TREE_COPY 1
#define MOVE_FROM_EMPTY_PATH 0x00000004
#define MOVE_TO_EMPTY_PATH 0x00000040

#define KEYCTL_JOIN 1

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

#endif
