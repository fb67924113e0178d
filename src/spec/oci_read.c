#include "spec/oci_read.h"

#include <stdlib.h>
#include <string.h>

/* The object at key. 0: there is none. */
static int object_at(const struct json_value *v, const char *key, const struct json_value **ret, struct err *err)
{
	*ret = json_get(v, key);
	if (!*ret || (*ret)->kind == JSON_NULL)
		return 0;
	return (*ret)->kind == JSON_DICT ? 1 : err_set(err, -ERR_BAD_INPUT, "%s: not an object", key);
}

static size_t count_members(const struct json_value *object)
{
	size_t n = 0;

	for (const struct json_value *m = object->child; m; m = m->next)
		n++;
	return n;
}

int oci_read_pairs(const struct json_value *v, const char *key, struct label **ret, size_t *ret_n, struct err *err)
{
	const struct json_value *object;
	struct label *pairs;
	size_t n = 0;
	int r = object_at(v, key, &object, err);

	if (r <= 0)
		return r;
	for (const struct json_value *m = object->child; m; m = m->next)
		if (m->kind != JSON_TEXT)
			return err_set(err, -ERR_BAD_INPUT, "%s.%s: not a string", key, m->key);
	pairs = xcalloc(count_members(object), sizeof(*pairs));
	for (const struct json_value *m = object->child; m; m = m->next)
		pairs[n++] = (struct label){ .name = xstrdup(m->key), .value = xstrdup(m->text) };
	*ret = pairs;
	*ret_n = n;
	return 0;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int oci_read_keys(const struct json_value *v, const char *key, char ***ret, struct err *err)
{
	const struct json_value *object;
	char **keys;
	size_t n = 0;
	int r = object_at(v, key, &object, err);

	if (r <= 0)
		return r;
	keys = xcalloc(count_members(object) + 1, sizeof(*keys));
	for (const struct json_value *m = object->child; m; m = m->next)
		keys[n++] = xstrdup(m->key);
	qsort(keys, n, sizeof(*keys), compare_texts);
	*ret = keys;
	return 0;
}
