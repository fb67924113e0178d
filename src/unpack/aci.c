#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "spec/image.h"
#include "store/aci_write.h"
#include "store/digest.h"
#include "unpack/op.h"

/* --- writing ---------------------------------------------------------------------- */

/* The image's ID is the hash of what the file holds now. */
static int finish(struct aci_writer *w, char **ret_id, struct err *err)
{
	struct blob_digests digests;
	int r = aci_writer_finish(w, err);

	if (r >= 0 && lseek(UNPACK_FD_INDEX, 0, SEEK_SET) < 0)
		r = err_sys(err, -errno, "cannot read the image again");
	if (r >= 0)
		r = digest_stream(UNPACK_FD_INDEX, -1, 1u << HASH_SHA512, &digests, err);
	if (r >= 0)
		*ret_id = xstrdup(digests.sha512);
	return r;
}

/* --- what an ACI cannot say, said otherwise ------------------------------------------- */

struct aci_sink {
	struct tar_sink inner;
	const struct merge *files;
	const struct merge *all;	/* the files are those of one layer of this; NULL: they are all */
};

static int begin(void *arg, const struct member *m, struct err *err)
{
	const struct aci_sink *s = arg;
	const struct node *n = NULL;
	struct member other = *m;

	/* A layer need not name the directories that its files are in; below it they are what they are. */
	if (m->kind == MEMBER_DIRECTORY && s->all)
		n = merge_find(s->all, m->path);
	if (n) {
		other.mode = n->inode->mode & 07777;
		other.uid = n->inode->uid;
		other.gid = n->inode->gid;
		other.mtime = n->inode->mtime;
		other.xattrs = n->inode->xattrs;
		other.n_xattrs = n->inode->n_xattrs;
	}
	/* Hard links are those of files. */
	if (m->kind == MEMBER_HARDLINK)
		n = merge_find(s->files, m->link);
	if (m->kind == MEMBER_HARDLINK && n && !S_ISREG(n->inode->mode)) {
		other.kind = S_ISLNK(n->inode->mode) ? MEMBER_SYMLINK : MEMBER_FIFO;
		other.link = n->inode->link;
	}
	return s->inner.begin(s->inner.arg, &other, err);
}

static int data(void *arg, const void *bytes, size_t len, int64_t offset, struct err *err)
{
	const struct aci_sink *s = arg;

	return s->inner.data(s->inner.arg, bytes, len, offset, err);
}

static int end(void *arg, const struct member *m, struct err *err)
{
	const struct aci_sink *s = arg;

	return s->inner.end(s->inner.arg, m, err);
}

static int write_aci(const struct aci_sink *files, const struct archives *a, const char *manifest, char **ret_id,
		     struct err *err)
{
	struct merge_source source = archives_source(a);
	AUTO(aci_writer_free) struct aci_writer *w = NULL;
	struct aci_sink s = *files;
	struct tar_sink outer = { begin, data, end, &s };
	int r = aci_writer_new(UNPACK_FD_INDEX, manifest, &w, err);

	if (r < 0)
		return r;
	s.inner = aci_writer_sink(w);
	r = merge_replay(s.files, &source, &outer, err);
	return r < 0 ? r : finish(w, ret_id, err);
}

int output_aci(const struct merge *m, const struct archives *a, const char *manifest, char **ret_id, struct err *err)
{
	return write_aci(&(struct aci_sink){ .files = m }, a, manifest, ret_id, err);
}

/* --- one layer -------------------------------------------------------------------- */

/* Absolute paths of all that is below n, whose own path is the buffer's. */
struct paths {
	char **list;
	size_t n;
	struct buf path;
};

static void add_paths(const struct node *n, struct paths *p)
{
	size_t len = p->path.len;

	for (n = n->children; n; n = n->next) {
		buf_addf(&p->path, "/%s", n->name);
		p->list[p->n++] = xstrdup(p->path.data);
		if (S_ISDIR(n->inode->mode))
			add_paths(n, p);
		p->path.len = len;
	}
}

static size_t count_nodes(const struct node *n)
{
	size_t count = 0;

	for (n = n->children; n; n = n->next)
		count += 1 + (S_ISDIR(n->inode->mode) ? count_nodes(n) : 0);
	return count;
}

static int with_whitelist(const char *manifest, const struct merge *all, char **ret, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	struct paths paths = { .list = xcalloc(count_nodes(merge_root(all)) + 1, sizeof(char *)) };
	int r;

	add_paths(merge_root(all), &paths);
	buf_clear(&paths.path);
	r = image_manifest_read(manifest, strlen(manifest), &m, err);
	if (r < 0) {
		strv_free(paths.list);
		return r;
	}
	m.path_whitelist = paths.list;
	*ret = json_encode_text(image_manifest_fields, &m, false);
	if (strlen(*ret) > MANIFEST_MAX_BYTES)
		return err_set(err, -E2BIG, "the layer takes away files of those below it, and the list of what is left would be "
			       "larger than %d bytes", MANIFEST_MAX_BYTES);
	return 0;
}

int output_layer_aci(const struct merge *layer, const struct merge *all, bool takes_away, const struct archives *a,
		     const char *manifest, char **ret_id, struct err *err)
{
	AUTO(free) char *listed = NULL;
	int r = takes_away ? with_whitelist(manifest, all, &listed, err) : 0;

	if (r < 0)
		return r;
	return write_aci(&(struct aci_sink){ .files = layer, .all = all }, a, listed ?: manifest, ret_id, err);
}

/* --- /dev -------------------------------------------------------------------------- */

int add_dev_links(struct merge *m, struct err *err)
{
	static const struct member members[] = {
		{ .kind = MEMBER_DIRECTORY, .path = "dev", .mode = 0755 },
		{ .kind = MEMBER_SYMLINK, .path = "dev/fd", .link = "/proc/self/fd", .mode = 0777 },
		{ .kind = MEMBER_SYMLINK, .path = "dev/stdin", .link = "/proc/self/fd/0", .mode = 0777 },
		{ .kind = MEMBER_SYMLINK, .path = "dev/stdout", .link = "/dev/console", .mode = 0777 },
		{ .kind = MEMBER_SYMLINK, .path = "dev/stderr", .link = "/dev/console", .mode = 0777 },
	};
	/* As a dependency of appc's: what the image has itself counts. */
	const struct merge_layer layer = { .format = TAR_ACI, .below = true };
	struct tar_sink sink = merge_begin(m, &layer);
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(members) && r >= 0; i++)
		r = sink.end(sink.arg, &members[i], err);
	return r;
}

int check_dev(const struct merge *m, struct err *err)
{
	const struct node *dev = merge_find(m, "dev");

	if (dev && !S_ISDIR(dev->inode->mode))
		return err_set(err, -ERR_BAD_INPUT, "invalid layer: \"/dev\" is not a directory");
	return 0;
}
