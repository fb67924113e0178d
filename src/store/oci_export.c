#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "spec/limits.h"
#include "spec/oci.h"
#include "store/blob.h"
#include "store/facts.h"
#include "store/tar_write.h"

#define REF_NAME "org.opencontainers.image.ref.name"

enum { PIECE = 256 << 10 };

/* One blob of the archive: what it is called there, and where its bytes come from. */
struct part {
	const char *media_type;
	char *key;		/* in the store */
	char *digest;
	int64_t size;
};

struct export {
	struct store *store;
	int exe_fd, out_fd;
	struct part config;
	struct part *layers; size_t n;
	char *annotations;	/* of the original manifest, as JSON; NULL: none */
};

static void part_clear(struct part *p)
{
	free(p->key);
	free(p->digest);
}

static void export_clear(struct export *x)
{
	part_clear(&x->config);
	for (size_t i = 0; i < x->n; i++)
		part_clear(&x->layers[i]);
	free(x->layers);
	free(x->annotations);
}
static inline void export_clear_auto(struct export *x) { export_clear(x); }

/* --- hashing what passes by ------------------------------------------------------- */

static int hash_text(const struct export *x, const char *text, char **ret_digest, struct err *err)
{
	AUTO(blob_add_free) struct blob_add *hash = NULL;
	struct blob_digests digests;
	int fd = -1, r;

	r = blob_hash_start(x->exe_fd, NULL, &hash, &fd, err);
	if (r < 0)
		return r;
	(void)fd_write_all(fd, text, strlen(text));	/* rkt-unpack may give up before us; it knows why */
	close(fd);
	r = blob_add_finish(hash, &digests, err);
	if (r < 0)
		return r;
	*ret_digest = xasprintf("sha256:%s", digests.sha256 + strlen("sha256-"));
	return 0;
}

static int read_piece(int fd, char *piece, size_t want, struct err *err)
{
	size_t len = 0;
	int r = fd_read_upto(fd, piece, want, &len);

	if (r < 0)
		return err_sys(err, r, "cannot read a blob");
	return len == want ? 0 : err_set(err, -ERR_BAD_INPUT, "a blob became shorter while it was read");
}

static int write_bytes(int fd, const void *data, size_t len, struct err *err)
{
	int r = fd_write_all(fd, data, len);

	return r < 0 ? err_sys(err, r, "cannot write the archive") : 0;
}

/* Copies the blob to out_fd (-1: nowhere), hashing the very bytes. key NULL: whatever they are. */
static int copy_hashed(const struct export *x, int blob_fd, int out_fd, int64_t size, const char *key,
		       struct blob_digests *ret, struct err *err)
{
	AUTO(blob_add_free) struct blob_add *hash = NULL;
	AUTO(free) char *piece = xmalloc(PIECE);
	AUTO(close) int stream_fd = -1;
	int r;

	r = blob_hash_start(x->exe_fd, key, &hash, &stream_fd, err);
	for (int64_t at = 0; at < size && r >= 0; at += PIECE) {
		size_t len = size - at < PIECE ? (size_t)(size - at) : PIECE;

		r = read_piece(blob_fd, piece, len, err);
		if (r >= 0 && out_fd >= 0)
			r = write_bytes(out_fd, piece, len, err);
		if (r >= 0 && fd_write_all(stream_fd, piece, len) < 0)
			break;
	}
	if (r < 0)
		return r;
	close(TAKE_FD(stream_fd));
	return blob_add_finish(hash, ret, err);
}

/* --- what the archive will hold --------------------------------------------------- */

/* A key of SHA-256 is the whole digest; one of SHA-512 is its beginning. */
static int digest_of(const struct export *x, int fd, const struct part *p, char **ret, struct err *err)
{
	struct blob_digests digests;
	int r = 0;

	if (str_starts(p->key, "sha256-")) {
		*ret = xasprintf("sha256:%s", p->key + strlen("sha256-"));
		return 0;
	}
	r = copy_hashed(x, fd, -1, p->size, NULL, &digests, err);
	if (r >= 0)
		*ret = xasprintf("sha512:%s", digests.sha512 + strlen("sha512-"));
	return r;
}

