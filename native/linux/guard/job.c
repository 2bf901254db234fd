#define _GNU_SOURCE
#include "job.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "../shared/control.h"

enum {
	/* The program is about to take the foreground of its terminal. */
	SOON_MS = 20,
	/* A shell that brings a running job to the foreground sends it nothing. */
	AWAY_MS = 200,
};

static const struct pty *lent;
static pid_t leader;
static bool away, held, raw, alike;

void job_start(const struct pty *terminal, pid_t session)
{
	lent = terminal;
	leader = session;
	away = !terminal_is_ours();
}

bool job_control(void)
{
	return lent != NULL;
}

/* The foreground is with the leader's group from the start, and with no other that would not want it. */
static bool program_has_foreground(void)
{
	pid_t group = tcgetpgrp(lent->outer);
	return group > 0 && group != leader;
}

/* The program finds the settings of the tool's terminal; from the background those may be a line editor's. */
static void take_settings(void)
{
	if (!alike)
		terminal_copy_settings(STDIN_FILENO, lent->inner);
	alike = true;
}

bool job_has_keys(void)
{
	if (lent == NULL || held)
		return lent == NULL;
	if (!terminal_is_ours()) {
		away = true;
		raw = false;
		return false;
	}
	bool back = away;
	away = false;
	if (back)
		pty_resize(lent, STDIN_FILENO);
	if (!raw)
		take_settings();
	if (program_has_foreground()) {
		if (!raw)
			terminal_raw(STDIN_FILENO);
		raw = true;
	} else if (back) {
		report("foreground yes");
	}
	return raw;
}

int job_wait(void)
{
	if (lent == NULL || held || raw)
		return -1;
	return away ? AWAY_MS : SOON_MS;
}

void job_hold(void)
{
	held = true;
	raw = false;
}

void job_release(void)
{
	held = false;
}

bool job_may_have(int signal)
{
	return lent != NULL && (signal == SIGTTIN || signal == SIGTTOU) && terminal_is_ours();
}

bool job_wants_foreground(void)
{
	return terminal_is_ours() && (lent == NULL || !program_has_foreground());
}
