#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "spec/limits.h"
#include "store/tar_build.h"
#include "store/tarread.h"

struct input {
	const struct buf *tar;
	size_t at, piece;
};

static int read_input(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	struct input *in = arg;
	size_t left = in->tar->len - in->at;

	(void)err;
	*ret_len = left < in->piece ? left : in->piece;
	*ret = in->tar->data + in->at;
	in->at += *ret_len;
	return 0;
}

static int collect_begin(void *arg, const struct member *m, struct err *err)
{
	(void)err;
	buf_addf(arg, "%d %s %s %o;", m->kind, m->path, m->link ?: "-", m->mode);
	return 0;
}

static int collect_data(void *arg, const void *data, size_t len, int64_t offset, struct err *err)
{
	(void)err;
	buf_addf(arg, "@%d:%.*s;", (int)offset, (int)len, (const char *)data);
	return 0;
}

static int walk(const struct buf *tar, struct buf *seen, char **ret_words)
{
	struct input in = { .tar = tar, .piece = 700 };
	struct tar_source source = { read_input, &in };
	struct tar_sink sink = { .begin = collect_begin, .data = collect_data, .arg = seen };
	AUTO(err_clear) struct err err = {};
	struct tar_result result = {};
	int r = tar_read(&source, &sink, &result, &err);

	*ret_words = r < 0 ? err_text(&err) : xstrdup("");
	free(result.manifest);
	return r;
}

static int code_of(const char *words) { return strstr(words, " the limit ") ? -E2BIG : -ERR_BAD_INPUT; }

/* An archive that is good but for one member is refused with these words. */
static void refused(const struct tar_header *h, const char *words)
{
	AUTO(buf_clear) struct buf tar = {}, seen = {};
	AUTO(free) char *said = NULL;

	tar_begin(&tar, TEST_MANIFEST);
	tar_add(&tar, h);
	tar_end(&tar);
	assert_int_equal(walk(&tar, &seen, &said), code_of(words));
	assert_string_equal(said, words);
}

static void accepted(const struct tar_header *h, const char *what)
{
	AUTO(buf_clear) struct buf tar = {}, seen = {};
	AUTO(free) char *said = NULL, *expected = xasprintf("2  - 755;%s", what);
	int r;

	tar_begin(&tar, TEST_MANIFEST);
	tar_add(&tar, h);
	tar_end(&tar);
	r = walk(&tar, &seen, &said);
	assert_string_equal(said, "");
	assert_int_equal(r, 0);
	assert_string_equal(seen.data, expected);
}

static void members(void **state)
{
	(void)state;
	accepted(&(struct tar_header){ .name = "rootfs/a", .type = '0', .data = "hello", .mode = 04755 },
		 "3 a - 4755;@0:hello;");
	accepted(&(struct tar_header){ .name = "./rootfs/a/", .type = '5' }, "2 a - 755;");
	accepted(&(struct tar_header){ .name = "./", .type = '5' }, "");
	accepted(&(struct tar_header){ .name = "rootfs/l", .type = '2', .link = "/../../etc" },
		 "5 l /../../etc 644;");
	accepted(&(struct tar_header){ .name = "rootfs/h", .type = '1', .link = "./rootfs/a/b" },
		 "4 h a/b 644;");
	accepted(&(struct tar_header){ .name = "rootfs/p", .type = '6' }, "6 p - 644;");
	accepted(&(struct tar_header){ .name = "rootfs/.wh.x", .type = '0' }, "3 .wh.x - 644;");
	accepted(&(struct tar_header){ .name = "rootfs/..x", .type = '0' }, "3 ..x - 644;");
	/* Composed and decomposed letters, and no letters at all, stay what they are. */
	accepted(&(struct tar_header){ .name = "x", .type = '0', .pax = "path=rootfs/e\xcc\x81\n" },
		 "3 e\xcc\x81 - 644;");
	accepted(&(struct tar_header){ .name = "x", .type = '0', .pax = "path=rootfs/\xff\xfe\n" },
		 "3 \xff\xfe - 644;");
}

