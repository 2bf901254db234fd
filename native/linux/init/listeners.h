/* The sockets on which the door is served: opened here, in the run's namespace, and handed to the launcher. */
#ifndef SANDBOX_LISTENERS_H
#define SANDBOX_LISTENERS_H

#include "instructions.h"

/*
 * Opens what is told of; from now on a connection to them waits until it is accepted outside. Needs
 * CAP_NET_BIND_SERVICE; an error ends the program.
 */
void listeners_open(const struct instructions *told);

/* Hands them over and keeps none. */
void listeners_hand_over(void);

#endif
