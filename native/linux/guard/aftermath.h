/* What a killed launcher would have looked at in the end, and what needs more than C should know of git. */
#ifndef SANDBOX_AFTERMATH_H
#define SANDBOX_AFTERMATH_H

/*
 * Becomes `program[0]` with `program[1]` as its argument and `input` as its standard input. It has nothing of the
 * run's: no streams, no terminal, no environment. Returns where it is not to be had.
 */
void become_aftermath(const char *const program[2], int input);

#endif
