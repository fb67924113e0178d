#include <stdint.h>
#include <string.h>

#include "spec/limits.h"
#include "spec/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken keeps what the header promises, and a refusal has words. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(oci_document_clear) struct oci_document d = {};
	AUTO(err_clear) struct err err = {};
	const struct oci_descriptor *chosen = NULL;

	if (oci_document_read((const char *)data, size, NULL, &d, &err) < 0) {
		if (!err.chain || !*err.chain[0])
			abort();
		return 0;
	}
	if (d.kind == OCI_KIND_MANIFEST && (!oci_digest_valid(d.config.digest) || (int64_t)d.n > limits()->layers))
		abort();
	for (size_t i = 0; i < d.n; i++)
		if (!oci_digest_valid(d.list[i].digest) || d.list[i].size < 0 || !d.list[i].media_type)
			abort();
	(void)oci_manifest_check(&d, NULL);
	if (d.kind == OCI_KIND_INDEX && oci_index_choose(&d, "linux", "armv7l", &chosen, NULL) >= 0 && !chosen)
		abort();
	return 0;
}
