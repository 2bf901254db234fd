/* From a fork of the init to the program: everything that is taken away, in order. */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <sys/types.h>

#include "instructions.h"

/*
 * Forks. The child takes everything from itself but the program: up to its identity maps while this process checks the
 * file tree, the rest after child_map, which has to come before this process gives up its capabilities and /proc. A
 * failure in any of these is reported and ends this process.
 */
pid_t child_start(const struct instructions *told);

/* Writes the identity maps; only with namespaces. */
void child_map(const struct instructions *told);

/* Comes back when the child has nothing left to do but to take the terminal's foreground and to execute. */
void child_wait(void);

/* Lets it execute the program, and comes back when it has. If it cannot, that is reported and this process ends. */
void child_release(void);

#endif
