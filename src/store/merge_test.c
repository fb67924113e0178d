#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "spec/limits.h"
#include "store/merge.h"
#include "store/tar_build.h"

enum { LAYERS_MAX = 4 };

struct layer {
	const struct tar_header *members;	/* up to one without a name */
	char *const *whitelist, *const *outer_whitelist;
};
#define MEMBERS(...) .members = (const struct tar_header[]){ __VA_ARGS__, {} }
#define FILE_(path, text) { .name = path, .type = '0', .data = text }
#define DIR_(path) { .name = path, .type = '5' }
#define LINK_(path, to) { .name = path, .type = '1', .link = to }
#define SYM_(path, to) { .name = path, .type = '2', .link = to }

struct image {
	struct merge *merge;
	struct buf tars[LAYERS_MAX];
	char *words;
	int r;
};

static void image_clear_auto(struct image *i)
{
	merge_free(i->merge);
	for (size_t k = 0; k < LAYERS_MAX; k++)
		buf_clear(&i->tars[k]);
	free(i->words);
}

struct input {
	const struct buf *tar;
	bool done;
};

static int read_all(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	struct input *in = arg;

	(void)err;
	*ret = in->tar->data;
	*ret_len = in->done ? 0 : in->tar->len;
	in->done = true;
	return 0;
}

static void build(struct buf *tar, enum tar_format format, const struct tar_header *members)
{
	if (format == TAR_ACI)
		tar_add(tar, &(struct tar_header){ .name = "manifest", .type = '0', .data = TEST_MANIFEST });
	for (; members->name; members++)
		tar_add(tar, members);
	tar_end(tar);
}

static int add(struct image *i, enum tar_format format, unsigned k, const struct layer *l, struct err *err)
{
	struct merge_layer layer = {
		.format = format, .archive = k, .below = format == TAR_ACI && k,
		.whitelist = l->whitelist, .outer_whitelist = l->outer_whitelist,
	};
	struct input in = { .tar = &i->tars[k] };
	struct tar_source source = { read_all, &in, format };
	struct tar_sink sink = merge_begin(i->merge, &layer);
	struct tar_result result = {};
	int r;

	build(&i->tars[k], format, l->members);
	r = tar_read(&source, &sink, &result, err);
	free(result.manifest);
	return r;
}

static void make(struct image *i, enum tar_format format, const struct layer *layers)
{
	AUTO(err_clear) struct err err = {};

	i->merge = merge_new();
	for (unsigned k = 0; i->r >= 0 && k < LAYERS_MAX && layers[k].members; k++)
		i->r = add(i, format, k, &layers[k], &err);
	i->words = i->r < 0 ? err_text(&err) : xstrdup("");
	merge_finish(i->merge);
}

/* Modes, owners and times that are not the usual ones, links, contents out of the archive; "*N": N names. */
static void tell(const struct image *i, const struct node *n, struct buf *out)
{
	const struct inode *inode = n->inode;
	AUTO(free) char *path = NULL;
	bool dir = S_ISDIR(inode->mode);

	for (const struct node *p = n; p->parent; p = p->parent) {
		char *longer = xasprintf("%s%s%s", p->name, path ? "/" : "", path ?: "");

		free(path);
		path = longer;
	}
	if (path)
		buf_addf(out, "%s%s", path, dir ? "/" : "");
	if ((inode->mode & 07777) != (dir ? 0755 : inode->link ? 0777 : 0644))
		buf_addf(out, " %o", inode->mode & 07777);
	if (inode->uid || inode->gid)
		buf_addf(out, " %u:%u", inode->uid, inode->gid);
	if (inode->mtime.tv_sec)
		buf_addf(out, " @%ld", (long)inode->mtime.tv_sec);
	if (inode->link)
		buf_addf(out, " -> %s", inode->link);
	for (uint32_t k = 0; k < inode->n_xattrs; k++)
		buf_addf(out, " %s=%.*s", inode->xattrs[k].name, (int)inode->xattrs[k].len,
			 (const char *)inode->xattrs[k].value);
	for (uint32_t k = 0; k < inode->n_extents; k++)
		buf_addf(out, " %.*s", (int)inode->extents[k].len,
			 i->tars[inode->archive].data + inode->extents[k].offset);
	if (!dir && inode->nlink != 1)
		buf_addf(out, " *%u", inode->nlink);
	buf_adds(out, "\n");
	for (const struct node *c = n->children; c; c = c->next)
		tell(i, c, out);
}

