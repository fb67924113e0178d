#include <string.h>

#include "base/buf.h"
#include "spec/check.h"
#include "spec/params.h"
#include "spec/reference.h"

static int check_colon(const char *text, struct err *err)
{
	const char *colon = strchr(text, ':'), *comma = strchr(text, ',');

	if (colon && comma && colon > comma)
		return err_set(err, -ERR_BAD_INPUT,
			       "malformed app string - colon may appear only right after the app name: \"%s\"", text);
	if (colon && strchr(colon + 1, ':'))
		return err_set(err, -ERR_BAD_INPUT, "malformed app string - colon may appear at most once: \"%s\"",
			       text);
	if (colon && (colon[1] == ',' || !colon[1]))
		return err_set(err, -ERR_BAD_INPUT, "malformed app string - no version after the colon: \"%s\"", text);
	return 0;
}

/* "a:1,b=c" as "name=a,version=1,b=c". */
static char *as_params(const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon)
		return xasprintf("name=%s", text);
	return xasprintf("name=%.*s,version=%s", (int)(colon - text), text, colon + 1);
}

/* Version first; the others as they were written. */
static void move_version_first(struct label *labels, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct label version = labels[i];

		if (!str_eq(version.name, "version"))
			continue;
		memmove(labels + 1, labels, i * sizeof(*labels));
		labels[0] = version;
		return;
	}
}

int app_string_parse(const char *text, char **ret_name, struct label **ret_labels, size_t *ret_n,
		     struct err *err)
{
	AUTO(free) char *params = NULL, *name = NULL;
	struct label *labels = NULL;
	size_t n = 0;
	int r;

	r = check_colon(text, err);
	if (r < 0)
		return r;
	params = as_params(text);
	r = params_split(params, &labels, &n, err);
	if (r < 0)
		return r;
	name = TAKE(labels[0].value);
	free(labels[0].name);
	memmove(labels, labels + 1, --n * sizeof(*labels));
	r = ac_identifier_check(name, err);
	if (r >= 0)
		r = labels_check(labels, n, err);
	/* Behind the colon, where a version is shown, nothing would be none. */
	if (r >= 0 && str_eq(label_get(labels, n, "version"), ""))
		r = err_set(err, -ERR_BAD_INPUT, "the version is empty");
	if (r < 0) {
		labels_free(labels, n);
		return err_wrap(err, r, "invalid image name \"%s\"", text);
	}
	move_version_first(labels, n);
	*ret_name = TAKE(name);
	*ret_labels = labels;
	*ret_n = n;
	return 0;
}

int reference_default_labels(struct label **labels, size_t *n, struct err *err)
{
	if (!label_get(*labels, *n, "os"))
		label_set(labels, n, "os", host_os());
	if (!label_get(*labels, *n, "arch"))
		label_set(labels, n, "arch", host_arch());
	return os_arch_check(label_get(*labels, *n, "os"), label_get(*labels, *n, "arch"), err);
}

static int rank_of(const char *name)
{
	static const char *const first[] = { "version", "os", "arch" };
	int rank = 0;

	while (rank < (int)ARRAY_LEN(first) && !str_eq(first[rank], name))
		rank++;
	return rank;
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *x = *(const struct label *const *)a, *y = *(const struct label *const *)b;
	int by_rank = rank_of(x->name) - rank_of(y->name);

	return by_rank ? by_rank : strcmp(x->name, y->name);
}

char *app_string_format(const char *name, const struct label *labels, size_t n)
{
	AUTO(free) const struct label **sorted = xcalloc(n, sizeof(*sorted));
	struct buf out = {};

	for (size_t i = 0; i < n; i++)
		sorted[i] = &labels[i];
	qsort(sorted, n, sizeof(*sorted), compare_labels);
	buf_adds(&out, name);
	for (size_t i = 0; i < n; i++) {
		if (str_eq(sorted[i]->name, "version"))
			buf_addf(&out, ":%s", sorted[i]->value);
		else
			buf_addf(&out, ",%s=%s", sorted[i]->name, sorted[i]->value);
	}
	return buf_steal(&out);
}
