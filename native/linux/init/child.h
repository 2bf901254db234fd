/* From a fork of the init to the program: everything that is taken away, in order. */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <sys/types.h>

#include "instructions.h"

/*
 * Forks, and takes everything from the child but the program itself. The init still has its capabilities: it writes the
 * identity maps. A failure is reported and ends this process.
 */
pid_t child_prepare(const struct instructions *told);

/* Lets it execute the program, and comes back when it has. If it cannot, that is reported and this process ends. */
void child_release(void);

#endif
