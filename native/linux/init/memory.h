/* How much memory the whole tree uses, in bytes. */
#ifndef SANDBOX_MEMORY_H
#define SANDBOX_MEMORY_H

#include "instructions.h"

/* A bound from above, cheap. */
unsigned long long memory_at_most(const struct instructions *told);

/* Each page once. What lies only in messages nobody has received is not seen. */
unsigned long long memory_exactly(const struct instructions *told);

#endif