/* The files of the archives together, one a line; the first line is the root's. */
static void gives(enum tar_format format, const struct layer *layers, const char *expected)
{
	AUTO(image_clear) struct image i = {};
	AUTO(buf_clear) struct buf text = {};

	make(&i, format, layers);
	assert_string_equal(i.words, "");
	tell(&i, merge_root(i.merge), &text);
	assert_string_equal(text.data, expected);
}

static void refused(enum tar_format format, const struct layer *layers, const char *words)
{
	AUTO(image_clear) struct image i = {};

	make(&i, format, layers);
	assert_string_equal(i.words, words);
	assert_int_equal(i.r, strstr(words, "the limit ") ? -E2BIG : -ERR_BAD_INPUT);
}

#define OCI(expected, ...) gives(TAR_OCI, (const struct layer[LAYERS_MAX]){ __VA_ARGS__ }, expected)
#define ACI(expected, ...) gives(TAR_ACI, (const struct layer[LAYERS_MAX]){ __VA_ARGS__ }, expected)
#define OCI_REFUSED(words, ...) refused(TAR_OCI, (const struct layer[LAYERS_MAX]){ __VA_ARGS__ }, words)
#define ACI_REFUSED(words, ...) refused(TAR_ACI, (const struct layer[LAYERS_MAX]){ __VA_ARGS__ }, words)

static void names(void **state)
{
	(void)state;
	OCI("\n", { MEMBERS({}) });
	OCI(" 700 5:6 @9\n", { MEMBERS({ .name = "./", .type = '5', .mode = 0700, .uid = 5, .gid = 6, .mtime = 9 }) });
	OCI(" @9\na/\na/b x\n", { MEMBERS({ .name = "/", .type = '5', .mtime = 9 }, FILE_("/a//./b", "x")) });
	OCI("\nmanifest x\nrootfs y\n", { MEMBERS(FILE_("manifest", "x"), FILE_("./rootfs", "y")) });
	OCI("\n#\n.-\n..x\n.x\nA\na\n\xff\n",
	    { MEMBERS(FILE_("a", ""), FILE_("\xff", ""), FILE_(".x", ""), FILE_("#", ""), FILE_("A", ""),
		      FILE_("..x", ""), FILE_(".-", "")) });
	OCI_REFUSED("archive member 'a/../b': '..' is not allowed in a name", { MEMBERS(FILE_("a/../b", "")) });
	OCI_REFUSED("archive member './': the root must be a directory", { MEMBERS(SYM_("./", "/etc")) });
	OCI_REFUSED("archive member 'dev/null': device nodes are not allowed",
		    { MEMBERS({ .name = "dev/null", .type = '3' }) });
}

