#define _GNU_SOURCE
#include "capabilities.h"

#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../shared/kernel.h"

/* PR_CAPBSET_READ says EINVAL for the first number the kernel does not know. */
enum { MOST_CAPABILITIES = 64 };

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_IS_SET 1
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif
/* SECBIT_NOROOT and SECBIT_NO_CAP_AMBIENT_RAISE, both locked. */
#define NO_POWER_FOR_ROOT ((1 << 0) | (1 << 1) | (1 << 6) | (1 << 7))

bool capabilities_unbind(void)
{
	for (int number = 0; number < MOST_CAPABILITIES && prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0)
			return false;
	return prctl(PR_SET_SECUREBITS, NO_POWER_FOR_ROOT, 0, 0, 0) == 0;
}

bool capabilities_keep(uint32_t keep)
{
	struct capability_header header = { .version = CAPABILITY_VERSION };
	struct capability_set sets[2] = { { .effective = keep, .permitted = keep } }, found[2];
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, sets) != 0 || syscall(SYS_capget, &header, found) != 0)
		return false;
	return found[0].effective == keep && found[0].permitted == keep && found[0].inheritable == 0 &&
	       (found[1].effective | found[1].permitted | found[1].inheritable) == 0;
}

bool capabilities_are_gone(bool bounding)
{
	struct capability_header header = { .version = CAPABILITY_VERSION };
	struct capability_set found[2];
	if (syscall(SYS_capget, &header, found) != 0)
		return false;
	for (int i = 0; i < 2; i++)
		if ((found[i].effective | found[i].permitted | found[i].inheritable) != 0)
			return false;
	for (int number = 0; number < MOST_CAPABILITIES; number++) {
		int bound = prctl(PR_CAPBSET_READ, number, 0, 0, 0);
		if (bound < 0)
			break;
		if ((bounding && bound != 0) || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number, 0, 0) > 0)
			return false;
	}
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}
