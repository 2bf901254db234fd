#define _GNU_SOURCE
#include "aftermath.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../shared/kernel.h"

void become_aftermath(const char *const program[2], int input)
{
	char *words[] = { (char *)program[0], (char *)program[1], NULL }, *environment[] = { NULL };
	sigset_t none;
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* The offset is shared with whoever wrote the file. */
	if (nothing < 0 || lseek(input, 0, SEEK_SET) != 0)
		return;
	if (dup2(input, 0) < 0 || dup2(nothing, 1) < 0 || dup2(nothing, 2) < 0)
		return;
	syscall(SYS_close_range, 3, ~0u, 0);
	prctl(PR_SET_PDEATHSIG, 0);
	setsid();
	/* Ignored first: the death of the launcher's last thread may still wait to be told, and would end the program. */
	for (int number = 1; number < NSIG; number++) {
		signal(number, SIG_IGN);
		signal(number, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(words[0], words, environment);
}