static void order(void **state)
{
	(void)state;
	/* A directory keeps what is in it, anything else takes its place. */
	OCI("\nd/ 700 @7\nd/x 1\n", { MEMBERS(FILE_("d/x", "1")) },
	    { MEMBERS({ .name = "d", .type = '5', .mode = 0700, .mtime = 7 }) });
	OCI("\nd 2\n", { MEMBERS(FILE_("d/x", "1"), FILE_("d/e/x", "1")) }, { MEMBERS(FILE_("d", "2")) });
	OCI("\nd/\nd/y 2\n", { MEMBERS(FILE_("d/x", "1")) }, { MEMBERS(SYM_("d", "x")) },
	    { MEMBERS(DIR_("d"), FILE_("d/y", "2")) });
	OCI("\nl 2\n", { MEMBERS(SYM_("l", "/etc/passwd")) }, { MEMBERS(FILE_("l", "2")) });
	OCI("\nf 3\n", { MEMBERS(FILE_("f", "1"), FILE_("f", "2"), FILE_("f", "3")) });
	/* Whoever names only what lies in a directory says nothing of the directory. */
	OCI("\nd/ 700 1:2 @7\nd/x 1\nd/y 2\n",
	    { MEMBERS({ .name = "d", .type = '5', .mode = 0700, .uid = 1, .gid = 2, .mtime = 7 }, FILE_("d/x", "1")) },
	    { MEMBERS(FILE_("d/y", "2")) });
	OCI("\nd/ user.b=2\n", { MEMBERS({ .name = "d", .type = '5', .pax = "SCHILY.xattr.user.a=1\n" }) },
	    { MEMBERS({ .name = "d", .type = '5', .pax = "SCHILY.xattr.user.b=2\n" }) });
}

static void below(void **state)
{
	(void)state;
	OCI_REFUSED("archive member 'l/x': it lies below a symlink", { MEMBERS(SYM_("l", "/etc"), FILE_("l/x", "")) });
	OCI_REFUSED("archive member 'l/x': it lies below a symlink",
		    { MEMBERS(DIR_("d"), SYM_("l", "d")) }, { MEMBERS(FILE_("l/x", "")) });
	OCI_REFUSED("archive member 'l/.wh.x': it lies below a symlink",
		    { MEMBERS(DIR_("d"), SYM_("l", "d")) }, { MEMBERS(FILE_("l/.wh.x", "")) });
	OCI_REFUSED("archive member 'f/x/y': it lies below what is no directory",
		    { MEMBERS(FILE_("f", ""), DIR_("f/x/y")) });
	ACI_REFUSED("archive member 'rootfs/l/x': it lies below a symlink",
		    { MEMBERS(SYM_("rootfs/l", "/etc"), FILE_("rootfs/l/x", "")) });
}

static void whiteouts(void **state)
{
	(void)state;
	OCI("\nb 1\n", { MEMBERS(FILE_("a", "1"), FILE_("b", "1")) }, { MEMBERS(FILE_(".wh.a", "")) });
	OCI("\nd/\n", { MEMBERS(FILE_("d/e/f/g", "1")) }, { MEMBERS(FILE_("d/.wh.e", "")) });
	OCI("\n", { MEMBERS(FILE_("d/x", "1")) }, { MEMBERS(FILE_(".wh.d", "")) });
	OCI("\nd/\nd/x 3\n", { MEMBERS(FILE_("d/x", "1"), FILE_("d/y", "1")) }, { MEMBERS(FILE_(".wh.d", "")) },
	    { MEMBERS(FILE_("d/x", "3")) });
	/* What was not there, or below what was not there. */
	OCI("\na 1\n", { MEMBERS(FILE_("a", "1")) }, { MEMBERS(FILE_(".wh.b", ""), FILE_("no/.wh.c", "")) });
	/* Never what the same layer has, wherever it stands. */
	OCI("\na 2\n", { MEMBERS(FILE_("a", "1")) }, { MEMBERS(FILE_(".wh.a", ""), FILE_("a", "2")) });
	OCI("\na 2\n", { MEMBERS(FILE_("a", "1")) }, { MEMBERS(FILE_("a", "2"), FILE_(".wh.a", "")) });
	OCI("\nd/ 700\nd/y 2\n", { MEMBERS(FILE_("d/x", "1"), FILE_("d/e/x", "1")) },
	    { MEMBERS({ .name = "d", .type = '5', .mode = 0700 }, FILE_("d/y", "2"), FILE_(".wh.d", "")) });
	OCI("\nd/ 700\nd/y 2\n", { MEMBERS(FILE_("d/x", "1"), FILE_("d/e/x", "1")) },
	    { MEMBERS(FILE_(".wh.d", ""), { .name = "d", .type = '5', .mode = 0700 }, FILE_("d/y", "2")) });
	/* Of a directory that goes, its way to what stays is left, as if it had never been there. */
	OCI("\nd/\nd/e/\nd/e/y 2\n", { MEMBERS({ .name = "d", .type = '5', .uid = 7 }, FILE_("d/e/x", "1")) },
	    { MEMBERS(FILE_("d/e/y", "2"), FILE_(".wh.d", "")) });
	OCI("\nd/\nd/e/\nd/e/y 2\n", { MEMBERS({ .name = "d", .type = '5', .uid = 7 }, FILE_("d/e/x", "1")) },
	    { MEMBERS(FILE_(".wh.d", ""), FILE_("d/e/y", "2")) });
	OCI_REFUSED("archive member '.wh.': the whiteout names no file", { MEMBERS(FILE_(".wh.", "")) });
	OCI_REFUSED("archive member 'd/.wh..': the whiteout names no file", { MEMBERS(FILE_("d/.wh..", "")) });
	OCI_REFUSED("archive member 'd/.wh...': the whiteout names no file", { MEMBERS(FILE_("d/.wh...", "")) });
	OCI_REFUSED("archive member '.wh.d/x': it lies below a whiteout", { MEMBERS(FILE_(".wh.d/x", "")) });
	/* An ACI has none. */
	ACI("\n.wh.a\na 1\n", { MEMBERS(FILE_("rootfs/a", "1"), FILE_("rootfs/.wh.a", "")) });
}