static void names(void **state)
{
	AUTO(free) char *deep = NULL, *long_part = NULL;
	struct buf b = {};

	(void)state;
	refused(&(struct tar_header){ .name = "rootfs/../x", .type = '0' },
		"archive member 'rootfs/../x': '..' is not allowed in a name");
	refused(&(struct tar_header){ .name = "rootfs/a/..", .type = '5' },
		"archive member 'rootfs/a/..': '..' is not allowed in a name");
	refused(&(struct tar_header){ .name = "/etc/passwd", .type = '0' },
		"archive member '/etc/passwd': an absolute name is not allowed");
	refused(&(struct tar_header){ .name = "rootfs//x", .type = '0' },
		"archive member 'rootfs//x': the name has an empty part");
	refused(&(struct tar_header){ .name = "rootfs/.", .type = '2', .link = "/etc" },
		"archive member 'rootfs/.': '.' is not allowed in a name");
	refused(&(struct tar_header){ .name = "./", .type = '2', .link = "/etc" },
		"archive member './': the top of the archive must be a directory");
	refused(&(struct tar_header){ .name = "etc/passwd", .type = '0' },
		"archive member 'etc/passwd': only 'manifest' and what is below 'rootfs' is allowed in an ACI (an "
		"archive of another format is written oci-archive:FILE or docker-archive:FILE)");
	refused(&(struct tar_header){ .name = "rootfs2/x", .type = '0' },
		"archive member 'rootfs2/x': only 'manifest' and what is below 'rootfs' is allowed in an ACI (an "
		"archive of another format is written oci-archive:FILE or docker-archive:FILE)");

	buf_adds(&b, "path=rootfs");
	for (int i = 0; i < 256; i++)
		buf_adds(&b, "/d");
	buf_adds(&b, "\n");
	deep = buf_steal(&b);
	buf_adds(&b, "path=rootfs/");
	for (int i = 0; i <= 255; i++)
		buf_addc(&b, 'n');
	buf_adds(&b, "\n");
	long_part = buf_steal(&b);
	{
		AUTO(buf_clear) struct buf tar = {}, seen = {};
		AUTO(free) char *said = NULL;

		tar_begin(&tar, TEST_MANIFEST);
		tar_add(&tar, &(struct tar_header){ .name = "x", .type = '5', .pax = deep });
		assert_int_equal(walk(&tar, &seen, &said), -E2BIG);
		assert_non_null(strstr(said, "the name has more parts than the limit path-depth (256; limits.d)"));
	}
	{
		AUTO(buf_clear) struct buf tar = {}, seen = {};
		AUTO(free) char *said = NULL;

		tar_begin(&tar, TEST_MANIFEST);
		tar_add(&tar, &(struct tar_header){ .name = "x", .type = '5', .pax = long_part });
		assert_int_equal(walk(&tar, &seen, &said), -ERR_BAD_INPUT);
		assert_non_null(strstr(said, "a part of the name is longer than 255 bytes"));
	}
}

static void kinds(void **state)
{
	(void)state;
	refused(&(struct tar_header){ .name = "rootfs/mem", .type = '3' },
		"archive member 'rootfs/mem': device nodes are not allowed");
	refused(&(struct tar_header){ .name = "rootfs/sda", .type = '4' },
		"archive member 'rootfs/sda': device nodes are not allowed");
	refused(&(struct tar_header){ .name = "rootfs", .type = '2', .link = "/etc" },
		"archive member 'rootfs': the root must be a directory");
	refused(&(struct tar_header){ .name = "manifest", .type = '0', .data = "{}" },
		"archive member 'manifest': there is more than one manifest");
	refused(&(struct tar_header){ .name = "manifest", .type = '2', .link = "x" },
		"archive member 'manifest': the manifest must be a regular file");
	refused(&(struct tar_header){ .name = "rootfs/h", .type = '1', .link = "/etc/passwd" },
		"archive member 'rootfs/h': its target '/etc/passwd': an absolute name is not allowed");
	refused(&(struct tar_header){ .name = "rootfs/h", .type = '1', .link = "rootfs/../../x" },
		"archive member 'rootfs/h': its target 'rootfs/../../x': '..' is not allowed in a name");
	refused(&(struct tar_header){ .name = "rootfs/h", .type = '1', .link = "manifest" },
		"archive member 'rootfs/h': the hard link's target is no file below rootfs");
	refused(&(struct tar_header){ .name = "rootfs/h", .type = '1', .link = "rootfs/h" },
		"archive member 'rootfs/h': the hard link is its own target");
	refused(&(struct tar_header){ .name = "rootfs/l", .type = '2' },
		"archive member 'rootfs/l': the symlink has no target");
}

