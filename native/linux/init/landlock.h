#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include "instructions.h"

/*
 * A ruleset as strict as this kernel knows, or -1 where it is only the second layer and the kernel is too old for it
 * to be of use. Opens the paths, so it is called with the rights to do so. An error ends the program through `fail`.
 */
int landlock_prepare(const struct instructions *told, void (*fail)(const char *step, int error, const char *about));

/* Puts the caller and all its descendants under the ruleset. False with errno. */
bool landlock_enter(int ruleset);

/* The version of Landlock this kernel speaks; negative where it has none. */
long landlock_abi(void);

#endif
