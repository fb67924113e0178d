#include "spec/oci.h"

#include <assert.h>
#include <string.h>

#include "spec/limits.h"
#include "spec/oci_read.h"

static const struct { const char *prefix; size_t digits; } algorithms[] = {
	{ "sha256:", 64 }, { "sha512:", 128 },
};

bool oci_digest_valid(const char *digest)
{
	for (size_t i = 0; digest && i < ARRAY_LEN(algorithms); i++) {
		const char *hex = digest + strlen(algorithms[i].prefix);

		if (str_starts(digest, algorithms[i].prefix))
			return strspn(hex, "0123456789abcdef") == algorithms[i].digits && !hex[algorithms[i].digits];
	}
	return false;
}

char *oci_digest_key(const char *digest)
{
	char *key = xstrndup(digest, IMAGE_KEY_LEN);

	assert(oci_digest_valid(digest));
	*strchr(key, ':') = '-';
	return key;
}

char *oci_digest_tag(const char *digest, const char *ending)
{
	char *tag = xasprintf("%s%s", digest, ending);

	assert(oci_digest_valid(digest));
	*strchr(tag, ':') = '-';
	return tag;
}

/* --- media types --- */

static const struct { const char *type; enum oci_kind kind; } document_types[] = {
	{ OCI_TYPE_INDEX, OCI_KIND_INDEX }, { DOCKER_TYPE_LIST, OCI_KIND_INDEX },
	{ OCI_TYPE_MANIFEST, OCI_KIND_MANIFEST }, { DOCKER_TYPE_MANIFEST, OCI_KIND_MANIFEST },
};

/* -1: not that of an index or a manifest. */
static int kind_of(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_LEN(document_types); i++)
		if (str_eq(media_type, document_types[i].type))
			return (int)document_types[i].kind;
	return -1;
}

const char *oci_layer_format(const char *media_type)
{
	static const char *const tars[] = {
		OCI_TYPE_LAYER, "application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.foreign.diff.tar",
	};
	static const struct { const char *suffix, *format; } formats[] = {
		{ "", "tar" }, { "+gzip", "gzip" }, { ".gzip", "gzip" }, { "+zstd", "zstd" }, { ".zstd", "zstd" },
	};

	for (size_t i = 0; media_type && i < ARRAY_LEN(tars); i++)
		for (size_t k = 0; str_starts(media_type, tars[i]) && k < ARRAY_LEN(formats); k++)
			if (str_eq(media_type + strlen(tars[i]), formats[k].suffix))
				return formats[k].format;
	return NULL;
}

/* --- descriptors --- */

#define AT(member) offsetof(TYPE, member)

#define TYPE struct oci_platform
static const struct json_field platform_fields[] = {
	{ "architecture", JSON_STRING, AT(architecture), 0 },
	{ "os", JSON_STRING, AT(os), 0 },
	{ "variant", JSON_STRING, AT(variant), 0 },
	{}
};
#undef TYPE

#define TYPE struct oci_descriptor
static const struct json_field descriptor_fields[] = {
	{ "mediaType", JSON_STRING, AT(media_type), 0 },
	{ "digest", JSON_STRING, AT(digest), JSON_REQUIRED },
	{ "artifactType", JSON_STRING, AT(artifact_type), 0 },
	{ "size", JSON_INT, AT(size), JSON_REQUIRED },
	{ "urls", JSON_STRV, AT(urls), 0 },
	{ "platform", JSON_OBJECT, AT(platform), 0, platform_fields },
	{}
};
#undef TYPE

static void descriptor_clear(struct oci_descriptor *d)
{
	json_clear(descriptor_fields, d);
	labels_free(d->annotations, d->n_annotations);
	*d = (struct oci_descriptor){};
}

static int descriptor_read(const struct json_value *v, struct oci_descriptor *ret, struct err *err)
{
	int r = json_decode(v, descriptor_fields, ret, err);

	if (r >= 0)
		r = oci_read_pairs(v, "annotations", &ret->annotations, &ret->n_annotations, err);
	if (r < 0)
		return r;
	if (!oci_digest_valid(ret->digest))
		return err_set(err, -ERR_BAD_INPUT, "digest: \"%s\" is none", ret->digest);
	return ret->size < 0 ? err_set(err, -ERR_BAD_INPUT, "size: negative") : 0;
}

