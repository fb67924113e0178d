#include <stdint.h>
#include <string.h>

#include "spec/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a source is called is read as that source. */
static void check_source(const struct reference *ref)
{
	AUTO(reference_clear) struct reference again = {};
	AUTO(free) char *source = reference_source(ref), *twice = NULL;

	if (ref->kind < REFERENCE_REGISTRY)
		return;
	if (reference_parse(source, &again, NULL) < 0)
		abort();
	twice = reference_source(&again);
	if (again.kind != ref->kind || !str_eq(source, twice))
		abort();
}

/* So is the form that a name is shown in. */
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
	check_source(&ref);
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
