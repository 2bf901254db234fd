/* What JavaScript gives, and is told. */
#ifndef SANDBOX_GIVEN_H
#define SANDBOX_GIVEN_H

#include <stdbool.h>
#include <stdint.h>

#define NAPI_VERSION 8
#include <node_api.h>

/* In the list of descriptors: one end of a new pair of sockets. The other is listened to, or JavaScript's. */
enum { CHANNEL = -2, PIPE = -3 };

/* Throws what the system says of a step; returns NULL. */
napi_value fail(napi_env env, const char *step, int error);

/* The descriptors that JavaScript lists, at most MOST_DESCRIPTORS. False, and it is told, for what is none. */
bool read_descriptors(napi_env env, napi_value list, int *descriptors, uint32_t *count);

#endif
