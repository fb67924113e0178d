#include "store/tarread.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "spec/image.h"
#include "spec/limits.h"

DEFINE_AUTO(struct archive *, archive_read_free)

enum { BLOCK = 512, END_BYTES = 2 * BLOCK, XATTR_OVERHEAD = 8 };

struct walk {
	const struct tar_source *source;
	const struct tar_sink *sink;
	struct archive *archive;
	struct err *err;		/* of the source */
	int source_failed;
	/* Zeros at the end of what the source gave so far, and how much that is. */
	int64_t given, zeros;
	/* What it gave last, and where in the archive that lies. */
	const uint8_t *piece;
	size_t piece_len;
	int64_t piece_at;
	int64_t last;			/* where the last whole member ended */
	int64_t members, content;
	bool has_rootfs;
	struct buf manifest;
	bool has_manifest;
	struct member member;
	char *path, *link;		/* owned; what member points into */
	struct member_xattr *xattrs;	/* owned */
	size_t xattrs_room;
	struct extent *extents;		/* of the member, with room for more */
	size_t room_extents;
	int64_t parts;			/* of all files so far, beyond one for each */
};

static int64_t zeros_at_end(const uint8_t *p, size_t len)
{
	size_t n = 0;

	while (n < len && !p[len - 1 - n])
		n++;
	return (int64_t)n;
}

static int source_next(struct walk *w, const void **ret, size_t *ret_len)
{
	int64_t zeros;
	int r;

	r = w->source->read(w->source->arg, ret, ret_len, w->err);
	if (r < 0) {
		w->source_failed = r;
		return r;
	}
	w->piece = *ret;
	w->piece_len = *ret_len;
	w->piece_at = w->given;
	zeros = zeros_at_end(*ret, *ret_len);
	w->zeros = zeros == (int64_t)*ret_len ? w->zeros + zeros : zeros;
	w->given += (int64_t)*ret_len;
	if (w->given > limits()->unpacked_bytes)
		return w->source_failed = limit_refuse(w->err, &limits()->unpacked_bytes,
						       "the archive is larger than");
	return 0;
}

static la_ssize_t archive_read_cb(struct archive *a, void *arg, const void **ret)
{
	struct walk *w = arg;
	size_t len = 0;

	if (source_next(w, ret, &len) < 0) {
		archive_set_error(a, EIO, "the source failed");
		return ARCHIVE_FATAL;
	}
	return (la_ssize_t)len;
}

/*
 * In the "C" locale a name with bytes beyond ASCII is kept as it is, with a
 * warning. Every other warning is about a header that makes no sense.
 */
static bool only_about_charset(struct archive *a)
{
	const char *words = archive_error_string(a);

	return words && strstr(words, "can't be converted from");
}

static int archive_failed(struct walk *w, struct err *err)
{
	const char *words = archive_error_string(w->archive);

	if (w->source_failed)
		return w->source_failed;
	return err_set(err, -ERR_BAD_INPUT, "the archive is damaged at offset %" PRId64 ": %s", w->last,
		       words ?: "no reason given");
}

static bool has_xattr(const struct member *m, const char *name)
{
	for (size_t i = 0; i < m->n_xattrs; i++)
		if (str_eq(m->xattrs[i].name, name))
			return true;
	return false;
}