static void attributes(void **state)
{
	(void)state;
	accepted(&(struct tar_header){ .name = "rootfs/a", .type = '0', .pax = "SCHILY.xattr.user.x=1\n"
				       "SCHILY.xattr.security.selinux=x\nSCHILY.xattr.system.x=1\n" },
		 "3 a - 644;");
	refused(&(struct tar_header){ .name = "rootfs/d", .type = '5', .pax = "SCHILY.xattr.trusted.overlay.opaque=y\n" },
		"archive member 'rootfs/d': the attribute 'trusted.overlay.opaque' is not allowed");
	refused(&(struct tar_header){ .name = "rootfs/d", .type = '5', .pax = "SCHILY.xattr.user.overlay.opaque=y\n" },
		"archive member 'rootfs/d': the attribute 'user.overlay.opaque' is not allowed");
}

static void sizes(void **state)
{
	(void)state;
	refused(&(struct tar_header){ .name = "rootfs/big", .type = '0', .pax = "size=1152921504606846976\n" },
		"archive member 'rootfs/big': the files of the archive are larger than the limit content-bytes "
		"(64GiB; limits.d)");
	refused(&(struct tar_header){ .name = "manifest", .type = '0', .size = "00040000000" },
		"archive member 'manifest': there is more than one manifest");
}

#define TEXT_64 "0123456789012345678901234567890123456789012345678901234567890123"
#define TEXT_512 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64

