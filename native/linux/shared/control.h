/* The control socket of a program: lines of words out, lines of words in. See PROTOCOL.md, "Messages". */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

/* Everything below speaks through this descriptor from now on. */
void control_use(int fd);
int control_fd(void);

/* Sends one line; a control character in it (a path may hold one) becomes "?", so that a line stays a line. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sends bytes as they are, after a line that announced their number. */
void report_bytes(const char *bytes, size_t length);

/* `failed STEP ERRNO TEXT`, then the end. */
_Noreturn void fail(const char *step, int error, const char *about);

/*
 * Reads what is there. False when the other side has gone, or talks nonsense (a line over 4 KiB), which is
 * treated alike.
 */
bool control_read(void);

/* The next whole line, valid until the next control_read(); NULL when there is none. */
char *control_line(void);

#endif
