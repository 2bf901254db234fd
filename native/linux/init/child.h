/* From a fork of the init to the program: everything that is taken away, in order. */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <sys/types.h>

#include "instructions.h"

/*
 * Starts the program and comes back when it runs. Reports `started`, or why it does not run, and then ends this
 * process. The init still has its capabilities: it writes the identity maps.
 */
pid_t child_start(const struct instructions *told);

#endif
