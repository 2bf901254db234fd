#ifndef SANDBOX_IDMAP_H
#define SANDBOX_IDMAP_H

#include <stdbool.h>
#include <sys/types.h>

/* Gives the new user namespace of `pid` every id of the caller's own namespace, each as itself. */
bool map_every_id(pid_t pid);

/* Gives it one: `uid` and `gid` there stand for `outer_uid` and `outer_gid` here. */
bool map_one_id(pid_t pid, uid_t uid, uid_t outer_uid, gid_t gid, gid_t outer_gid);

#endif
