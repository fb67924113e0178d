#include "spec/reference.h"

#include <string.h>

#include "base/buf.h"
#include "base/path.h"
#include "spec/oci.h"
#include "spec/registry.h"

enum { TEXT_MAX = 8192 };

static int invalid(const char *text, struct err *err)
{
	return err_set(err, -ERR_BAD_INPUT, "invalid image string \"%s\"", text);
}

static bool is_hash(const char *text)
{
	static const char *const prefixes[] = { "sha512-", "sha512:", "sha256-", "sha256:" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(text, prefixes[i]))
			return true;
	return false;
}

static int parse_hash(const char *text, struct reference *ret, struct err *err)
{
	AUTO(free) char *hash = xstrdup(text);
	int r;

	hash[strlen("sha512")] = '-';	/* as a digest it came with a colon */
	r = image_hash_check(hash, err);
	if (r < 0)
		return r;
	ret->kind = REFERENCE_HASH;
	ret->hash = TAKE(hash);
	return 0;
}

/* A part of a URL, percent signs decoded. NULL: a bad escape, or one for NUL. */
static char *decode_percent(const char *s)
{
	static const char digits[] = "0123456789abcdef";
	AUTO(free) char *decoded = xmalloc(strlen(s) + 1);
	char *to = decoded;

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
	return TAKE(decoded);
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
	ret->path = decode_percent(path);
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

static int parse_registry(const char *text, struct reference *ret, struct err *err)
{
	const char *name = strchr(text, ':') + 1;
	struct registry_name n = {};
	int r;

	r = registry_name_parse(str_starts(name, "//") ? name + 2 : name, &n, err);
	if (r < 0)
		return err_wrap(err, r, "invalid docker URL \"%s\"; expected syntax is "
				"\"docker://[REGISTRY_HOST[:REGISTRY_PORT]/]IMAGE_NAME[:TAG]\"", text);
	ret->kind = REFERENCE_REGISTRY;
	ret->registry = n.registry;
	ret->repository = n.repository;
	ret->tag = n.tag || n.digest ? n.tag : xstrdup("latest");
	ret->digest = n.digest;
	return 0;
}

/* What image-spec allows in "org.opencontainers.image.ref.name". */
static int ref_name_check(const char *tag, struct err *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:@+/";

	return *tag && !tag[strspn(tag, allowed)] ? 0 : err_set(err, -ERR_BAD_INPUT, "bad tag \"%s\"", tag);
}

static int archive_name_check(const char *tag, struct err *err)
{
	AUTO(registry_name_clear) struct registry_name n = {};

	return registry_name_parse(tag, &n, err);
}

/* PATH[:TAG][@DIGEST]. The first colon ends the path, as for skopeo and podman: a tag may have colons of its own. */
static int split_place(char *place, struct reference *ret, struct err *err)
{
	char *digest = strstr(place, "@sha256:") ?: strstr(place, "@sha512:"), *tag;

	if (digest) {
		*digest++ = 0;
		if (!oci_digest_valid(digest))
			return err_set(err, -ERR_BAD_INPUT, "bad digest \"%s\"", digest);
	}
	tag = strchr(place, ':');
	if (tag)
		*tag++ = 0;
	if (!*place)
		return err_set(err, -ERR_BAD_INPUT, "no path is given");
	ret->path = xstrdup(place);
	ret->tag = xstrdup(tag);
	ret->digest = xstrdup(digest);
	return 0;
}

static int parse_place(const char *text, enum reference_kind kind, int (*tag_check)(const char *, struct err *),
		       struct reference *ret, struct err *err)
{
	AUTO(free) char *place = xstrdup(strchr(text, ':') + 1);
	int r;

	/* Others mean a registry by this. */
	if (str_starts(place, "//"))
		return err_set(err, -ERR_BAD_INPUT, "invalid image string \"%s\": a path follows the colon, and an image "
			       "of a registry is docker://HOST/NAME", text);
	ret->kind = kind;
	r = split_place(place, ret, err);
	if (r >= 0 && ret->tag)
		r = tag_check(ret->tag, err);
	return r < 0 ? err_wrap(err, r, "invalid image string \"%s\"", text) : 0;
}

static int parse_layout(const char *text, struct reference *ret, struct err *err)
{
	return parse_place(text, REFERENCE_LAYOUT, ref_name_check, ret, err);
}

static int parse_oci_archive(const char *text, struct reference *ret, struct err *err)
{
	return parse_place(text, REFERENCE_ARCHIVE, ref_name_check, ret, err);
}

static int parse_docker_archive(const char *text, struct reference *ret, struct err *err)
{
	int r = parse_place(text, REFERENCE_ARCHIVE, archive_name_check, ret, err);

	if (r >= 0 && ret->digest)
		return err_set(err, -ERR_BAD_INPUT, "invalid image string \"%s\": a docker-archive knows its images by "
			       "name, not by digest", text);
	return r;
}

/* --- distribution points: cimd:TYPE:v=UINT32:DATA[?query] --- */

/* One "name=value" of a query, decoded, as a label behind a name. */
static int add_query_label(char *pair, struct buf *out, struct err *err)
{
	AUTO(free) char *label = NULL;

	for (char *c = pair; *c; c++)
		if (*c == '+')
			*c = ' ';
	label = decode_percent(pair);
	if (!label || strchr(label, ','))
		return err_set(err, -ERR_BAD_INPUT, "bad label \"%s\"", pair);
	buf_addf(out, ",%s", label);
	return 0;
}

static int point_appc(const char *data, const char *query, struct reference *ret, struct err *err)
{
	AUTO(strv_free) char **pairs = query && *query ? strv_split(query, '&') : NULL;
	AUTO(buf_clear) struct buf name = {};
	int r = 0;

	buf_adds(&name, data);
	for (size_t i = 0; pairs && pairs[i] && r >= 0; i++)
		r = add_query_label(pairs[i], &name, err);
	return r < 0 ? r : parse_name(name.data, ret, err);
}

static int point_archive(const char *data, const char *query, struct reference *ret, struct err *err)
{
	AUTO(free) char *url = decode_percent(data), *scheme = url ? scheme_of(url) : NULL;

	if (query || !scheme)
		return invalid(data, err);
	if (strcasecmp(scheme, "file") == 0)
		return parse_file_url(url, ret, err);
	if (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0)
		return parse_web_url(url, ret, err);
	return err_set(err, -ERR_BAD_INPUT, "unsupported scheme: \"%s\"", scheme);
}

static int point_docker(const char *data, const char *query, struct reference *ret, struct err *err)
{
	AUTO(free) char *url = xasprintf("docker://%s", data);
	int r = query ? invalid(data, err) : parse_registry(url, ret, err);

	return r < 0 ? err_wrap(err, r, "bad docker URL \"%s\"", data) : 0;
}

static const struct {
	const char *type;
	int (*parse)(const char *data, const char *query, struct reference *ret, struct err *err);
} points[] = {
	{ "appc", point_appc }, { "aci-archive", point_archive }, { "docker", point_docker },
};

static int parse_point(const char *text, struct reference *ret, struct err *err)
{
	AUTO(free) char *copy = xstrdup(text + strlen("cimd:"));
	char *version = strchr(copy, ':'), *data = version ? strchr(version + 1, ':') : NULL, *query;
	unsigned long long number;
	int r;

	if (!data || !data[1] || version == copy)
		return err_set(err, -ERR_BAD_INPUT, "malformed distribution uri: \"%s\"", text);
	*version++ = 0;
	*data++ = 0;
	if (!str_starts(version, "v=") || str_to_u64(version + 2, UINT32_MAX, &number) < 0 || number != 0)
		return err_set(err, -ERR_BAD_INPUT, "malformed distribution version: %s", version);
	query = strchr(data, '?');
	if (query)
		*query++ = 0;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		if (!str_eq(copy, points[i].type))
			continue;
		r = points[i].parse(data, query, ret, err);
		return r < 0 ? err_wrap(err, r, "cannot parse URI: \"%s\"", text) : 0;
	}
	return err_set(err, -ERR_BAD_INPUT, "wrong distribution type: \"%s\"", copy);
}