static int descriptors_read(const struct json_value *list, const char *key, size_t max, struct oci_document *d,
			    struct err *err)
{
	size_t n = 0;
	int r;

	if (list->kind != JSON_ARRAY)
		return err_set(err, -ERR_BAD_INPUT, "%s: not a list", key);
	for (const struct json_value *v = list->child; v; v = v->next)
		n++;
	if (n > max)
		return err_set(err, -E2BIG, "%s: more than %zu", key, max);
	d->list = xcalloc(n, sizeof(*d->list));
	for (const struct json_value *v = list->child; v; v = v->next) {
		size_t i = d->n++;	/* counted first: what a failure leaves half done is freed too */

		r = descriptor_read(v, &d->list[i], err);
		if (r >= 0 && !d->list[i].media_type)
			r = err_set(err, -ERR_BAD_INPUT, "mediaType: missing");
		if (r < 0)
			return err_wrap(err, r, "%s[%zu]", key, i);
	}
	return 0;
}

/* --- documents --- */

/* Schema 1 was neither signed nor verifiable in any useful way, and its layers have no digests of what is in them. */
static int refuse_schema1(struct err *err)
{
	return err_set(err, -ERR_BAD_INPUT, "the image is of docker's schema 1, which is obsolete and not supported: "
		       "push it again with a current tool");
}

static bool is_schema1(const char *media_type)
{
	return media_type && str_starts(media_type, "application/vnd.docker.distribution.manifest.v1+");
}

/*
 * Members decide what a document is, and no document may have those of both: a registry and a client that
 * look at different ones would see different images under one digest (CVE-2021-41190).
 */
static int find_kind(const struct json_value *root, enum oci_kind *ret, struct err *err)
{
	static const char *const of_manifest[] = { "layers", "config" };
	int64_t version = 0;

	if (root->kind != JSON_DICT)
		return err_set(err, -ERR_BAD_INPUT, "not an object");
	if (!json_get(root, "schemaVersion") || json_i64(json_get(root, "schemaVersion"), &version) < 0)
		return err_set(err, -ERR_BAD_INPUT, "schemaVersion: missing");
	if (version == 1 || json_get(root, "fsLayers") || json_get(root, "signatures"))
		return refuse_schema1(err);
	if (version != 2)
		return err_set(err, -ERR_BAD_INPUT, "schemaVersion: %lld is unknown", (long long)version);
	*ret = json_get(root, "manifests") ? OCI_KIND_INDEX : OCI_KIND_MANIFEST;
	for (size_t i = 0; *ret == OCI_KIND_INDEX && i < ARRAY_LEN(of_manifest); i++)
		if (json_get(root, of_manifest[i]))
			return err_set(err, -ERR_BAD_INPUT, "the document is ambiguous: it has both \"manifests\" and \"%s\"",
				       of_manifest[i]);
	if (*ret == OCI_KIND_MANIFEST && !json_get(root, "layers"))
		return err_set(err, -ERR_BAD_INPUT, "the document is neither an index nor a manifest of an image");
	return 0;
}

/* What the document says of itself, what we were told of it, and what it is must agree. */
static int check_type(const struct oci_document *d, const char *told, struct err *err)
{
	static const char *const names[] = { [OCI_KIND_INDEX] = "an index", [OCI_KIND_MANIFEST] = "a manifest" };
	const char *types[] = { d->media_type, told };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		int kind = types[i] ? kind_of(types[i]) : (int)d->kind;

		if (kind < 0)
			return err_set(err, -ERR_BAD_INPUT, "media type \"%s\" is neither that of an index nor of a manifest",
				       types[i]);
		if (kind != (int)d->kind)
			return err_set(err, -ERR_BAD_INPUT, "the document is ambiguous: %s of media type \"%s\"",
				       names[d->kind], types[i]);
	}
	if (d->media_type && told && !str_eq(d->media_type, told))
		return err_set(err, -ERR_BAD_INPUT, "the document is ambiguous: media type \"%s\" inside, \"%s\" outside",
			       d->media_type, told);
	return 0;
}

