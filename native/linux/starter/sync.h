/* Files on their way to the disk, while the launcher has other things to do. */
#ifndef SANDBOX_SYNC_H
#define SANDBOX_SYNC_H

enum { MOST_SYNCED = 8 };

struct syncing;

/* Begins with copies of the descriptors. NULL, with errno, where no thread is to be had. */
struct syncing *sync_begin(const int *files, int count);

/* Waits until everything is there; 0, or a number of errno's. To be called once: it is the end of `syncing`. */
int sync_end(struct syncing *syncing);

#endif
