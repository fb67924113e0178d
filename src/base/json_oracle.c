#include "base/json_oracle.h"

#include <jansson.h>

char *json_oracle_compact(const char *text, size_t len)
{
	json_error_t error;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	char *compact;

	if (!doc)
		return NULL;
	compact = json_dumps(doc, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(doc);
	return compact;
}
