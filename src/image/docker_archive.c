#include "image/docker_archive.h"

#include <string.h>

#include "image/decompress.h"
#include "image/sha.h"
#include "spec/registry.h"

enum { HEAD = 512, HASH_CHUNK = 1 << 20 };

/* One image of manifest.json. */
struct saved { char *config, **names, **layers; };
struct saved_list { struct saved *list; size_t n; };

#define TYPE struct saved
static const struct json_field saved_fields[] = {
	{ "Config", JSON_STRING, offsetof(TYPE, config), JSON_REQUIRED },
	{ "RepoTags", JSON_STRV, offsetof(TYPE, names), 0 },
	{ "Layers", JSON_STRV, offsetof(TYPE, layers), JSON_REQUIRED },
	{}
};
#undef TYPE

static void saved_list_clear(struct saved_list *images)
{
	for (size_t i = 0; i < images->n; i++)
		json_clear(saved_fields, &images->list[i]);
	free(images->list);
	*images = (struct saved_list){};
}
static void saved_list_clear_auto(struct saved_list *images) { saved_list_clear(images); }

/* A file of the archive, by the digest that the manifest which we make gives it. */
struct blob { char *digest, *path; };

struct docker_archive {
	struct source source;
	struct tar_index *tar;
	char *tag;
	struct blob *blobs;
	size_t n_blobs;
};

static int read_file(const struct tar_index *tar, const char *path, struct buf *ret, struct err *err)
{
	struct piece piece;
	int r = tar_index_find(tar, path, &piece, err);

	if (r >= 0)
		r = piece_read_document(&piece, ret, err);
	return r < 0 ? err_wrap(err, r, "cannot read \"%s\" of the archive", path) : 0;
}

/* --- choosing --- */

/* The image's name that is meant. NULL: none of them. */
static const char *name_meant(const struct saved *image, const char *tag)
{
	for (char *const *name = image->names; name && *name; name++)
		if (!tag || str_eq(*name, tag) || registry_name_same(*name, tag))
			return *name;
	return NULL;
}

static char *list_names(const struct saved_list *images)
{
	struct buf out = {};
	size_t n = 0;

	for (size_t i = 0; i < images->n; i++)
		for (char *const *name = images->list[i].names; name && *name && n < 20; name++)
			buf_addf(&out, "%s%s", n++ ? ", " : "", *name);
	return n ? buf_steal(&out) : xstrdup("nothing with a name");
}

static int choose(const struct saved_list *images, const char *tag, const struct saved **ret, struct err *err)
{
	AUTO(free) char *names = NULL;

	if (!tag && images->n == 1) {
		*ret = &images->list[0];
		return 0;
	}
	for (size_t i = 0; tag && i < images->n; i++) {
		if (name_meant(&images->list[i], tag)) {
			*ret = &images->list[i];
			return 0;
		}
	}
	names = list_names(images);
	if (tag)
		return err_set(err, -ERR_NOT_FOUND, "no image is called \"%s\" (there are: %s)", tag, names);
	if (!images->n)
		return err_set(err, -ERR_NOT_FOUND, "the archive has no image");
	return err_set(err, -ERR_AMBIGUOUS, "several images found, append \":\" and one of: %s", names);
}

static int decode_list(const struct json_value *root, struct saved_list *images, struct err *err)
{
	size_t n = 0;
	int r = 0;

	if (root->kind != JSON_ARRAY)
		return err_set(err, -ERR_BAD_INPUT, "not a list");
	for (const struct json_value *v = root->child; v; v = v->next)
		n++;
	images->list = xcalloc(n, sizeof(*images->list));
	for (const struct json_value *v = root->child; v && r >= 0; v = v->next) {
		r = json_decode(v, saved_fields, &images->list[images->n], err);
		if (r < 0)
			return err_wrap(err, r, "[%zu]", images->n);
		images->n++;
	}
	return 0;
}