static int look_at_part(const struct export *x, struct part *p, struct err *err)
{
	AUTO(close) int fd = -1;
	struct stat st;
	int r;

	r = store_open_key(x->store, p->key, &fd, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the blob '%s'", p->key);
	p->size = st.st_size;
	return p->digest ? 0 : digest_of(x, fd, p, &p->digest, err);
}

static int read_annotations(struct export *x, const struct image_info *info, struct err *err)
{
	AUTO(free) char *key = oci_digest_key(info->digest), *text = NULL;
	AUTO(json_free) struct json *json = NULL;
	const struct json_value *annotations;
	struct json_writer *w;
	size_t len = 0;
	int r;

	r = blob_read_text(x->store, x->exe_fd, key, info->id, (size_t)limits()->document_bytes, &text, &len, err);
	if (r >= 0)
		r = json_parse(text, len, &json, err);
	if (r < 0)
		return r;
	annotations = json_get(json_root(json), "annotations");
	if (!annotations || annotations->kind != JSON_DICT)
		return 0;
	w = json_writer_new(false);
	json_write_value(w, NULL, annotations);
	x->annotations = json_writer_finish(w);
	return 0;
}

static int look_at_image(struct export *x, const struct image_info *info, struct err *err)
{
	int r;

	x->config = (struct part){
		.media_type = OCI_TYPE_CONFIG, .key = oci_digest_key(info->config_digest),
		.digest = xstrdup(info->config_digest),
	};
	x->n = strv_len(info->layers);
	x->layers = xcalloc(x->n + 1, sizeof(*x->layers));
	for (size_t i = 0; i < x->n; i++)
		x->layers[i] = (struct part){ .media_type = OCI_TYPE_LAYER, .key = xstrdup(info->layers[i]) };
	r = look_at_part(x, &x->config, err);
	for (size_t i = 0; i < x->n && r >= 0; i++)
		r = look_at_part(x, &x->layers[i], err);
	return r < 0 ? r : read_annotations(x, info, err);
}

/* --- documents ----------------------------------------------------------------------- */

static void write_part(struct json_writer *w, const char *key, const struct part *p)
{
	json_open_object(w, key);
	json_write_text(w, "mediaType", p->media_type);
	json_write_text(w, "digest", p->digest);
	json_write_i64(w, "size", p->size);
	json_close(w);
}

static char *manifest_text(const struct export *x)
{
	AUTO(json_free) struct json *annotations = NULL;
	struct json_writer *w = json_writer_new(false);

	json_open_object(w, NULL);
	json_write_i64(w, "schemaVersion", 2);
	json_write_text(w, "mediaType", OCI_TYPE_MANIFEST);
	write_part(w, "config", &x->config);
	json_open_array(w, "layers");
	for (size_t i = 0; i < x->n; i++)
		write_part(w, NULL, &x->layers[i]);
	json_close(w);
	if (x->annotations && json_parse(x->annotations, strlen(x->annotations), &annotations, NULL) >= 0)
		json_write_value(w, "annotations", json_root(annotations));
	json_close(w);
	return json_writer_finish(w);
}

static char *index_text(const struct part *manifest, const char *tag)
{
	struct json_writer *w = json_writer_new(false);

	json_open_object(w, NULL);
	json_write_i64(w, "schemaVersion", 2);
	json_write_text(w, "mediaType", OCI_TYPE_INDEX);
	json_open_array(w, "manifests");
	json_open_object(w, NULL);
	json_write_text(w, "mediaType", manifest->media_type);
	json_write_text(w, "digest", manifest->digest);
	json_write_i64(w, "size", manifest->size);
	if (tag) {
		json_open_object(w, "annotations");
		json_write_text(w, REF_NAME, tag);
		json_close(w);
	}
	json_close(w);
	json_close(w);
	json_close(w);
	return json_writer_finish(w);
}

/* --- the archive ------------------------------------------------------------------------ */

static int write_out(const struct export *x, const struct buf *b, struct err *err)
{
	return write_bytes(x->out_fd, b->data, b->len, err);
}

static int add_header(const struct export *x, const char *name, const struct member *m, struct err *err)
{
	AUTO(buf_clear) struct buf head = {};
	int r;

	r = tar_write_header(&head, name, NULL, m, err);
	return r < 0 ? r : write_out(x, &head, err);
}

static int add_directory(const struct export *x, const char *name, struct err *err)
{
	return add_header(x, name, &(struct member){ .kind = MEMBER_DIRECTORY, .mode = 0755 }, err);
}

static int begin_entry(const struct export *x, const char *name, int64_t size, struct err *err)
{
	return add_header(x, name, &(struct member){ .kind = MEMBER_FILE, .mode = 0644, .size = size }, err);
}

static int end_entry(const struct export *x, int64_t size, struct err *err)
{
	static const char zeros[TAR_BLOCK];

	return write_bytes(x->out_fd, zeros, tar_padding(size), err);
}

static int add_text(const struct export *x, const char *name, const char *text, struct err *err)
{
	const struct buf b = { .data = (char *)text, .len = strlen(text) };
	int r;

	r = begin_entry(x, name, (int64_t)b.len, err);
	if (r >= 0)
		r = write_out(x, &b, err);
	return r < 0 ? r : end_entry(x, (int64_t)b.len, err);
}

/* "blobs/sha256/HEX"; the caller frees it. */
static char *blob_name(const char *digest)
{
	char *name = xasprintf("blobs/%s", digest);

	*strchr(name, ':') = '/';
	return name;
}

static int add_blob(const struct export *x, const struct part *p, struct err *err)
{
	AUTO(free) char *name = blob_name(p->digest);
	AUTO(close) int fd = -1;
	struct blob_digests digests;
	int r;

	r = store_open_key(x->store, p->key, &fd, err);
	if (r >= 0)
		r = begin_entry(x, name, p->size, err);
	if (r >= 0)
		r = copy_hashed(x, fd, x->out_fd, p->size, p->key, &digests, err);
	return r < 0 ? r : end_entry(x, p->size, err);
}

static bool is_repeated(const struct export *x, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(x->layers[i].digest, x->layers[at].digest))
			return true;
	return false;
}

