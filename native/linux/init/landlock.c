#define _GNU_SOURCE
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESOLVE_NO_SYMLINKS 0x04

#define RIGHT(bit) (1ull << (bit))

/* linux/landlock.h, in the order in which the rights came. */
enum {
	EXECUTE,
	WRITE_FILE,
	READ_FILE,
	READ_DIR,
	REMOVE_DIR,
	REMOVE_FILE,
	MAKE_CHAR,
	MAKE_DIR,
	MAKE_REG,
	MAKE_SOCK,
	MAKE_FIFO,
	MAKE_BLOCK,
	MAKE_SYM,
	REFER,
	TRUNCATE,
	IOCTL_DEV,
};
enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_TCP = 4, ABI_IOCTL_DEV = 5, ABI_SCOPES = 6 };

#define RIGHTS_OF_A_FILE (RIGHT(EXECUTE) | RIGHT(WRITE_FILE) | RIGHT(READ_FILE) | RIGHT(TRUNCATE) | RIGHT(IOCTL_DEV))
#define READING (RIGHT(EXECUTE) | RIGHT(READ_FILE) | RIGHT(READ_DIR))
#define TCP (RIGHT(0) | RIGHT(1))    /* bind, connect */
#define SCOPES (RIGHT(0) | RIGHT(1)) /* abstract sockets, signals */

static uint64_t known_rights(long abi)
{
	if (abi >= ABI_IOCTL_DEV)
		return RIGHT(IOCTL_DEV + 1) - 1;
	if (abi >= ABI_TRUNCATE)
		return RIGHT(TRUNCATE + 1) - 1;
	return RIGHT((abi >= ABI_REFER ? REFER : MAKE_SYM) + 1) - 1;
}

/*
 * On the host somebody may put a symlink in the way of a path meanwhile. Inside the sandbox's own tree, which was compared
 * with the plan, none does harm.
 */
static int open_path(const char *path, bool no_symlinks)
{
	struct { uint64_t flags, mode, resolve; } how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	return no_symlinks ? (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how) : open(path, O_PATH | O_CLOEXEC);
}

/* False with errno; a path that is not there is no error where `optional`. */
static bool allow(int ruleset, const char *path, uint64_t rights, bool optional, bool no_symlinks)
{
	struct stat status;
	int fd = open_path(path, no_symlinks);
	if (fd < 0)
		return optional && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES);
	if (fstat(fd, &status) != 0)
		return false;
	if (!S_ISDIR(status.st_mode))
		rights &= RIGHTS_OF_A_FILE;
	struct landlock_beneath rule = { .allowed = rights, .parent = fd };
	bool done = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_BENEATH, &rule, 0) == 0;
	int error = errno;
	close(fd);
	errno = error;
	return done;
}

long landlock_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
}

int landlock_prepare(const struct instructions *told, void (*fail)(const char *step, int error, const char *about))
{
	if (!told->landlock)
		return -1;
	bool alone = !told->namespaces;
	long abi = landlock_abi();
	/* Before REFER every rename between directories fails, which breaks more than a second layer is worth. */
	if (abi < ABI_REFER) {
		if (alone)
			fail("landlock", abi < 0 ? errno : ENOSYS, "not in this kernel");
		return -1;
	}
	struct landlock_ruleset rules = { .fs = known_rights(abi) };
	if (abi >= ABI_SCOPES)
		rules.scoped = SCOPES;
	if (alone && told->network != NETWORK_FULL) {
		/* Handled and never granted: no TCP at all. Other kinds of socket are for seccomp. */
		if (abi < ABI_TCP)
			fail("landlock", ENOSYS, "this kernel's Landlock cannot close TCP");
		rules.net = TCP;
	}
	size_t size = abi >= ABI_SCOPES ? sizeof rules : abi >= ABI_TCP ? 16 : 8;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (ruleset < 0)
		fail("landlock", errno, "ruleset");
	if (!alone && !allow(ruleset, "/", READING & rules.fs, false, false))
		fail("landlock", errno, "/");
	/* Of what stood beside something denied, much comes and goes. What is gone is not granted. */
	for (int i = 0; i < told->readable.count; i++)
		if (!allow(ruleset, told->readable.path[i], READING & rules.fs, true, alone))
			fail("landlock", errno, told->readable.path[i]);
	for (int i = 0; i < told->writable.count; i++)
		if (!allow(ruleset, told->writable.path[i], rules.fs, false, alone))
			fail("landlock", errno, told->writable.path[i]);
	/* Made for this run and held by other means. Without namespaces they are the host's, and are named if wanted. */
	if (!alone && (!allow(ruleset, "/dev", rules.fs, true, false) || !allow(ruleset, "/proc", rules.fs, true, false)))
		fail("landlock", errno, "/dev and /proc");
	return ruleset;
}

bool landlock_enter(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}