static const struct scheme {
	const char *name;
	int (*parse)(const char *text, struct reference *ret, struct err *err);
} schemes[] = {
	{ "file", parse_file_url }, { "http", parse_web_url }, { "https", parse_web_url },
	{ "docker", parse_registry }, { "oci", parse_layout }, { "oci-archive", parse_oci_archive },
	{ "docker-archive", parse_docker_archive }, { "cimd", parse_point },
};

static int parse_any(const char *text, struct reference *ret, struct err *err)
{
	AUTO(free) char *scheme = scheme_of(text);

	if (is_hash(text))
		return parse_hash(text, ret, err);
	for (size_t i = 0; scheme && i < ARRAY_LEN(schemes); i++)
		if (strcasecmp(scheme, schemes[i].name) == 0)
			return schemes[i].parse(text, ret, err);
	if (scheme && strcasecmp(scheme, "docker-daemon") == 0)
		return err_set(err, -ERR_BAD_INPUT, "images of a docker daemon are not supported: '%s' (try \"docker save\" "
			       "and docker-archive:FILE)", text);
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

/* By its words alone: a link may lead elsewhere tomorrow. */
static char *absolute_path(const char *path)
{
	AUTO(free) char *here = *path == '/' ? NULL : getcwd(NULL, 0), *full = NULL;

	if (!here)
		return path_clean(path);
	full = xasprintf("%s/%s", here, path);
	return path_clean(full);
}

char *reference_source(const struct reference *r)
{
	AUTO(free) char *path = r->path ? absolute_path(r->path) : NULL;
	const char *tag_mark = r->tag ? ":" : "", *digest_mark = r->digest ? "@" : "";

	switch (r->kind) {
	case REFERENCE_HASH:
	case REFERENCE_NAME:
		return NULL;
	case REFERENCE_FILE:
		return TAKE(path);
	case REFERENCE_URL:
		return xstrdup(r->url);
	case REFERENCE_REGISTRY:
		return xasprintf("docker://%s/%s%s%s", r->registry, r->repository, r->digest ? "@" : ":",
				 r->digest ?: r->tag);
	case REFERENCE_LAYOUT:
	case REFERENCE_ARCHIVE:
		return xasprintf("%.*s:%s%s%s%s%s", (int)strcspn(r->text, ":"), r->text, path, tag_mark, r->tag ?: "",
				 digest_mark, r->digest ?: "");
	}
	return NULL;
}

void reference_clear(struct reference *r)
{
	free(r->text);
	free(r->hash);
	free(r->name);
	labels_free(r->labels, r->n_labels);
	free(r->path);
	free(r->url);
	free(r->registry);
	free(r->repository);
	free(r->tag);
	free(r->digest);
	*r = (struct reference){};
}
