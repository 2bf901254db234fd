/* A folder of the host of which the program sees some entries alone. */
#ifndef SANDBOX_GATHER_H
#define SANDBOX_GATHER_H

#include "instructions.h"

/*
 * bwrap shows the folder whole, read-only; here it leaves for a new one that holds what was told, read-only as well.
 * Call it while there is no other process. Whatever cannot be done ends the program.
 */
void gather(const struct instructions *told);

#endif