static int read_list(const struct tar_index *tar, struct saved_list *images, struct err *err)
{
	AUTO(buf_clear) struct buf text = {};
	AUTO(json_free) struct json *json = NULL;
	int r = read_file(tar, "manifest.json", &text, err);

	if (r < 0)
		return r;
	r = json_parse(text.data, text.len, &json, err);
	if (r >= 0)
		r = decode_list(json_root(json), images, err);
	return r < 0 ? err_wrap(err, r, "\"manifest.json\" of the archive") : 0;
}

/* --- making a manifest --- */

static void add_blob(struct docker_archive *a, const char *digest, const char *path)
{
	for (size_t i = 0; i < a->n_blobs; i++)
		if (str_eq(a->blobs[i].digest, digest))
			return;
	a->blobs = xreallocarray(a->blobs, a->n_blobs + 1, sizeof(*a->blobs));
	a->blobs[a->n_blobs++] = (struct blob){ .digest = xstrdup(digest), .path = xstrdup(path) };
}

static int hash_piece(const struct piece *p, char **ret, struct err *err)
{
	AUTO(sha_free) struct sha *sha = sha_new("sha256:");
	int r = 0;

	for (int64_t at = 0; at < p->size && r >= 0; at += HASH_CHUNK) {
		struct piece part = { .fd = p->fd, .offset = p->offset + at, .size = p->size - at };
		AUTO(buf_clear) struct buf bytes = {};

		if (part.size > HASH_CHUNK)
			part.size = HASH_CHUNK;
		r = piece_read(&part, HASH_CHUNK, &bytes, err);
		if (r >= 0)
			sha_add(sha, bytes.data, bytes.len);
	}
	if (r >= 0)
		*ret = sha_finish(sha);
	return r;
}

/* How the layer is packed, and so its media type and digest. Few write compressed ones; those are hashed for it. */
static int describe_layer(const struct piece *p, const char *diff_id, struct oci_descriptor *ret, struct err *err)
{
	static const struct { const char *format, *type; } types[] = {
		{ "tar", OCI_TYPE_LAYER }, { "gzip", OCI_TYPE_LAYER "+gzip" }, { "zstd", OCI_TYPE_LAYER "+zstd" },
	};
	struct piece head = { .fd = p->fd, .offset = p->offset, .size = p->size < HEAD ? p->size : HEAD };
	AUTO(buf_clear) struct buf bytes = {};
	const char *format;
	int r = piece_read(&head, HEAD, &bytes, err);

	if (r < 0)
		return r;
	format = decompress_format(bytes.data, bytes.len) ?: "tar";
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(format, types[i].format))
			ret->media_type = xstrdup(types[i].type);
	if (!ret->media_type)
		return err_set(err, -ERR_BAD_INPUT, "a layer is packed with %s, which no layer may be", format);
	ret->size = p->size;
	if (!str_eq(format, "tar"))
		return hash_piece(p, &ret->digest, err);
	ret->digest = xstrdup(diff_id);
	return 0;
}

static void write_descriptor(struct json_writer *w, const char *key, const struct oci_descriptor *d)
{
	json_open_object(w, key);
	json_write_text(w, "mediaType", d->media_type);
	json_write_text(w, "digest", d->digest);
	json_write_i64(w, "size", d->size);
	json_close(w);
}

static int write_layers(struct docker_archive *a, struct json_writer *w, const struct saved *image,
			char *const *diff_ids, struct err *err)
{
	int r = 0;

	json_open_array(w, "layers");
	for (size_t i = 0; image->layers[i] && r >= 0; i++) {
		struct oci_descriptor d = {};
		struct piece piece;

		r = tar_index_find(a->tar, image->layers[i], &piece, err);
		if (r >= 0)
			r = describe_layer(&piece, diff_ids[i], &d, err);
		if (r >= 0) {
			write_descriptor(w, NULL, &d);
			add_blob(a, d.digest, image->layers[i]);
		}
		free(d.media_type);
		free(d.digest);
	}
	json_close(w);
	return r;
}

