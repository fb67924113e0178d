#include <stdint.h>
#include <string.h>

#include "spec/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A manifest that is taken is taken again after we have written it, and then written the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(image_manifest_clear) struct image_manifest m = {}, again = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL, *twice = NULL, *name = NULL;

	if (image_manifest_read((const char *)data, size, &m, &err) < 0) {
		if (!err.chain || !*err.chain[0])
			abort();
		return 0;
	}
	text = json_encode_text(image_manifest_fields, &m, true);
	if (image_manifest_read(text, strlen(text), &again, NULL) < 0)
		abort();
	twice = json_encode_text(image_manifest_fields, &again, true);
	name = ac_name_from(m.name);
	if (!str_eq(text, twice) || !name || ac_name_check(name, NULL) < 0)
		abort();
	return 0;
}
