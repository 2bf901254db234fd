/* Memory and number of tasks of the whole tree, looked at now and then. */
#ifndef SANDBOX_WATCHDOG_H
#define SANDBOX_WATCHDOG_H

#include "instructions.h"

/* After the program was forked, which must not inherit what this does to the scheduling of the caller. */
void watchdog_start(const struct instructions *told);

/* Milliseconds until watchdog_look() should be called, -1 for never. */
int watchdog_wait(void);

/* Does nothing before its time. When a limit is exceeded: says which, kills everything, and ends this process. */
void watchdog_look(void);

#endif