/* Each limit, lowered, stops one member that passes otherwise. */
static void limits_in_force(void **state)
{
	static const struct {
		struct limits limits;
		struct tar_header header;
		const char *words;
	} cases[] = {
		{ { .unpacked_bytes = 2048 }, { .name = "rootfs/f", .type = '0' },
		  "the archive is larger than the limit unpacked-bytes (2KiB; limits.d)" },
		{ { .members = 2 }, { .name = "rootfs/f", .type = '0' },
		  "archive member 'rootfs/f': the archive has more members than the limit members (2; limits.d)" },
		{ { .content_bytes = 2 }, { .name = "rootfs/f", .type = '0', .data = "123" },
		  "archive member 'rootfs/f': the files of the archive are larger than the limit content-bytes "
		  "(2B; limits.d)" },
		{ { .path_bytes = 16 }, { .name = "rootfs/123456789a", .type = '0' },
		  "archive member 'rootfs/123456789a': the name is longer than the limit path-bytes (16B; limits.d)" },
		{ { .path_depth = 2 }, { .name = "rootfs/a/b", .type = '0' },
		  "archive member 'rootfs/a/b': the name has more parts than the limit path-depth (2; limits.d)" },
		{ { .link_bytes = 16 }, { .name = "rootfs/l", .type = '2', .link = "123456789abcdefgh" },
		  "archive member 'rootfs/l': the symlink's target is longer than the limit link-bytes (16B; limits.d)" },
		{ { .xattrs = 1 }, { .name = "rootfs/x", .type = '0',
				     .pax = "SCHILY.xattr.user.a=1\nSCHILY.xattr.user.b=1\n" },
		  "archive member 'rootfs/x': there are more attributes than the limit xattrs (1; limits.d)" },
		{ { .xattr_bytes = 3 }, { .name = "rootfs/x", .type = '0', .pax = "SCHILY.xattr.user.a=1234\n" },
		  "archive member 'rootfs/x': the attribute 'user.a' is larger than the limit xattr-bytes "
		  "(3B; limits.d)" },
		{ { .xattrs_bytes = 1024 }, { .name = "rootfs/x", .type = '0', 
				     .pax = "SCHILY.xattr.user.a=" TEXT_512 "\nSCHILY.xattr.user.b=" TEXT_512 "\n" },
		  "archive member 'rootfs/x': its attributes are larger than the limit xattrs-bytes (1KiB; limits.d)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_clear) struct buf tar = {}, seen = {};
		AUTO(free) char *said = NULL;

		tar_begin(&tar, TEST_MANIFEST);
		tar_add(&tar, &cases[i].header);
		tar_end(&tar);
		assert_int_equal(walk(&tar, &seen, &said), 0);
		limits_set(&cases[i].limits);
		refused(&cases[i].header, cases[i].words);
		limits_set(NULL);
	}
}

static void damage(const struct buf *tar, const char *words)
{
	AUTO(buf_clear) struct buf seen = {};
	AUTO(free) char *said = NULL;

	assert_int_equal(walk(tar, &seen, &said), code_of(words));
	assert_non_null(said);
	if (!said || !strstr(said, words))
		fail_msg("'%s' does not say '%s'", said ? said : "", words);
}

static void broken(void **state)
{
	AUTO(buf_clear) struct buf tar = {}, nothing = {}, zeros = {}, no_root = {}, no_manifest = {}, huge = {};

	(void)state;
	damage(&nothing, "the archive is damaged at offset 0");
	tar_end(&zeros);
	damage(&zeros, "the archive has no manifest");
	tar_add(&no_root, &(struct tar_header){ .name = "manifest", .type = '0', .data = "{}" });
	tar_end(&no_root);
	damage(&no_root, "the archive has no rootfs");
	tar_add(&no_manifest, &(struct tar_header){ .name = "rootfs", .type = '5' });
	tar_end(&no_manifest);
	damage(&no_manifest, "the archive has no manifest");
	tar_add(&huge, &(struct tar_header){ .name = "manifest", .type = '0', .size = "00020000001" });
	damage(&huge, "the manifest is larger than the limit document-bytes (4MiB; limits.d)");

	tar_begin(&tar, TEST_MANIFEST);
	tar_add(&tar, &(struct tar_header){ .name = "rootfs/f", .type = '0', .data = "0123456789" });
	damage(&tar, "the archive is cut off");
	tar_end(&tar);
	for (size_t cut = 1; cut < tar.len; cut += 511) {
		struct buf part = { .data = tar.data, .len = tar.len - cut };

		damage(&part, "");
	}
	tar.data[tar.len - 1] = 1;
	damage(&tar, "something behind its end");
	tar.data[tar.len - 1] = 0;
	tar.data[1024] ^= 1;	/* of rootfs' name, under its checksum */
	damage(&tar, "the archive is damaged at offset 1024");
}

/* A layer may end without an end mark, but not within a member; what follows its end is zeros as everywhere. */
static void layer_without_end(void **state)
{
	AUTO(buf_clear) struct buf tar = {}, seen = {};
	struct input in = { .tar = &tar, .piece = 700 };
	struct tar_source source = { read_input, &in, TAR_OCI };
	struct tar_sink sink = { .begin = collect_begin, .data = collect_data, .arg = &seen };
	struct tar_result result = {};

	(void)state;
	tar_add(&tar, &(struct tar_header){ .name = "f", .type = '0', .data = "0123456789" });
	assert_int_equal(tar_read(&source, &sink, &result, NULL), 0);
	assert_non_null(strstr(seen.data, "@0:0123456789;"));
	free(result.manifest);
	tar.len -= 600;
	in = (struct input){ .tar = &tar, .piece = 700 };
	assert_int_equal(tar_read(&source, &sink, &result, NULL), -ERR_BAD_INPUT);
}

static void tail(void **state)
{
	AUTO(buf_clear) struct buf tar = {}, seen = {};
	AUTO(free) char *said = NULL;

	(void)state;
	tar_begin(&tar, TEST_MANIFEST);
	for (int i = 0; i < 20; i++)
		tar_end(&tar);
	assert_int_equal(walk(&tar, &seen, &said), 0);	/* padding to a large record is usual */
	buf_adds(&tar, "x");
	free(TAKE(said));
	assert_int_equal(walk(&tar, &seen, &said), -ERR_BAD_INPUT);
	assert_string_equal(said, "the archive has something behind its end");
}

static int fail_to_read(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	(void)arg, (void)ret, (void)ret_len;
	return err_set(err, -EIO, "the disk is on fire");
}

static void source_fails(void **state)
{
	struct tar_source source = { .read = fail_to_read };
	struct tar_sink sink = {};
	struct tar_result result = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;

	(void)state;
	assert_int_equal(tar_read(&source, &sink, &result, &err), -EIO);
	words = err_text(&err);
	assert_string_equal(words, "the disk is on fire");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members), cmocka_unit_test(names), cmocka_unit_test(kinds),
		cmocka_unit_test(attributes), cmocka_unit_test(sizes), cmocka_unit_test(limits_in_force), cmocka_unit_test(broken),
		cmocka_unit_test(layer_without_end),
		cmocka_unit_test(tail), cmocka_unit_test(source_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