static void opaque(void **state)
{
	(void)state;
	OCI("\nd/ 700\nd/new 2\n", { MEMBERS({ .name = "d", .type = '5', .mode = 0700 }, FILE_("d/old", "1")) },
	    { MEMBERS(FILE_("d/.wh..wh..opq", ""), FILE_("d/new", "2")) });
	OCI("\nd/ 700\nd/new 2\n", { MEMBERS({ .name = "d", .type = '5', .mode = 0700 }, FILE_("d/old", "1")) },
	    { MEMBERS(FILE_("d/new", "2"), FILE_("d/.wh..wh..opq", "")) });
	OCI("\nd/\nd/e/\nd/e/new 2\n", { MEMBERS({ .name = "d/e", .type = '5', .uid = 7 }, FILE_("d/e/old", "1")) },
	    { MEMBERS(FILE_("d/e/new", "2"), FILE_("d/.wh..wh..opq", "")) });
	OCI("\nb 2\n", { MEMBERS(FILE_("a", "1")) }, { MEMBERS(FILE_("b", "2"), FILE_(".wh..wh..opq", "")) });
	OCI("\na 1\n", { MEMBERS(FILE_("a", "1")) }, { MEMBERS(FILE_("d/.wh..wh..opq", "")) });
	/* Hidden once, then removed, then there again. */
	OCI("\nd/\nd/x 2\n", { MEMBERS({ .name = "d", .type = '5', .uid = 7 }, FILE_("d/x", "1")) },
	    { MEMBERS(FILE_("d/.wh..wh..opq", ""), FILE_("d/x", "2"), FILE_(".wh.d", "")) });
	OCI("\n", { MEMBERS({ .name = "d", .type = '5', .uid = 7 }, FILE_("d/x", "1")) },
	    { MEMBERS(FILE_("d/.wh..wh..opq", ""), FILE_(".wh.d", "")) });
}

static void reserved(void **state)
{
	(void)state;
	OCI("\nh x\n", { MEMBERS(DIR_(".wh..wh.plnk"), FILE_(".wh..wh.plnk/1.2", "x"), FILE_(".wh..wh.aufs", ""),
				 LINK_("h", ".wh..wh.plnk/1.2")) });
	OCI_REFUSED("archive member 'h': the target '.wh..wh.plnk/1.2' of the hard link is not there",
		    { MEMBERS(FILE_(".wh..wh.plnk/1.2", "x")) }, { MEMBERS(LINK_("h", ".wh..wh.plnk/1.2")) });
}

