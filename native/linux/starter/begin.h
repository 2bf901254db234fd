#ifndef BEGIN_H
#define BEGIN_H

#include <sys/types.h>

enum { MOST_DESCRIPTORS = 16, NONE = -1 };

/*
 * Starts `program` with an empty environment, in the root directory, every signal as it is by default. `descriptors`
 * become 0, 1, 2 and so on, /dev/null where one is NONE. The memory of this process is not copied: a child shares
 * it until it becomes the program. Returns 0, or a number of errno's, and no process is left.
 */
int begin(pid_t *pid, const char *program, const int *descriptors, int count);

#endif
