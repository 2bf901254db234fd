#ifndef SANDBOX_SUPERVISE_H
#define SANDBOX_SUPERVISE_H

#include <sys/types.h>

#include "instructions.h"

/* Watches over the program until it ends, then ends everything. */
_Noreturn void supervise(const struct instructions *told, pid_t program, int signals, int terminal);

#endif