static void hard_links(void **state)
{
	(void)state;
	OCI("\na 1 *2\nb 1 *2\n", { MEMBERS(FILE_("a", "1"), LINK_("b", "a")) });
	OCI("\na 1 *3\nb 1 *3\nc 1 *3\n", { MEMBERS(FILE_("a", "1")) },
	    { MEMBERS(LINK_("/b", "/a")) }, { MEMBERS(LINK_("c", "b")) });
	/* A name that goes, or is given anew, leaves the others what they were. */
	OCI("\na 2\nb 1\n", { MEMBERS(FILE_("a", "1"), LINK_("b", "a")) }, { MEMBERS(FILE_(".wh.a", "")) },
	    { MEMBERS(FILE_("a", "2")) });
	OCI("\na 2 *2\nb 1\nc 2 *2\n", { MEMBERS(FILE_("a", "1"), LINK_("b", "a")) },
	    { MEMBERS(FILE_("a", "2"), LINK_("c", "a")) });
	OCI("\nd 1\n", { MEMBERS(FILE_("d/x", "1"), LINK_("d", "d/x")) });
	OCI("\nl -> t *2\nm -> t *2\n", { MEMBERS(SYM_("l", "t"), LINK_("m", "l")) });
	OCI_REFUSED("archive member 'h': the target 'a' of the hard link is not there",
		    { MEMBERS(FILE_("a", "1")) }, { MEMBERS(FILE_(".wh.a", ""), LINK_("h", "a")) });
	OCI_REFUSED("archive member 'h': the target 'd' of the hard link is no regular file",
		    { MEMBERS(DIR_("d"), LINK_("h", "d")) });
	OCI_REFUSED("archive member 'h': the target 'l/a' of the hard link is not there",
		    { MEMBERS(FILE_("d/a", ""), SYM_("l", "d"), LINK_("h", "l/a")) });
	OCI_REFUSED("archive member 'h': its target '../../etc/passwd': '..' is not allowed in a name",
		    { MEMBERS(LINK_("h", "../../etc/passwd")) });
	OCI_REFUSED("archive member './h': the hard link is its own target",
		    { MEMBERS(FILE_("h", ""), LINK_("./h", "/h")) });
	ACI_REFUSED("archive member 'rootfs/h': the target 'l' of the hard link is no regular file",
		    { MEMBERS(SYM_("rootfs/l", "/etc/passwd"), LINK_("rootfs/h", "rootfs/l")) });
}

