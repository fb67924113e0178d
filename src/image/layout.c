#include "image/layout.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "spec/registry.h"

#define REF_NAME	"org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"

struct layout {
	struct source source;
	struct pieces *files;
	char *tag, *digest;
};

/* --- files that somebody opens for us --- */

struct asked_files {
	struct pieces pieces;
	layout_open *open;
	void *arg;
};

static int open_asked(struct pieces *p, const char *path, struct piece *ret, struct err *err)
{
	struct asked_files *f = (struct asked_files *)p;
	struct stat st;
	int fd = -1, r = f->open(f->arg, path, &fd, err);

	if (r < 0)
		return r;
	*ret = (struct piece){ .fd = fd, .owned = true };
	if (fstat(fd, &st) < 0)
		r = err_sys(err, -errno, "cannot look at \"%s\"", path);
	else if (!S_ISREG(st.st_mode))
		r = err_set(err, -ERR_BAD_INPUT, "\"%s\" is not a regular file", path);
	else
		ret->size = st.st_size;
	if (r < 0)
		piece_clear(ret);
	return r;
}

static void free_asked(struct pieces *p) { free(p); }

/* --- reading --- */

static int read_file(struct layout *l, const char *path, struct buf *ret, struct err *err)
{
	AUTO(piece_clear) struct piece piece = { .fd = -1 };
	int r = l->files->open(l->files, path, &piece, err);

	if (r >= 0)
		r = piece_read_document(&piece, ret, err);
	return r < 0 ? err_wrap(err, r, "cannot read \"%s\" of the image layout", path) : 0;
}

/* "blobs/sha256/HEX" of "sha256:HEX", which was checked to be a digest. */
static char *blob_path(const char *digest)
{
	char *path = xasprintf("blobs/%s", digest);

	*strchr(path, ':') = '/';
	return path;
}

/* size below 0: unknown */
static int read_document(struct layout *l, const char *digest, int64_t size, const char *media_type,
			 struct document *ret, struct err *err)
{
	AUTO(document_clear) struct document d = { .media_type = xstrdup(media_type) };
	AUTO(free) char *path = blob_path(digest);
	int r;

	r = read_file(l, path, &d.text, err);
	if (r >= 0)
		r = document_check(&d, digest, size, err);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct document){};
	return 0;
}

static int check_version(struct layout *l, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	AUTO(buf_clear) struct buf text = {};
	const char *version;
	int r;

	r = read_file(l, "oci-layout", &text, err);
	if (r == -ERR_NOT_FOUND)
		return err_wrap(err, r, "not an OCI image layout");
	if (r >= 0)
		r = json_parse(text.data, text.len, &json, err);
	if (r < 0)
		return r;
	version = json_get_text(json_root(json), "imageLayoutVersion");
	if (!version || !str_starts(version, "1."))
		return err_set(err, -ERR_BAD_INPUT, "image layouts of version \"%s\" are not supported", version ?: "");
	return 0;
}

/* --- choosing --- */

static bool is_called(const struct oci_descriptor *d, const char *tag)
{
	const char *name = label_get(d->annotations, d->n_annotations, CONTAINERD_NAME);

	return str_eq(label_get(d->annotations, d->n_annotations, REF_NAME), tag) || (name && registry_name_same(name, tag));
}

static const char *name_of(const struct oci_descriptor *d)
{
	return label_get(d->annotations, d->n_annotations, CONTAINERD_NAME)
		?: label_get(d->annotations, d->n_annotations, REF_NAME);
}

/* What one could ask for: names, or digests where there are none. */
static char *list_names(const struct oci_document *index)
{
	struct buf out = {};

	for (size_t i = 0; i < index->n && i < 20; i++)
		buf_addf(&out, "%s%s", i ? ", " : "", name_of(&index->list[i]) ?: index->list[i].digest);
	return index->n ? buf_steal(&out) : xstrdup("nothing");
}

static int find_tag(const struct oci_document *index, const char *tag, const struct oci_descriptor **ret,
		    struct err *err)
{
	const struct oci_descriptor *found = NULL;
	AUTO(free) char *names = NULL;

	for (size_t i = 0; i < index->n; i++) {
		if (!is_called(&index->list[i], tag))
			continue;
		if (found && !str_eq(found->digest, index->list[i].digest)) {
			names = list_names(index);
			return err_set(err, -ERR_AMBIGUOUS, "several images are called \"%s\" (there are: %s)", tag, names);
		}
		found = &index->list[i];
	}
	if (!found) {
		names = list_names(index);
		return err_set(err, -ERR_NOT_FOUND, "no image is called \"%s\" (there are: %s)", tag, names);
	}
	*ret = found;
	return 0;
}

/* What lies beside an image is called by the image's digest and an ending: "sha256-HEX.sig" (image/policy.h). */
static bool is_attached(const struct oci_descriptor *d)
{
	enum { BEFORE_ENDING = 7 + 64 };
	const char *ref = label_get(d->annotations, d->n_annotations, REF_NAME);

	return ref && str_starts(ref, "sha256-") && strlen(ref) > BEFORE_ENDING && ref[BEFORE_ENDING] == '.';
}

