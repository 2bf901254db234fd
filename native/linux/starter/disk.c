#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ask.h"
#include "begin.h"
#include "sync.h"

napi_value disk_unsure(napi_env env, napi_callback_info info)
{
	napi_value given[1], result, place;
	size_t given_count = 1, length;
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 1 ||
	    napi_get_value_string_utf8(env, given[0], NULL, 0, &length) != napi_ok)
		return fail(env, "arguments", EINVAL);
	char *questions = malloc(length + 1);
	if (questions == NULL || napi_get_value_string_utf8(env, given[0], questions, length + 1, &length) != napi_ok ||
	    napi_create_array(env, &result) != napi_ok) {
		free(questions);
		return fail(env, "memory", ENOMEM);
	}
	uint32_t asked = 0, unsure = 0;
	bool is_told = true;
	for (const char *at = questions, *end = questions + length; is_told && at < end; asked++) {
		const char *said = at + strlen(at) + 1;
		const char *next = said < end ? said + strlen(said) + 1 : end + 1;
		if (next > end || !surely_says(at[0], at + 1, said))
			is_told = napi_create_uint32(env, asked, &place) == napi_ok &&
			          napi_set_element(env, result, unsure++, place) == napi_ok;
		at = next;
	}
	free(questions);
	return is_told ? result : fail(env, "memory", ENOMEM);
}

/* Nobody asked how it ended. */
static void forget_sync(napi_env env, void *data, void *hint)
{
	struct syncing **syncing = data;
	(void)env, (void)hint;
	if (*syncing != NULL)
		sync_end(*syncing);
	free(syncing);
}

napi_value disk_begin_sync(napi_env env, napi_callback_info info)
{
	napi_value given[1], result;
	size_t given_count = 1;
	uint32_t count = 0;
	int files[MOST_DESCRIPTORS];
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 1)
		return fail(env, "arguments", EINVAL);
	if (!read_descriptors(env, given[0], files, &count))
		return NULL;
	if (count > MOST_SYNCED)
		return fail(env, "descriptors", EINVAL);
	struct syncing **syncing = calloc(1, sizeof *syncing);
	if (syncing == NULL)
		return fail(env, "memory", ENOMEM);
	if ((*syncing = sync_begin(files, (int)count)) == NULL) {
		int error = errno;
		free(syncing);
		return fail(env, "sync", error);
	}
	if (napi_create_external(env, syncing, forget_sync, NULL, &result) == napi_ok)
		return result;
	forget_sync(env, syncing, NULL);
	return fail(env, "handle", ENOMEM);
}

napi_value disk_end_sync(napi_env env, napi_callback_info info)
{
	napi_value given[1];
	size_t given_count = 1;
	void *data = NULL;
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 1 ||
	    napi_get_value_external(env, given[0], &data) != napi_ok)
		return fail(env, "arguments", EINVAL);
	struct syncing **syncing = data;
	int error = *syncing == NULL ? 0 : sync_end(*syncing);
	*syncing = NULL;
	return error == 0 ? NULL : fail(env, "sync", error);
}

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#endif

/* Kernels before 6.3 know nothing of programs in memory. */
static int memory_file(void)
{
	int file = memfd_create("instructions", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	return file >= 0 || errno != EINVAL ? file : memfd_create("instructions", MFD_CLOEXEC);
}

static bool write_all(int file, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(file, bytes, length);
		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0)
			bytes += written, length -= (size_t)written;
	}
	return true;
}

napi_value disk_memory(napi_env env, napi_callback_info info)
{
	napi_value given[1], result;
	size_t given_count = 1, length;
	void *bytes;
	if (napi_get_cb_info(env, info, &given_count, given, NULL, NULL) != napi_ok || given_count != 1 ||
	    napi_get_buffer_info(env, given[0], &bytes, &length) != napi_ok)
		return fail(env, "arguments", EINVAL);
	int file = memory_file();
	if (file < 0)
		return fail(env, "memory", errno);
	if (write_all(file, bytes, length) && napi_create_int32(env, file, &result) == napi_ok)
		return result;
	int error = errno;
	close(file);
	return fail(env, "memory", error);
}
