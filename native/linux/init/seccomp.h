#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include <stdbool.h>

/*
 * From now on this process may only watch, signal and report; with `rebinds` it may also mount, with
 * `dials` connect TCP sockets and hand them over. Any other call kills it, and with it the sandbox.
 */
void seccomp_confine_init(bool rebinds, bool dials);

#endif