static bool has_algorithm(const struct export *x, const char *algorithm)
{
	bool has = str_starts(x->config.digest, algorithm);

	for (size_t i = 0; i < x->n; i++)
		has |= str_starts(x->layers[i].digest, algorithm);
	return has;
}

static int write_archive(const struct export *x, const char *tag, struct err *err)
{
	AUTO(free) char *manifest = manifest_text(x), *digest = NULL, *name = NULL, *index = NULL;
	struct part part = { .media_type = OCI_TYPE_MANIFEST, .size = (int64_t)strlen(manifest) };
	AUTO(buf_clear) struct buf end = {};
	int r;

	r = hash_text(x, manifest, &digest, err);
	if (r < 0)
		return r;
	part.digest = digest;
	name = blob_name(digest);
	index = index_text(&part, tag);
	r = add_text(x, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err);
	if (r >= 0)
		r = add_text(x, "index.json", index, err);
	if (r >= 0)
		r = add_directory(x, "blobs", err);
	if (r >= 0)
		r = add_directory(x, "blobs/sha256", err);
	if (r >= 0 && has_algorithm(x, "sha512:"))
		r = add_directory(x, "blobs/sha512", err);
	if (r >= 0)
		r = add_text(x, name, manifest, err);
	if (r >= 0)
		r = add_blob(x, &x->config, err);
	for (size_t i = 0; i < x->n && r >= 0; i++)
		r = is_repeated(x, i) ? 0 : add_blob(x, &x->layers[i], err);
	if (r < 0)
		return r;
	tar_write_end(&end);
	return write_out(x, &end, err);
}

int store_export_oci(struct store *s, int unpack_exe_fd, const struct image_info *info, const char *tag, int out_fd,
		     struct err *err)
{
	AUTO(export_clear) struct export x = { .store = s, .exe_fd = unpack_exe_fd, .out_fd = out_fd };
	int r;

	if (!str_eq(info->format, "oci"))
		return err_set(err, -EINVAL, "the image '%s' is no OCI image", info->name);
	r = store_use(s, err);
	if (r >= 0)
		r = look_at_image(&x, info, err);
	return r < 0 ? r : write_archive(&x, tag, err);
}