static void dependencies(void **state)
{
	(void)state;
	ACI("\na top\nb dep\n", { MEMBERS(FILE_("rootfs/a", "top")) },
	    { MEMBERS(FILE_("rootfs/a", "dep"), FILE_("rootfs/b", "dep")) });
	ACI("\nd/ @1\nd/x top\nd/y dep\n", { MEMBERS({ .name = "rootfs/d", .type = '5', .mtime = 1 }, FILE_("rootfs/d/x", "top")) },
	    { MEMBERS({ .name = "rootfs/d", .type = '5', .mtime = 2 }, FILE_("rootfs/d/x", "dep"),
		      FILE_("rootfs/d/y", "dep")) });
	/* Who named no directory leaves it to the next. */
	ACI(" @9\nd/ @2\nd/x top\n", { MEMBERS(FILE_("rootfs/d/x", "top")) },
	    { MEMBERS({ .name = "rootfs", .type = '5', .mtime = 9 }, { .name = "rootfs/d", .type = '5', .mtime = 2 }) },
	    { MEMBERS({ .name = "rootfs", .type = '5', .mtime = 10 }, { .name = "rootfs/d", .type = '5', .mtime = 3 }) });
	ACI("\nd/\nd/x top\n", { MEMBERS(FILE_("rootfs/d/x", "top")) }, { MEMBERS(FILE_("rootfs/d", "dep")) });
	/* No way through what is no directory above. */
	ACI("\nd top\nl -> d\n", { MEMBERS(FILE_("rootfs/d", "top"), SYM_("rootfs/l", "d")) },
	    { MEMBERS(FILE_("rootfs/d/x", "dep"), FILE_("rootfs/l/x", "dep"), DIR_("rootfs/l")) });
	/* A link means the file of its own image. */
	ACI("\na top\nb dep\n", { MEMBERS(FILE_("rootfs/a", "top")) },
	    { MEMBERS(FILE_("rootfs/a", "dep"), LINK_("rootfs/b", "rootfs/a")) });
	ACI("\na top\nb mid *2\nc mid *2\n", { MEMBERS(FILE_("rootfs/a", "top")) },
	    { MEMBERS(FILE_("rootfs/b", "mid"), LINK_("rootfs/a", "rootfs/b"), LINK_("rootfs/c", "rootfs/a")) });
	ACI_REFUSED("archive member 'rootfs/b': the target 'a' of the hard link is not there",
		    { MEMBERS(FILE_("rootfs/a", "top")) }, { MEMBERS(LINK_("rootfs/b", "rootfs/a")) });
	ACI_REFUSED("archive member 'rootfs/l/x': it lies below a symlink", { MEMBERS(DIR_("rootfs/l")) },
		    { MEMBERS(SYM_("rootfs/l", "/etc"), FILE_("rootfs/l/x", "")) });
}

static void whitelists(void **state)
{
	static char *const list[] = { (char *)"/a", (char *)"//d/x/", (char *)"/s", (char *)"/h", NULL };
	static char *const none[] = { NULL };

	(void)state;
	ACI("\na 1\nd/\nd/x 2\ne/\nh 9\ns -> b\n",
	    { MEMBERS(FILE_("rootfs/a", "1"), FILE_("rootfs/b", "9"), FILE_("rootfs/d/x", "2"), FILE_("rootfs/d/y", "3"),
		      DIR_("rootfs/e"), SYM_("rootfs/s", "b"), SYM_("rootfs/t", "b"), LINK_("rootfs/h", "rootfs/b")),
	      .whitelist = list });
	ACI("\na 1\nd/\nd/x 2\n",
	    { MEMBERS(FILE_("rootfs/a", "1"), { .name = "rootfs/d", .type = '5', .uid = 9 }, FILE_("rootfs/d/x", "2"),
		      DIR_("rootfs/e"), FILE_("rootfs/d/y", "3")),
	      .outer_whitelist = list });
	ACI("\na 1\nb 2\n", { MEMBERS(FILE_("rootfs/a", "1"), FILE_("rootfs/b", "2")),
			      .whitelist = none, .outer_whitelist = none });
}

static void attributes(void **state)
{
	AUTO(buf_clear) struct buf large = {}, small = {};

	(void)state;
	OCI("\nd/ user.a=1\nf user.a=2\n",
	    { MEMBERS({ .name = "d", .type = '5', .pax = "SCHILY.xattr.user.a=1\n" },
		      { .name = "f", .type = '0', .pax = "SCHILY.xattr.user.a=1\nSCHILY.xattr.user.a=2\n"
							 "SCHILY.xattr.security.selinux=x\n" }) });
	OCI_REFUSED("archive member 'd': the attribute 'trusted.overlay.opaque' is not allowed",
		    { MEMBERS({ .name = "d", .type = '5', .pax = "SCHILY.xattr.trusted.overlay.opaque=y\n" }) });
	buf_adds(&large, "SCHILY.xattr.user.a=");
	for (int64_t i = 0; i < limits()->xattr_bytes; i++)
		buf_addc(&large, 'x');
	buf_add(&small, large.data, large.len);
	buf_adds(&large, "x\n");
	buf_adds(&small, "\n");
	OCI_REFUSED("archive member 'f': the attribute 'user.a' is larger than the limit xattr-bytes (65535B; limits.d)",
		    { MEMBERS({ .name = "f", .type = '0', .pax = large.data }) });
	{
		AUTO(image_clear) struct image i = {};

		make(&i, TAR_OCI, (const struct layer[LAYERS_MAX]){
					  { MEMBERS({ .name = "f", .type = '0', .pax = small.data }) } });
		assert_string_equal(i.words, "");
		assert_int_equal(merge_root(i.merge)->children->inode->xattrs->len, limits()->xattr_bytes);
	}
}

