/* The file tree as the program will find it: what bwrap built is checked, /proc is closed. */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include "instructions.h"

/* Every expected path has its inode and its access; else the program ends. */
void mounts_verify(const struct instructions *told);

/*
 * Where /proc is the host's, it comes read-only; identity maps and settings are written through it until the program is
 * about to start. True when it has to be locked again.
 */
bool mounts_unlock_proc(void);
void mounts_lock_proc(void);

/* The number of tasks the namespace can hold, where the kernel keeps one a namespace. */
void mounts_limit_pids(unsigned long long most);

/* Kernel settings below /proc become read-only, kernel memory and other people's keys unreadable. */
void mounts_close_proc(void);

#endif
