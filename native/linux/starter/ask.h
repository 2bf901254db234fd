/* Questions to the disk whose answers are known from before. */
#ifndef SANDBOX_ASK_H
#define SANDBOX_ASK_H

#include <stdbool.h>

/*
 * True where the answer is surely the same today. By kind: `d` a directory; `o` something else, and no symlink; `m`
 * nothing; `k` what a look says; `l` where a symlink leads; `t` what a file holds; `p` what a program is; `c` the canonical
 * path; `s` nothing, or nothing that has a second name, nor has a file in it; `n` which directory it is and when names in
 * it last came or went, so long ago that another change would have another time; `w` nothing, of an open table of mounts
 * whose descriptor stands for a path: it is as it was when it was opened. In capitals: there was no answer.
 */
bool surely_says(char kind, const char *path, const char *said);

#endif
