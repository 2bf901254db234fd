/* The terminal the tool was started from, and the ones made for the program. */
#ifndef SANDBOX_TERMINAL_H
#define SANDBOX_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

struct pty {
	int outer, inner;
};

/* Opens the controlling terminal, if any, and notes whether the tool has it now. */
void terminal_look(void);

/* The tool's process group is the one the terminal listens to. */
bool terminal_is_ours(void);

/* This descriptor is the controlling terminal. */
bool terminal_controls(int fd);

/*
 * The program may take the terminal: it is ours, and no member of our process group (the pager of a pipeline) would
 * be stopped by losing it.
 */
bool terminal_may_move(void);

/*
 * Takes the foreground and ordinary settings for a question of the launcher's, without what was typed before; false
 * where the terminal is neither ours nor the program's. terminal_give_back() undoes it.
 */
bool terminal_borrow(void);
void terminal_give_back(void);

/* Takes the terminal back if the group that had it has died. */
void terminal_restore(void);

/* A new terminal for the program, `raw` when it only carries bytes to another terminal. False on failure. */
bool pty_make(struct pty *pty, uid_t owner, bool raw);

/* Copies the size of the terminal `from` when it differs. */
void pty_resize(const struct pty *pty, int from);

/*
 * Keys go to the program as they come, Ctrl-C too, until terminal_cook(). To be called again when somebody else may
 * have changed the terminal meanwhile.
 */
void terminal_raw(int fd);
void terminal_cook(void);

void terminal_copy_settings(int from, int to);

#endif
