/*
 * Confines itself as the first process of a sandbox does, then makes one system call: words are whether it binds
 * again, whether it dials, the number of the call, its arguments. The exit status is 0 or the errno; a call that the
 * filter forbids kills it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../native/linux/init/seccomp.h"
#include "../../native/linux/shared/control.h"

int main(int count, char **words)
{
	long word[8] = { 0 };
	for (int i = 1; i < count && i <= 8; i++)
		word[i - 1] = strtol(words[i], NULL, 0);
	control_use(STDOUT_FILENO);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	seccomp_confine_init(word[0] != 0, word[1] != 0);
	long result = syscall(word[2], word[3], word[4], word[5], word[6], word[7]);
	_exit(result < 0 ? errno : 0);
}
