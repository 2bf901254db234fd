#include "given.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "begin.h"

napi_value fail(napi_env env, const char *step, int error)
{
	char text[128];
	snprintf(text, sizeof text, "%s: %s", step, strerror(error));
	napi_throw_error(env, NULL, text);
	return NULL;
}

bool read_descriptors(napi_env env, napi_value list, int *descriptors, uint32_t *count)
{
	napi_value one;
	if (napi_get_array_length(env, list, count) != napi_ok || *count > MOST_DESCRIPTORS) {
		fail(env, "descriptors", EINVAL);
		return false;
	}
	for (uint32_t i = 0; i < *count; i++) {
		if (napi_get_element(env, list, i, &one) != napi_ok ||
		    napi_get_value_int32(env, one, &descriptors[i]) != napi_ok || descriptors[i] < PIPE) {
			fail(env, "descriptors", EINVAL);
			return false;
		}
	}
	return true;
}
