#include <stdint.h>
#include <string.h>

#include "spec/pod.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As for images: what is taken is written and taken again, the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(pod_manifest_clear) struct pod_manifest m = {}, again = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL, *twice = NULL;

	if (pod_manifest_read((const char *)data, size, &m, &err) < 0) {
		if (!err.chain || !*err.chain[0])
			abort();
		return 0;
	}
	text = pod_manifest_text(&m, false);
	if (pod_manifest_read(text, strlen(text), &again, NULL) < 0)
		abort();
	twice = pod_manifest_text(&again, false);
	if (!str_eq(text, twice))
		abort();
	return 0;
}
