#ifndef SANDBOX_NETWORK_H
#define SANDBOX_NETWORK_H

#include "instructions.h"

/* Makes the namespace's own network usable as far as the policy goes; an error ends the program. */
void network_set_up(const struct instructions *told);

#endif
