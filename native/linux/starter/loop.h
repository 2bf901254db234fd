/*
 * What is used of libuv, Node's event loop: https://docs.libuv.org/en/v1.x/poll.html. Its headers do not come with
 * those of Node-API; these names have stood since its first stable release and are kept within its major version.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stddef.h>

struct uv_loop_s;

enum { POLL = 8, READABLE = 1 };

typedef void (*uv_poll_cb)(void *handle, int status, int events);

size_t uv_handle_size(int type);
const char *uv_handle_type_name(int type);
void *uv_handle_get_data(const void *handle);
void uv_handle_set_data(void *handle, void *data);
int uv_poll_init(struct uv_loop_s *loop, void *handle, int fd);
int uv_poll_start(void *handle, int events, uv_poll_cb heard);
void uv_close(void *handle, void (*closed)(void *handle));

#endif
