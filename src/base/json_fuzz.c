#include <stdint.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *rewrite(const char *text, size_t len)
{
	AUTO(json_free) struct json *json = NULL;
	struct json_writer *w;

	if (json_parse(text, len, &json, NULL) < 0)
		return NULL;
	w = json_writer_new(false);
	json_write_value(w, NULL, json_root(json));
	return json_writer_finish(w);
}

/* What we write of a document is read again, and writing that gives the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *once = rewrite((const char *)data, size);
	AUTO(free) char *twice = once ? rewrite(once, strlen(once)) : NULL;

	if (once && !str_eq(once, twice))
		abort();
	return 0;
}