static int take_xattrs(struct walk *w, struct archive_entry *e, struct err *err)
{
	struct member *m = &w->member;
	const char *name;
	const void *value;
	int64_t total = 0;
	size_t len;
	int r;

	m->n_xattrs = 0;
	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		r = name ? member_xattr_check(w->source->format, m->kind, name, err) : 0;
		if (r < 0)
			return r;
		/* Of a name that comes twice the library tells the later value first, and that one counts. */
		if (!r || has_xattr(m, name))
			continue;
		if ((int64_t)len > limits()->xattr_bytes)
			return limit_refuse(err, &limits()->xattr_bytes, "the attribute '%s' is larger than", name);
		total += (int64_t)(strlen(name) + len) + XATTR_OVERHEAD;
		if (total > limits()->xattrs_bytes)
			return limit_refuse(err, &limits()->xattrs_bytes, "its attributes are larger than");
		if ((int64_t)m->n_xattrs == limits()->xattrs)
			return limit_refuse(err, &limits()->xattrs, "there are more attributes than");
		if (m->n_xattrs == w->xattrs_room) {
			w->xattrs_room = w->xattrs_room ? 2 * w->xattrs_room : 16;
			w->xattrs = xreallocarray(w->xattrs, w->xattrs_room, sizeof(*w->xattrs));
		}
		w->xattrs[m->n_xattrs++] = (struct member_xattr){ name, value, len };
		m->xattrs = w->xattrs;
	}
	return 0;
}

static int take_kind(struct archive_entry *e, bool manifest, enum member_kind *ret, struct err *err)
{
	static const struct {
		mode_t type;
		enum member_kind kind;
	} kinds[] = {
		{ S_IFREG, MEMBER_FILE },    { S_IFDIR, MEMBER_DIRECTORY },
		{ S_IFLNK, MEMBER_SYMLINK }, { S_IFIFO, MEMBER_FIFO },
	};
	mode_t type = archive_entry_filetype(e);

	if (manifest) {
		*ret = MEMBER_MANIFEST;
		if (type != S_IFREG || archive_entry_hardlink(e))
			return err_set(err, -ERR_BAD_INPUT, "the manifest must be a regular file");
		return 0;
	}
	if (type == S_IFCHR || type == S_IFBLK)
		return err_set(err, -ERR_BAD_INPUT, "device nodes are not allowed");
	if (archive_entry_hardlink(e)) {
		*ret = MEMBER_HARDLINK;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].type == type) {
			*ret = kinds[i].kind;
			return 0;
		}
	}
	return err_set(err, -ERR_BAD_INPUT, "this kind of member is not allowed");
}

static int take_owner(struct archive_entry *e, struct member *m, struct err *err)
{
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(err, -ERR_BAD_INPUT, "the owner is out of range");
	m->uid = (uid_t)uid;
	m->gid = (gid_t)gid;
	return 0;
}

static int take_link(struct walk *w, struct archive_entry *e, struct err *err)
{
	AUTO(free) char *clean = NULL;
	bool manifest;
	int r;

	if (w->member.kind == MEMBER_SYMLINK) {
		w->member.link = archive_entry_symlink(e);
		return 0;
	}
	if (w->member.kind != MEMBER_HARDLINK)
		return 0;
	r = member_name_check(w->source->format, archive_entry_hardlink(e), &clean, err);
	if (r >= 0)
		r = member_place(w->source->format, clean, &manifest, &w->member.link, err);
	if (r < 0)
		return err_wrap(err, r, "its target '%s'", archive_entry_hardlink(e));
	w->link = TAKE(clean);
	return 0;
}

/* Fills w->member from the header and holds it against the rules. */
static int take_member(struct walk *w, const char *name, struct archive_entry *e, struct err *err)
{
	struct member *m = &w->member;
	bool manifest;
	int r;

	free(TAKE(w->path));
	free(TAKE(w->link));
	*m = (struct member){ .mode = archive_entry_mode(e) & 07777 };
	r = member_name_check(w->source->format, name, &w->path, err);
	if (r >= 0)
		r = member_place(w->source->format, w->path, &manifest, &m->path, err);
	if (r >= 0)
		r = take_kind(e, manifest, &m->kind, err);
	if (r < 0)
		return r;
	if (!manifest && !m->path) {
		if (m->kind != MEMBER_DIRECTORY)
			return err_set(err, -ERR_BAD_INPUT, "the top of the archive must be a directory");
		m->kind = MEMBER_SKIP;
		return 0;
	}
	if (manifest && w->has_manifest)
		return err_set(err, -ERR_BAD_INPUT, "there is more than one manifest");
	m->size = m->kind == MEMBER_FILE || manifest ? archive_entry_size(e) : 0;
	m->mtime.tv_sec = archive_entry_mtime(e);
	m->mtime.tv_nsec = archive_entry_mtime_nsec(e);
	r = take_owner(e, m, err);
	if (r >= 0)
		r = take_link(w, e, err);
	if (r >= 0)
		r = take_xattrs(w, e, err);
	return r < 0 ? r : member_check(m, err);
}