/*
 * The only image. NULL: none of several has a name, so they are one image for
 * several machines, and the index itself is the document.
 */
static int find_only(const struct oci_document *index, const struct oci_descriptor **ret, struct err *err)
{
	AUTO(free) char *names = NULL;
	bool named = false;
	size_t n = 0;

	for (size_t i = 0; i < index->n; i++) {
		if (is_attached(&index->list[i]))
			continue;
		*ret = n++ ? NULL : &index->list[i];
		named = named || name_of(&index->list[i]);
	}
	if (!n)
		return err_set(err, -ERR_NOT_FOUND, "the image layout has no image");
	if (*ret || !named)
		return 0;
	names = list_names(index);
	return err_set(err, -ERR_AMBIGUOUS, "several images found, append \":\" and one of: %s", names);
}

static int read_index(struct layout *l, struct document *ret_text, struct oci_document *ret, struct err *err)
{
	int r = read_file(l, "index.json", &ret_text->text, err);

	if (r >= 0)
		r = document_check(ret_text, NULL, -1, err);
	if (r >= 0)
		r = oci_document_read(ret_text->text.data, ret_text->text.len, NULL, ret, err);
	if (r >= 0 && ret->kind != OCI_KIND_INDEX)
		r = err_set(err, -ERR_BAD_INPUT, "\"index.json\" is no index");
	return r;
}

/* Some write a whole name where the tag belongs. */
static void note_names(struct source *s, const struct oci_descriptor *d)
{
	const char *ref = label_get(d->annotations, d->n_annotations, REF_NAME);
	const char *name = label_get(d->annotations, d->n_annotations, CONTAINERD_NAME);

	free(s->name);
	free(s->tag);
	s->name = xstrdup(name ?: ref && strpbrk(ref, "/:") ? ref : NULL);
	s->tag = xstrdup(ref && !strpbrk(ref, "/:") ? ref : NULL);
}

static int layout_root(struct source *s, struct document *ret, struct err *err)
{
	struct layout *l = (struct layout *)s;
	AUTO(document_clear) struct document text = {};
	AUTO(oci_document_clear) struct oci_document index = {};
	const struct oci_descriptor *found = NULL;
	int r;

	r = check_version(l, err);
	if (r >= 0 && l->digest)
		return read_document(l, l->digest, -1, NULL, ret, err);
	if (r >= 0)
		r = read_index(l, &text, &index, err);
	if (r >= 0)
		r = l->tag ? find_tag(&index, l->tag, &found, err) : find_only(&index, &found, err);
	if (r < 0)
		return r;
	if (found) {
		note_names(s, found);
		return read_document(l, found->digest, found->size, found->media_type, ret, err);
	}
	*ret = text;
	text = (struct document){};
	return 0;
}

static int layout_tag(struct source *s, size_t place, const char *tag, struct document *ret, struct err *err)
{
	struct layout *l = (struct layout *)s;
	AUTO(document_clear) struct document text = {};
	AUTO(oci_document_clear) struct oci_document index = {};
	const struct oci_descriptor *found = NULL;
	int r;

	r = read_index(l, &text, &index, err);
	if (r >= 0)
		r = find_tag(&index, tag, &found, err);
	return r < 0 ? r : read_document(l, found->digest, found->size, found->media_type, ret, err);
}

static int layout_document(struct source *s, const struct oci_descriptor *d, struct document *ret, struct err *err)
{
	return read_document((struct layout *)s, d->digest, d->size, d->media_type, ret, err);
}

static int layout_blob(struct source *s, const struct oci_descriptor *d, const struct blob_sink *sink, struct err *err)
{
	struct layout *l = (struct layout *)s;
	AUTO(piece_clear) struct piece piece = { .fd = -1 };
	AUTO(free) char *path = blob_path(d->digest);
	int r = l->files->open(l->files, path, &piece, err);

	return r < 0 ? err_wrap(err, r, "cannot read \"%s\" of the image layout", path) : piece_copy(&piece, d, sink, err);
}

static void layout_free(struct source *s)
{
	struct layout *l = (struct layout *)s;

	l->files->free(l->files);
	free(l->tag);
	free(l->digest);
	free(l);
}

static const struct source_ops layout_ops = {
	.root = layout_root, .document = layout_document, .blob = layout_blob, .tag = layout_tag, .free = layout_free,
};

struct source *layout_in(struct pieces *files, const struct layout_wish *wish)
{
	struct layout *l = xcalloc(1, sizeof(*l));

	*l = (struct layout){
		.source = { &layout_ops }, .files = files, .tag = xstrdup(wish->tag), .digest = xstrdup(wish->digest),
	};
	return &l->source;
}

struct source *layout_new(layout_open *open, void *arg, const struct layout_wish *wish)
{
	struct asked_files *f = xcalloc(1, sizeof(*f));

	*f = (struct asked_files){ .pieces = { open_asked, free_asked }, .open = open, .arg = arg };
	return layout_in(&f->pieces, wish);
}
