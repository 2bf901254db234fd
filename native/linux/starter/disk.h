/* What is offered to JavaScript of the disk. */
#ifndef SANDBOX_DISK_H
#define SANDBOX_DISK_H

#include "given.h"

/*
 * `unsure(questions)`: a letter and a path, then what was said, each with a zero after it, as often as there are
 * questions. The places of those that are not surely answered the same.
 */
napi_value disk_unsure(napi_env env, napi_callback_info info);

/* `beginSync(files)`: a handle for `endSync`. */
napi_value disk_begin_sync(napi_env env, napi_callback_info info);

/* `endSync(handle)`: waits until the files are on the disk. A second time, nothing. */
napi_value disk_end_sync(napi_env env, napi_callback_info info);

/* `memory(bytes)`: a descriptor of a file in memory that holds them. */
napi_value disk_memory(napi_env env, napi_callback_info info);

#endif
