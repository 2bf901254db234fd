/* What a run must not find, or leave behind, on the host. Nothing here follows a symlink below the root. */
#ifndef SANDBOX_SWEEP_H
#define SANDBOX_SWEEP_H

#include <stdbool.h>

/* Holds a missing name with an empty directory. False with errno: EEXIST where there is nothing to hold. */
bool placeholder_make(const char *path);

/* Removes it, if it is still a directory and empty. */
void placeholder_sweep(const char *path);

/* A protected name that did not exist: if it does now, it is moved to `destination` and reported. */
void sweep_quarantine(const char *path, const char *destination);

#endif