static int replay_begin(void *arg, const struct member *m, struct err *err)
{
	(void)err;
	buf_addf(arg, "%d %s %s;", m->kind, m->path, m->link ?: "-");
	return 0;
}

static int replay_data(void *arg, const void *data, size_t len, int64_t offset, struct err *err)
{
	(void)err, (void)offset;
	buf_addf(arg, "%.*s;", (int)len, (const char *)data);
	return 0;
}

static int read_bytes(void *arg, unsigned archive, int64_t offset, void *data, size_t len, struct err *err)
{
	const struct image *i = arg;

	(void)err;
	assert_true((size_t)offset + len <= i->tars[archive].len);
	memcpy(data, i->tars[archive].data + offset, len);
	return 0;
}

static void replayed(void **state)
{
	AUTO(image_clear) struct image i = {};
	AUTO(buf_clear) struct buf text = {};
	struct tar_sink sink = { .begin = replay_begin, .data = replay_data, .arg = &text };
	struct merge_source source = { read_bytes, &i };

	(void)state;
	make(&i, TAR_OCI, (const struct layer[LAYERS_MAX]){
				  { MEMBERS(FILE_("d/b", "1"), FILE_("z", "2")) },
				  { MEMBERS(SYM_("s", "d"), LINK_("a", "z"), LINK_("d/a", "s"), LINK_("y", "a")) } });
	assert_string_equal(i.words, "");
	assert_int_equal(merge_inodes(i.merge), 5);
	assert_int_equal(merge_content(i.merge), 2);
	assert_int_equal(merge_replay(i.merge, &source, &sink, NULL), 0);
	assert_string_equal(text.data, "2  -;3 a -;2;2 d -;5 d/a d;3 d/b -;1;4 s d/a;4 y a;4 z a;");
}

/* Names that came in any order are found again and come out sorted. */
static void many(void **state)
{
	enum { N = 3000 };
	AUTO(image_clear) struct image i = {};
	AUTO(free) struct tar_header *members = xcalloc(N + 1, sizeof(*members));
	AUTO(strv_free) char **paths = NULL;
	const struct node *n;
	size_t count = 0;

	(void)state;
	for (size_t k = 0; k < N; k++)
		strv_take(&paths, xasprintf("d/%zu", k * 7919 % N));
	for (size_t k = 0; k < N; k++)
		members[k] = (struct tar_header)FILE_(paths[k], "x");
	make(&i, TAR_OCI, (const struct layer[LAYERS_MAX]){ { .members = members }, { .members = members } });
	assert_string_equal(i.words, "");
	for (n = merge_root(i.merge)->children->children; n; n = n->next) {
		count++;
		assert_true(!n->next || strcmp(n->name, n->next->name) < 0);
	}
	assert_int_equal(count, N);
}

/* A file like any other: such a member takes half a kilobyte of an archive, and some bytes once that is compressed. */
static void put_member(const struct tar_sink *sink, const char *path)
{
	const struct member m = { .kind = MEMBER_FILE, .path = path, .mode = 0644 };

	assert_int_equal(sink->end(sink->arg, &m, NULL), 0);
}

