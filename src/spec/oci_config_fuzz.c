#include <stdint.h>
#include <string.h>

#include "base/path.h"
#include "spec/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What becomes an image manifest is one that we would read, with volumes below the root. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct oci_origin origin = { .registry = "localhost:5000", .repository = "a/b", .version = "1" };
	AUTO(image_manifest_clear) struct image_manifest m = {}, again = {};
	AUTO(oci_config_clear) struct oci_config c = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	if (oci_config_read((const char *)data, size, &c, &err) < 0 || oci_to_appc(&c, &origin, &m, &err) < 0) {
		if (!err.chain || !*err.chain[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < m.app->n_mount_points; i++)
		if (!path_is_clean(m.app->mount_points[i].path) || str_eq(m.app->mount_points[i].path, "/"))
			abort();
	text = json_encode_text(image_manifest_fields, &m, false);
	if (strlen(text) <= MANIFEST_MAX_BYTES && image_manifest_read(text, strlen(text), &again, NULL) < 0)
		abort();
	return 0;
}
