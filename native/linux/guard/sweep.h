/* What a run must not leave behind on the host. Nothing here follows a symlink below the root. */
#ifndef SANDBOX_SWEEP_H
#define SANDBOX_SWEEP_H

/* A directory made for the run: removed if it is still one and empty. */
void sweep_placeholder(const char *path);

/* A protected name that did not exist: if it does now, it is moved to `destination` and reported. */
void sweep_quarantine(const char *path, const char *destination);

#endif
