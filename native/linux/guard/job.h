/*
 * The tool is a job of the shell it was started from, and the program, in a session of its own on a terminal that is
 * lent to it, the one job of the tool. Without such a terminal all of this does nothing.
 */
#ifndef SANDBOX_JOB_H
#define SANDBOX_JOB_H

#include <stdbool.h>
#include <sys/types.h>

#include "terminal.h"

/* Everything is started in a session led by this process, on the terminal `lent`. */
void job_start(const struct pty *lent, pid_t leader);
bool job_control(void);

/*
 * Keys may be read for the program. The tool's terminal is raw from when both have the foreground, each of its own
 * terminal; before, and while the shell has it back, Ctrl-C and Ctrl-Z are the tool's.
 */
bool job_has_keys(void);

/* How soon to look again, in milliseconds, where nothing else tells of a change; -1: it need not. */
int job_wait(void);

/* The job is about to stop, and goes on. */
void job_hold(void);
void job_release(void);

/* The program stopped itself because it needs a foreground that it can have at once. */
bool job_may_have(int signal);

/* The program should take the foreground of its terminal. */
bool job_wants_foreground(void);

#endif
