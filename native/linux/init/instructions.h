/* What the init is told, checked and in the form the rest of it uses. */
#ifndef SANDBOX_INSTRUCTIONS_H
#define SANDBOX_INSTRUCTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "../shared/kernel.h"

enum { MOST_WORDS = 64 * 1024, MOST_PATHS = 8 * 1024, MOST_REBINDS = 1024, MOST_PORTS = 128, MOST_GATHERED = 256 };

struct expectation {
	enum { EXPECT_READ, EXPECT_WRITE, EXPECT_MASKED } access;
	const char *path;
	bool known; /* device and inode are given */
	unsigned long long device, inode;
};

/* What is to be seen of a folder, parents first; every path is below it. */
struct gathering {
	const char *folder; /* NULL: nothing is gathered */
	int entries;
	struct gathered {
		enum { GATHER_SHOWN, GATHER_FOLDER, GATHER_LINK } kind;
		const char *path, *target; /* of a link */
	} entry[MOST_GATHERED];
};

struct path_list {
	int count;
	const char *path[MOST_PATHS];
};

/* A socket that is opened for the door. */
struct listener {
	enum { LISTEN_DOOR, LISTEN_TCP, LISTEN_DNS } kind;
	uint16_t port;
};

struct instructions {
	bool namespaces, landlock;
	enum { NETWORK_OFF, NETWORK_RESTRICTED, NETWORK_FULL } network;
	bool route_all;
	int listeners, dials;
	struct listener listener[MOST_PORTS];
	uint16_t dial[MOST_PORTS]; /* ports that may be dialled from outside */
	uid_t uid;
	gid_t gid;
	bool map_every_id;
	enum { TERMINAL_INHERIT, TERMINAL_OWN, TERMINAL_NONE } terminal;
	bool take_foreground;

	const char *directory, *program;
	int arguments, variables;
	char *argument[MOST_WORDS + 1], *variable[MOST_WORDS + 1];

	struct limit {
		bool given;
		rlim_t value;
	} open_files, core, data, processes;
	unsigned long long pid_max, tasks, memory; /* 0: no limit */

	struct gathering gathering;
	int expectations, rebinds;
	struct expectation expectation[MOST_PATHS];
	const char *rebind[MOST_REBINDS];
	bool remask[MOST_REBINDS]; /* it is a mask: cover whatever comes in its place */
	struct path_list counted, writable, readable;

	struct bpf_program seccomp;
};

/* Reads both files; anything wrong in them ends the program. Lives as long as the program. */
const struct instructions *instructions_read(int fd, int seccomp_fd, bool take_foreground);

#endif
