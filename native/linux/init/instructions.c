#define _GNU_SOURCE
#include "instructions.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "../shared/control.h"
#include "../shared/records.h"

static struct instructions told;
static struct bpf_instruction filter[BPF_MAX_INSTRUCTIONS + 1];

static const char *const yes_no[] = { "no", "yes", NULL };

static void add_path(struct path_list *list)
{
	const char *path = record_path();
	if (list->count == MOST_PATHS)
		records_refuse("too many paths");
	list->path[list->count++] = path;
}

static void read_limit(void)
{
	static const char *const names[] = { "nofile", "core", "data", "nproc", NULL };
	struct limit *const places[] = { &told.open_files, &told.core, &told.data, &told.processes };
	struct limit *place = places[record_choice(names)];
	place->value = record_number(RLIM_INFINITY - 1);
	place->given = true;
}

static void read_expectation(void)
{
	static const char *const accesses[] = { "read", "write", "masked", NULL };
	if (told.expectations == MOST_PATHS)
		records_refuse("too many expectations");
	struct expectation *expected = &told.expectation[told.expectations++];
	expected->access = record_choice(accesses);
	expected->path = record_path();
	const char *device = record_word(), *inode = record_word();
	if (strcmp(device, "-") == 0 && strcmp(inode, "-") == 0)
		return;
	expected->known = true;
	if (!read_number(device, ULLONG_MAX, &expected->device) || !read_number(inode, ULLONG_MAX, &expected->inode))
		records_refuse("an expectation's inode");
}

static void read_gathered(void)
{
	static const char *const kinds[] = { "show", "folder", "link", NULL };
	struct gathering *gathering = &told.gathering;
	if (gathering->entries == MOST_GATHERED)
		records_refuse("too much to gather");
	struct gathered *entry = &gathering->entry[gathering->entries++];
	entry->kind = record_choice(kinds);
	entry->path = record_path();
	size_t length = gathering->folder == NULL ? 0 : strlen(gathering->folder);
	if (length == 0 || strncmp(entry->path, gathering->folder, length) != 0 || entry->path[length] != '/')
		records_refuse("gathered from elsewhere");
	if (entry->kind == GATHER_LINK)
		entry->target = record_word();
}

static void read_listener(void)
{
	static const char *const kinds[] = { "door", "tcp", "dns", NULL };
	if (told.listeners == MOST_PORTS)
		records_refuse("too many listeners");
	struct listener *listener = &told.listener[told.listeners++];
	listener->kind = record_choice(kinds);
	listener->port = (uint16_t)record_number(UINT16_MAX);
	if (listener->port == 0 && listener->kind != LISTEN_DOOR)
		records_refuse("a listener's port");
}

static void read_dial(void)
{
	if (told.dials == MOST_PORTS)
		records_refuse("too many ports to dial");
	told.dial[told.dials] = (uint16_t)record_number(UINT16_MAX);
	if (told.dial[told.dials++] == 0)
		records_refuse("a port to dial");
}

static void add_word(char **list, int *count)
{
	if (*count == MOST_WORDS)
		records_refuse("too many words");
	list[(*count)++] = (char *)record_word();
}

static void read_record(const char *name)
{
	static const char *const networks[] = { "off", "restricted", "full", NULL };
	static const char *const routes[] = { "all", NULL };
	static const char *const maps[] = { "one", "full", NULL };
	static const char *const terminals[] = { "inherit", "own", "none", NULL };
	if (strcmp(name, "namespaces") == 0)
		told.namespaces = record_choice(yes_no);
	else if (strcmp(name, "network") == 0)
		told.network = record_choice(networks);
	else if (strcmp(name, "route") == 0)
		told.route_all = record_choice(routes) == 0;
	else if (strcmp(name, "listen") == 0)
		read_listener();
	else if (strcmp(name, "dial") == 0)
		read_dial();
	else if (strcmp(name, "id") == 0) {
		told.uid = (uid_t)record_number(UINT32_MAX - 1);
		told.gid = (gid_t)record_number(UINT32_MAX - 1);
	} else if (strcmp(name, "idmap") == 0)
		told.map_every_id = record_choice(maps);
	else if (strcmp(name, "terminal") == 0)
		told.terminal = record_choice(terminals);
	else if (strcmp(name, "landlock") == 0)
		told.landlock = record_choice(yes_no);
	else if (strcmp(name, "cwd") == 0)
		told.directory = record_path();
	else if (strcmp(name, "exec") == 0)
		told.program = record_path();
	else if (strcmp(name, "arg") == 0)
		add_word(told.argument, &told.arguments);
	else if (strcmp(name, "env") == 0)
		add_word(told.variable, &told.variables);
	else if (strcmp(name, "limit") == 0)
		read_limit();
	else if (strcmp(name, "pidmax") == 0)
		told.pid_max = record_number(4194304);
	else if (strcmp(name, "tasks") == 0)
		told.tasks = record_number(LLONG_MAX);
	else if (strcmp(name, "memory") == 0)
		told.memory = record_number(LLONG_MAX);
	else if (strcmp(name, "counted") == 0)
		add_path(&told.counted);
	else if (strcmp(name, "writable") == 0)
		add_path(&told.writable);
	else if (strcmp(name, "readable") == 0)
		add_path(&told.readable);
	else if (strcmp(name, "gather") == 0 && told.gathering.folder == NULL)
		told.gathering.folder = record_path();
	else if (strcmp(name, "gathered") == 0)
		read_gathered();
	else if (strcmp(name, "expect") == 0)
		read_expectation();
	else if ((strcmp(name, "rebind") == 0 || strcmp(name, "remask") == 0) && told.rebinds < MOST_REBINDS) {
		told.remask[told.rebinds] = name[2] == 'm';
		told.rebind[told.rebinds++] = record_path();
	} else
		records_refuse(name);
}

static void read_filter(int fd)
{
	ssize_t length = pread(fd, filter, sizeof filter, 0);
	if (length < 0)
		fail("seccomp", errno, "read");
	if (length == 0 || (size_t)length % sizeof *filter != 0 || (size_t)length > sizeof *filter * BPF_MAX_INSTRUCTIONS)
		fail("seccomp", EINVAL, "not a filter");
	told.seccomp.length = (unsigned short)((size_t)length / sizeof *filter);
	told.seccomp.code = filter;
}

const struct instructions *instructions_read(int fd, int seccomp_fd, bool take_foreground)
{
	/* The safe side of each choice, until told otherwise. */
	told.namespaces = told.landlock = true;
	told.uid = told.gid = (uid_t)-1;
	told.take_foreground = take_foreground;
	records_read(fd);
	for (const char *name; (name = record_name()) != NULL;)
		read_record(name);
	if (told.program == NULL || told.directory == NULL || told.arguments == 0 || told.uid == (uid_t)-1)
		records_refuse("exec, cwd, arg or id is missing");
	if (!told.namespaces && (told.rebinds > 0 || told.expectations > 0 || told.gathering.folder != NULL || !told.landlock))
		records_refuse("gather, expect, rebind, remask and landlock no need namespaces");
	if ((told.route_all || told.listeners > 0 || told.dials > 0) && (!told.namespaces || told.network == NETWORK_FULL))
		records_refuse("route, listen and dial need a network of its own");
	if (told.route_all && told.network != NETWORK_RESTRICTED)
		records_refuse("route leads nowhere without a network");
	if (told.namespaces && told.readable.count > 0)
		records_refuse("readable is for runs without namespaces");
	read_filter(seccomp_fd);
	return &told;
}
