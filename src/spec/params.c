#include "spec/params.h"

#include <string.h>

enum { PARAMS_MAX = 256 };

static int add_param(struct label **params, size_t *n, const char *part, const char *whole, struct err *err)
{
	const char *equals = strchr(part, '=');
	AUTO(free) char *key = NULL;
	const char *before;

	if (!equals || equals == part)
		return err_set(err, -ERR_BAD_INPUT, "malformed string \"%s\" - has a label without a %s: %s", whole,
			       equals ? "name" : "value", part);
	if (*n == PARAMS_MAX)
		return err_set(err, -E2BIG, "more than %d parameters", PARAMS_MAX);
	key = xstrndup(part, (size_t)(equals - part));
	before = label_get(*params, *n, key);
	if (before)
		return err_set(err, -ERR_BAD_INPUT, "label %s with multiple values [\"%s\" \"%s\"]", key, before,
			       equals + 1);
	label_set(params, n, key, equals + 1);
	return 0;
}

int params_split(const char *s, struct label **ret, size_t *ret_n, struct err *err)
{
	AUTO(strv_free) char **parts = strv_split(s, ',');
	struct label *params = NULL;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; parts[i] && r >= 0; i++)
		r = add_param(&params, &n, parts[i], s, err);
	if (r < 0) {
		labels_free(params, n);
		return r;
	}
	*ret = params;
	*ret_n = n;
	return 0;
}