/* Counts what the member adds against the limits of the whole. */
static int count_member(struct walk *w, struct err *err)
{
	const struct member *m = &w->member;

	w->has_rootfs |= m->kind != MEMBER_SKIP && m->kind != MEMBER_MANIFEST;
	if (++w->members > limits()->members)
		return limit_refuse(err, &limits()->members, "the archive has more members than");
	if (m->kind != MEMBER_FILE)
		return 0;
	if (m->size > limits()->content_bytes - w->content)
		return limit_refuse(err, &limits()->content_bytes, "the files of the archive are larger than");
	w->content += m->size;
	return 0;
}

static int add_extent(struct walk *w, int64_t at, int64_t len, struct err *err)
{
	/* The library steps over a block only when it is asked for the next. */
	int64_t offset = archive_filter_bytes(w->archive, 0);
	struct member *m = &w->member;
	struct extent *last = m->n_extents ? &w->extents[m->n_extents - 1] : NULL;

	if (last && last->at + last->len == at && last->offset + last->len == offset) {
		last->len += len;
		return 0;
	}
	if (last && at < last->at + last->len)
		return err_set(err, -ERR_BAD_INPUT, "the parts of the sparse file overlap");
	if (last && ++w->parts > limits()->sparse_parts)
		return limit_refuse(err, &limits()->sparse_parts, "the sparse files of the archive have more parts than");
	if (m->n_extents == w->room_extents) {
		w->room_extents = w->room_extents ? 2 * w->room_extents : 16;
		w->extents = xreallocarray(w->extents, w->room_extents, sizeof(*w->extents));
	}
	w->extents[m->n_extents++] = (struct extent){ at, len, offset };
	m->extents = w->extents;
	return 0;
}

/* Is what pads the block at whose offset in the archive the file ends all zeros? What is out of sight may be not. */
static bool zeros_follow(const struct walk *w, int64_t end)
{
	static const uint8_t zeros[BLOCK];
	int64_t from = end - w->piece_at, pad = -end & (BLOCK - 1);

	if (from < 0 || from + pad > (int64_t)w->piece_len)
		return !pad;
	return !memcmp(w->piece + from, zeros, (size_t)pad);
}

/* Moves one member's contents, holes left out, to the manifest or the sink. */
static int read_contents(struct walk *w, struct err *err)
{
	struct member *m = &w->member;
	const void *data;
	la_int64_t offset;
	size_t len;
	int r;

	while ((r = archive_read_data_block(w->archive, &data, &len, &offset)) == ARCHIVE_OK) {
		if (offset < 0 || offset > m->size || (int64_t)len > m->size - offset)
			return err_set(err, -ERR_BAD_INPUT, "its contents go beyond its size");
		if (m->kind == MEMBER_MANIFEST) {
			if ((size_t)offset != w->manifest.len)
				return err_set(err, -ERR_BAD_INPUT, "a manifest may have no holes");
			buf_add(&w->manifest, data, len);
			continue;
		}
		if (!len)
			continue;
		r = add_extent(w, offset, (int64_t)len, err);
		if (r >= 0 && w->sink->data)
			r = w->sink->data(w->sink->arg, data, len, offset, err);
		if (r < 0)
			return r;
		if (offset + (int64_t)len == m->size)
			m->tail_zero = zeros_follow(w, archive_filter_bytes(w->archive, 0) + (int64_t)len);
	}
	if (r != ARCHIVE_EOF)
		return archive_failed(w, err);
	if (m->kind == MEMBER_MANIFEST && (int64_t)w->manifest.len != m->size)
		return err_set(err, -ERR_BAD_INPUT, "the manifest is shorter than its size");
	return 0;
}

