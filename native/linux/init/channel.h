/* The channel on which sockets are handed to the launcher, in the form Node's `ipc` streams have. See PROTOCOL.md. */
#ifndef SANDBOX_CHANNEL_H
#define SANDBOX_CHANNEL_H

#include <stdbool.h>

/* Uses descriptor `fd`, if it is open and needed; else it is closed. False when it is needed and not there. */
bool channel_use(int fd, bool needed);

/* The descriptor to poll, -1 where there is none. */
int channel_fd(void);

/*
 * Hands over a socket with a JSON value to tell what it is; `type` is one of Node's words, with what belongs to it.
 * Without a socket (-1) only the value. Never waits. False: errno tells why. The caller keeps its copy.
 */
bool channel_send(int socket, const char *type, const char *value);

/* Takes what Node answers (that it has got a handle), which is of no interest. */
void channel_drain(void);

#endif
