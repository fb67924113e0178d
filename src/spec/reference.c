#include "spec/reference.h"

#include <string.h>

#include "base/buf.h"
#include "spec/check.h"
#include "spec/params.h"

enum { TEXT_MAX = 8192 };

static int invalid(const char *text, struct err *err)
{
	return err_set(err, -ERR_BAD_INPUT, "invalid image string \"%s\"", text);
}

static int parse_hash(const char *text, struct reference *ret, struct err *err)
{
	int r = image_id_check(text, err);

	if (r < 0)
		return r;
	ret->kind = REFERENCE_HASH;
	ret->hash = xstrdup(text);
	return 0;
}

/* The path of a URL, percent signs decoded. NULL: a bad escape, or one for NUL. */
static char *decode_path(const char *s)
{
	static const char digits[] = "0123456789abcdef";
	AUTO(free) char *path = xmalloc(strlen(s) + 1);
	char *to = path;

	for (; *s; s++) {
		const char *high, *low;

		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		high = s[1] ? strchr(digits, s[1] | 0x20) : NULL;
		low = high && s[2] ? strchr(digits, s[2] | 0x20) : NULL;
		if (!high || !low || !*high || !*low || (high == digits && low == digits))
			return NULL;
		*to++ = (char)((high - digits) << 4 | (low - digits));
		s += 2;
	}
	*to = 0;
	return TAKE(path);
}

static int parse_file_url(const char *text, struct reference *ret, struct err *err)
{
	const char *path = text + strlen("file://");

	/* A host in it would say that the file is elsewhere. */
	if (strncasecmp(text, "file://", strlen("file://")) != 0)
		return invalid(text, err);
	if (strncasecmp(path, "localhost/", strlen("localhost/")) == 0)
		path += strlen("localhost");
	if (*path != '/' || strpbrk(path, "?#") || !str_ends(path, ".aci"))
		return invalid(text, err);
	ret->kind = REFERENCE_FILE;
	ret->path = decode_path(path);
	return ret->path ? 0 : invalid(text, err);
}

static int parse_web_url(const char *text, struct reference *ret, struct err *err)
{
	const char *host = strchr(text, ':') + 1, *path;
	size_t len;

	for (const char *s = text; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("\"<>\\^`{|}", *s))
			return invalid(text, err);
	if (!str_starts(host, "//"))
		return invalid(text, err);
	host += 2;
	path = host + strcspn(host, "/?#");
	len = strcspn(path, "?#");
	if (path == host || len < 5 || strncmp(path + len - 4, ".aci", 4) != 0)
		return invalid(text, err);
	ret->kind = REFERENCE_URL;
	ret->url = xstrdup(text);
	return 0;
}

/* What is before the colon, where it reads like the scheme of a URL. */
static char *scheme_of(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
	size_t n = strspn(text, rest);

	return strspn(text, letters) && text[n] == ':' ? xstrndup(text, n) : NULL;
}

static bool is_file(const char *text)
{
	return *text == '/' || str_starts(text, "./") || str_starts(text, "../") || str_ends(text, ".aci");
}

static int parse_name(const char *text, struct reference *ret, struct err *err)
{
	ret->kind = REFERENCE_NAME;
	return app_string_parse(text, &ret->name, &ret->labels, &ret->n_labels, err);
}

static int parse_file(const char *text, struct reference *ret, struct err *err)
{
	ret->kind = REFERENCE_FILE;
	ret->path = xstrdup(text);
	return 0;
}

static const struct scheme {
	const char *name;
	int (*parse)(const char *text, struct reference *ret, struct err *err);	/* NULL: images we do not take */
	const char *what;
} schemes[] = {
	{ "file", parse_file_url, NULL }, { "http", parse_web_url, NULL }, { "https", parse_web_url, NULL },
	{ "docker", NULL, "docker" }, { "docker-daemon", NULL, "docker" }, { "docker-archive", NULL, "docker" },
	{ "oci", NULL, "OCI" }, { "oci-archive", NULL, "OCI" }, { "cimd", NULL, "cimd" },
};

static int parse_any(const char *text, struct reference *ret, struct err *err)
{
	AUTO(free) char *scheme = scheme_of(text);

	if (str_starts(text, "sha512-"))
		return parse_hash(text, ret, err);
	for (size_t i = 0; scheme && i < ARRAY_LEN(schemes); i++) {
		if (strcasecmp(scheme, schemes[i].name) != 0)
			continue;
		if (schemes[i].parse)
			return schemes[i].parse(text, ret, err);
		return err_set(err, -ERR_BAD_INPUT, "%s images are not supported: '%s'", schemes[i].what, text);
	}
	if (scheme && str_starts(text + strlen(scheme), "://"))
		return err_set(err, -ERR_BAD_INPUT, "%s:// images are not supported: '%s'", scheme, text);
	return is_file(text) ? parse_file(text, ret, err) : parse_name(text, ret, err);
}

int reference_parse(const char *text, struct reference *ret, struct err *err)
{
	int r;

	*ret = (struct reference){};
	if (!*text)
		return err_set(err, -ERR_BAD_INPUT, "image name is empty");
	if (strlen(text) > TEXT_MAX)
		return err_set(err, -ERR_BAD_INPUT, "image name is longer than %d bytes", TEXT_MAX);
	r = parse_any(text, ret, err);
	if (r < 0)
		reference_clear(ret);
	else
		ret->text = xstrdup(text);
	return r;
}

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

void reference_clear(struct reference *r)
{
	free(r->text);
	free(r->hash);
	free(r->name);
	labels_free(r->labels, r->n_labels);
	free(r->path);
	free(r->url);
	*r = (struct reference){};
}