static int move_member(struct walk *w, struct err *err)
{
	const struct member *m = &w->member;
	bool to_sink = m->kind != MEMBER_SKIP && m->kind != MEMBER_MANIFEST;
	int r = 0;

	if (m->kind == MEMBER_MANIFEST)
		w->has_manifest = true;
	if (to_sink && w->sink->begin)
		r = w->sink->begin(w->sink->arg, m, err);
	if (r >= 0 && (m->kind == MEMBER_FILE || m->kind == MEMBER_MANIFEST))
		r = read_contents(w, err);
	if (r >= 0 && to_sink && w->sink->end)
		r = w->sink->end(w->sink->arg, m, err);
	if (r < 0)
		return r;
	return archive_read_data_skip(w->archive) == ARCHIVE_OK ? 0 : archive_failed(w, err);
}

static int handle_entry(struct walk *w, struct archive_entry *e, struct err *err)
{
	const char *name = archive_entry_pathname(e);
	int r;

	if (!name)
		return err_set(err, -ERR_BAD_INPUT, "the member at offset %" PRId64 " has no name", w->last);
	r = take_member(w, name, e, err);
	if (r >= 0)
		r = count_member(w, err);
	if (r >= 0)
		r = move_member(w, err);
	return r < 0 && !w->source_failed ? err_wrap(err, r, "archive member '%s'", name) : r;
}

/*
 * After the last member: two blocks of zeros, then only zeros. Layers lack them where a builder forgets to close its
 * tar writer (umoci insert); that nothing of those is missing their diff ID says.
 */
static int read_tail(struct walk *w, struct err *err)
{
	const void *data;
	size_t len;
	int r;

	do {
		r = source_next(w, &data, &len);
		if (r < 0)
			return r;
	} while (len);
	if (w->given - w->zeros > w->last)
		return err_set(err, -ERR_BAD_INPUT, "the archive has something behind its end");
	if (w->source->format == TAR_ACI && w->given - w->last < END_BYTES)
		return err_set(err, -ERR_BAD_INPUT, "the archive is cut off: it ends at offset %" PRId64
			       " without an end mark", w->given);
	return 0;
}

static int walk_all(struct walk *w, struct err *err)
{
	struct archive_entry *e;
	int r;

	for (;;) {
		r = archive_read_next_header(w->archive, &e);
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK && !(r == ARCHIVE_WARN && only_about_charset(w->archive)))
			return archive_failed(w, err);
		r = handle_entry(w, e, err);
		if (r < 0)
			return r;
		w->last = archive_filter_bytes(w->archive, 0);
	}
	r = read_tail(w, err);
	if (r < 0 || w->source->format == TAR_OCI)
		return r;
	if (!w->has_manifest)
		return err_set(err, -ERR_BAD_INPUT, "the archive has no manifest");
	if (!w->has_rootfs)
		return err_set(err, -ERR_BAD_INPUT, "the archive has no rootfs");
	return 0;
}

int tar_read(const struct tar_source *source, const struct tar_sink *sink, struct tar_result *ret,
	     struct err *err)
{
	AUTO(archive_read_free) struct archive *a = archive_read_new();
	struct walk w = { .source = source, .sink = sink, .archive = a, .err = err };
	int r = 0;

	if (!a)
		mem_oom();
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_open(a, &w, NULL, archive_read_cb, NULL) != ARCHIVE_OK)
		r = archive_failed(&w, err);
	if (r >= 0)
		r = walk_all(&w, err);
	free(w.path);
	free(w.link);
	free(w.xattrs);
	free(w.extents);
	if (r < 0) {
		buf_clear(&w.manifest);
		return r;
	}
	ret->manifest_len = w.manifest.len;
	ret->manifest = buf_steal(&w.manifest);
	ret->content = w.content;
	return 0;
}
