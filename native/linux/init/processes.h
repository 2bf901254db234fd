/* Looking at the processes of the sandbox, and ending them all. */
#ifndef SANDBOX_PROCESSES_H
#define SANDBOX_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Opens /proc for good. Without a pid namespace the sandbox is what descends from this process. */
void processes_open(bool namespaces);

/* The number by which /proc knows the caller. */
pid_t processes_own_number(void);

/*
 * Calls `see` for every process of the sandbox but this one, until it returns false; `directory` is its open folder
 * in /proc, closed afterwards. Processes that come and go meanwhile may be missed.
 */
void processes_each(bool (*see)(pid_t pid, int directory, void *context), void *context);

/* The same for every entry of a folder in /proc that is a number: threads, descriptors. False when not all were seen. */
bool numbers_each(int directory, bool (*see)(int number, const char *name, void *context), void *context);

/* Reads a small file of /proc as a string; its length, or -1. */
ssize_t read_text(int directory, const char *name, char *text, size_t room);

/* Lets the others have a turn. */
void pause_ms(long milliseconds);

/* Signals every process of the sandbox but this one. */
void processes_signal(int number);

/* Ends them all and waits for them. In a namespace they end with this process anyway. */
void processes_kill(void);

/* Stops every process; true when none of them can do anything more. Counted: the first one stops them. */
bool processes_freeze(void);
bool processes_frozen(void);

/* The last one lets those go on that processes_freeze() stopped. */
void processes_thaw(void);

#endif
