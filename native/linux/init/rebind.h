/*
 * Keeps protected files read-only when the host replaces them. A bind mount belongs to the file it was made of: a
 * rename over that file on the host, which is how git and editors save, takes it away, and what lies there then is
 * writable. So the folders are watched, and what was replaced is bound again with everything stopped.
 */
#ifndef SANDBOX_REBIND_H
#define SANDBOX_REBIND_H

#include "instructions.h"

/* Starts watching, and checks that every path is read-only now. */
void rebind_watch(const struct instructions *told);

/* The descriptor to poll, -1 where nothing is to be watched. */
int rebind_fd(void);

/* Works off what happened. Reports `rebound`, or `tampered` and then ends everything. */
void rebind_look(void);

#endif