static int write_manifest(struct docker_archive *a, struct json_writer *w, const struct saved *image, struct err *err)
{
	AUTO(document_clear) struct document text = {};
	AUTO(oci_config_clear) struct oci_config config = {};
	struct oci_descriptor d = { .media_type = (char *)OCI_TYPE_CONFIG };
	int r;

	r = read_file(a->tar, image->config, &text.text, err);
	if (r >= 0)
		r = document_check(&text, NULL, -1, err);
	if (r >= 0)
		r = oci_config_read(text.text.data, text.text.len, &config, err);
	if (r >= 0 && strv_len(image->layers) != strv_len(config.diff_ids))
		r = err_set(err, -ERR_BAD_INPUT, "\"manifest.json\" names %zu layers and the configuration %zu",
			    strv_len(image->layers), strv_len(config.diff_ids));
	if (r < 0)
		return r;
	d.digest = text.digest;
	d.size = (int64_t)text.text.len;
	add_blob(a, text.digest, image->config);
	json_open_object(w, NULL);
	json_write_i64(w, "schemaVersion", 2);
	json_write_text(w, "mediaType", OCI_TYPE_MANIFEST);
	write_descriptor(w, "config", &d);
	r = write_layers(a, w, image, config.diff_ids, err);
	json_close(w);
	return r;
}

static int archive_root(struct source *s, struct document *ret, struct err *err)
{
	struct docker_archive *a = (struct docker_archive *)s;
	struct json_writer *w;
	AUTO(saved_list_clear) struct saved_list images = {};
	const struct saved *image = NULL;
	AUTO(document_clear) struct document d = {};
	AUTO(free) char *text = NULL;
	int r = read_list(a->tar, &images, err);

	if (r >= 0)
		r = choose(&images, a->tag, &image, err);
	if (r < 0)
		return r;
	free(s->name);
	s->name = xstrdup(name_meant(image, a->tag));
	w = json_writer_new(false);
	r = write_manifest(a, w, image, err);
	text = json_writer_finish(w);
	if (r < 0)
		return r;
	d.media_type = xstrdup(OCI_TYPE_MANIFEST);
	buf_adds(&d.text, text);
	r = document_check(&d, NULL, -1, err);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct document){};
	return 0;
}

/* --- blobs --- */

static int find_blob(const struct docker_archive *a, const char *digest, struct piece *ret, struct err *err)
{
	for (size_t i = 0; i < a->n_blobs; i++)
		if (str_eq(a->blobs[i].digest, digest))
			return tar_index_find(a->tar, a->blobs[i].path, ret, err);
	return err_set(err, -ERR_NOT_FOUND, "the archive has no blob \"%s\"", digest);
}

static int archive_document(struct source *s, const struct oci_descriptor *d, struct document *ret, struct err *err)
{
	AUTO(document_clear) struct document document = { .media_type = xstrdup(d->media_type) };
	struct piece piece;
	int r = find_blob((struct docker_archive *)s, d->digest, &piece, err);

	if (r >= 0)
		r = piece_read_document(&piece, &document.text, err);
	if (r >= 0)
		r = document_check(&document, d->digest, d->size, err);
	if (r < 0)
		return r;
	*ret = document;
	document = (struct document){};
	return 0;
}

static int archive_blob(struct source *s, const struct oci_descriptor *d, const struct blob_sink *sink,
			struct err *err)
{
	struct piece piece;
	int r = find_blob((struct docker_archive *)s, d->digest, &piece, err);

	return r < 0 ? r : piece_copy(&piece, d, sink, err);
}

static void archive_free(struct source *s)
{
	struct docker_archive *a = (struct docker_archive *)s;

	tar_index_free(a->tar);
	free(a->tag);
	for (size_t i = 0; i < a->n_blobs; i++) {
		free(a->blobs[i].digest);
		free(a->blobs[i].path);
	}
	free(a->blobs);
	free(a);
}

static const struct source_ops archive_ops = {
	.root = archive_root, .document = archive_document, .blob = archive_blob, .free = archive_free,
};

struct source *docker_archive_new(struct tar_index *tar, const char *tag)
{
	struct docker_archive *a = xcalloc(1, sizeof(*a));

	*a = (struct docker_archive){ .source = { &archive_ops }, .tar = tar, .tag = xstrdup(tag) };
	return &a->source;
}