/* "Application/X; charset=utf-8" as "application/x". NULL: nothing was said. */
static char *plain_type(const char *content_type)
{
	char *type;

	if (!content_type || !*content_type)
		return NULL;
	type = xstrndup(content_type, strcspn(content_type, "; \t"));
	for (char *c = type; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	return type;
}

static int read_members(const struct json_value *root, struct oci_document *d, struct err *err)
{
	const struct json_value *type = json_get(root, "mediaType"), *config = json_get(root, "config");
	int r;

	if (type && type->kind != JSON_NULL && type->kind != JSON_TEXT)
		return err_set(err, -ERR_BAD_INPUT, "mediaType: not a string");
	d->media_type = xstrdup(json_get_text(root, "mediaType"));
	if (d->kind == OCI_KIND_INDEX)
		return descriptors_read(json_get(root, "manifests"), "manifests", OCI_INDEX_MAX, d, err);
	if (!config)
		return err_set(err, -ERR_BAD_INPUT, "config: missing");
	r = descriptor_read(config, &d->config, err);
	if (r < 0)
		return err_wrap(err, r, "config");
	r = descriptors_read(json_get(root, "layers"), "layers", (size_t)limits()->layers, d, err);
	return r == -E2BIG ? limit_refuse(err, &limits()->layers, "the image has more layers than") : r;
}

int oci_document_read(const char *text, size_t len, const char *content_type, struct oci_document *ret,
		      struct err *err)
{
	AUTO(oci_document_clear) struct oci_document d = {};
	AUTO(free) char *told = plain_type(content_type);
	AUTO(json_free) struct json *json = NULL;
	int r;

	if ((int64_t)len > limits()->document_bytes)
		return limit_refuse(err, &limits()->document_bytes, "the document is larger than");
	if (is_schema1(told))
		return refuse_schema1(err);
	r = json_parse(text, len, &json, err);
	if (r >= 0)
		r = find_kind(json_root(json), &d.kind, err);
	if (r >= 0)
		r = read_members(json_root(json), &d, err);
	if (r >= 0)
		r = check_type(&d, told, err);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct oci_document){};
	return 0;
}

bool oci_config_is_typed(const struct oci_document *manifest)
{
	const char *type = manifest->config.media_type;

	return str_eq(type, OCI_TYPE_CONFIG) || str_eq(type, DOCKER_TYPE_CONFIG);
}

/* Tools of old, Docker's among them, did not say what it is. */
static bool says_nothing(const char *type)
{
	return !type || !*type || str_eq(type, "application/octet-stream") || str_eq(type, "application/json");
}

int oci_manifest_check(const struct oci_document *manifest, struct err *err)
{
	const char *type = manifest->config.media_type;
	bool is_typed = oci_config_is_typed(manifest);

	if (manifest->kind != OCI_KIND_MANIFEST)
		return err_set(err, -ERR_BAD_INPUT, "the document is an index where a manifest belongs");
	if (!is_typed && !says_nothing(type))
		return err_set(err, -ERR_BAD_INPUT, "not an image: its configuration has media type \"%s\"", type);
	if (!is_typed && !manifest->n)
		return err_set(err, -ERR_BAD_INPUT, "not an image: it has no layers, and its configuration media type \"%s\"",
			       type ?: "");
	for (size_t i = 0; i < manifest->n; i++)
		if (!oci_layer_format(manifest->list[i].media_type))
			return err_set(err, -ERR_BAD_INPUT, "layers[%zu]: media type \"%s\" is none that can be unpacked", i,
				       manifest->list[i].media_type);
	return 0;
}

void oci_document_clear(struct oci_document *d)
{
	free(d->media_type);
	descriptor_clear(&d->config);
	for (size_t i = 0; i < d->n; i++)
		descriptor_clear(&d->list[i]);
	free(d->list);
	*d = (struct oci_document){};
}
