#include <stdint.h>
#include <string.h>

#include "spec/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The form that a name is shown in is read as that name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *text = xstrndup((const char *)data, size), *shown = NULL, *again = NULL, *name = NULL;
	AUTO(reference_clear) struct reference ref = {};
	AUTO(err_clear) struct err err = {};
	struct label *labels = NULL;
	size_t n = 0;

	if (reference_parse(text, &ref, &err) < 0) {
		if (!err.chain || !*err.chain[0])
			abort();
		return 0;
	}
	if (ref.kind != REFERENCE_NAME)
		return 0;
	shown = app_string_format(ref.name, ref.labels, ref.n_labels);
	if (app_string_parse(shown, &name, &labels, &n, NULL) < 0)
		abort();
	again = app_string_format(name, labels, n);
	labels_free(labels, n);
	if (!str_eq(shown, again))
		abort();
	return 0;
}