static struct merge *with_names(const char *dir, size_t n)
{
	struct merge *m = merge_new();
	struct tar_sink sink = merge_begin(m, &(struct merge_layer){ .format = TAR_OCI });

	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *path = xasprintf("%s/%zu", dir, i);

		put_member(&sink, path);
	}
	return m;
}

/* What is hidden again and again, while something of the layer stays there, costs what is hidden once. */
static void many_markers(void **state)
{
	enum { N = 50000, STEPS = 100 * 2 * N };
	static const char *const markers[] = { "d/.wh..wh..opq", ".wh.d", "d/.wh.nothing", ".wh..wh..opq" };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(markers); k++) {
		AUTO(merge_free) struct merge *m = with_names("d", N);
		struct tar_sink sink = merge_begin(m, &(struct merge_layer){ .format = TAR_OCI, .archive = 1 });
		bool all_go = k != 2;

		put_member(&sink, "d/x");
		for (size_t i = 0; i < N; i++)
			put_member(&sink, markers[k]);
		assert_in_range(merge_steps(m), N, STEPS);
		merge_finish(m);
		assert_int_equal(merge_inodes(m), all_go ? 3 : N + 3);
		assert_non_null(merge_find(m, "d/x"));
	}
}

/* A whiteout for each name, then the names again, in every layer of some. */
static void many_whiteouts(void **state)
{
	enum { N = 20000, ROUNDS = 5, STEPS = 100 * N * 2 * ROUNDS };
	AUTO(merge_free) struct merge *m = with_names("d", N);

	(void)state;
	for (unsigned round = 1; round <= ROUNDS; round++) {
		struct tar_sink sink = merge_begin(m, &(struct merge_layer){ .format = TAR_OCI, .archive = round });

		for (size_t i = 0; i < N; i++) {
			AUTO(free) char *marker = xasprintf("d/.wh.%zu", i), *path = xasprintf("d/%zu", i);

			put_member(&sink, marker);
			if (i % 2 == round % 2)
				put_member(&sink, path);
		}
	}
	assert_in_range(merge_steps(m), N, STEPS);
	merge_finish(m);
	assert_int_equal(merge_inodes(m), 2 + N / 2);
	for (size_t i = 0; i < N; i++) {
		AUTO(free) char *path = xasprintf("d/%zu", i);
		const struct node *n = merge_find(m, path);

		assert_int_equal(n != NULL, i % 2 == ROUNDS % 2);
		assert_true(!n || (str_eq(n->name, path + 2) && n->inode->archive == ROUNDS));
	}
}

static void found(void **state)
{
	AUTO(image_clear) struct image i = {};

	(void)state;
	make(&i, TAR_OCI, (const struct layer[LAYERS_MAX]){
				  { MEMBERS(FILE_("d/b", "1"), FILE_("d/a", "1"), FILE_("d/c", "1"), SYM_("l", "d")) },
				  { MEMBERS(FILE_("d/.wh.b", "")) } });
	assert_string_equal(i.words, "");
	assert_ptr_equal(merge_find(i.merge, ""), merge_root(i.merge));
	assert_string_equal(merge_find(i.merge, "d")->name, "d");
	assert_string_equal(merge_find(i.merge, "d/a")->name, "a");
	assert_string_equal(merge_find(i.merge, "d/c")->name, "c");
	assert_null(merge_find(i.merge, "d/b"));
	assert_null(merge_find(i.merge, "d/a/x"));
	assert_null(merge_find(i.merge, "l/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names), cmocka_unit_test(order), cmocka_unit_test(below), cmocka_unit_test(whiteouts),
		cmocka_unit_test(opaque), cmocka_unit_test(reserved), cmocka_unit_test(hard_links),
		cmocka_unit_test(dependencies), cmocka_unit_test(whitelists), cmocka_unit_test(attributes),
		cmocka_unit_test(replayed), cmocka_unit_test(many),
		cmocka_unit_test(many_markers), cmocka_unit_test(many_whiteouts), cmocka_unit_test(found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
