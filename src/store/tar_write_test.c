#include "store/tar_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "store/tar_build.h"
#include "store/tarread.h"

static char name_200[201], link_200[201];

/* What the writer is told, and what the reader makes of it again, which has attributes from the last to the first. */
static const struct entry { struct member m; const char *words; } entries[] = {
	{ { .kind = MEMBER_FILE, .path = "a", .mode = 0644, .uid = 1, .gid = 2, .mtime = { 5, 0 }, .size = 5 },
	  "3 a - 644 1:2 5.0 5" },
	{ { .kind = MEMBER_DIRECTORY, .path = "d", .mode = 01777 }, "2 d - 1777 0:0 0.0 0" },
	{ { .kind = MEMBER_SYMLINK, .path = "d/s", .link = "../a b", .mode = 0777 }, "5 d/s ../a b 777 0:0 0.0 0" },
	{ { .kind = MEMBER_HARDLINK, .path = "d/h", .link = "a", .mode = 0644 }, "4 d/h a 644 0:0 0.0 0" },
	{ { .kind = MEMBER_FIFO, .path = "f", .mode = 0600 }, "6 f - 600 0:0 0.0 0" },
	{ { .kind = MEMBER_FILE, .path = "x", .mode = 04755, .uid = 4000000000, .gid = 2097152,
	    .xattrs = (struct member_xattr[]){ { "security.capability", "\1\0\0\2\n=\0", 7 }, { "user.a b", "", 0 } },
	    .n_xattrs = 2 }, "3 x - 4755 4000000000:2097152 0.0 0 user.a b:0 security.capability:7" },
	{ { .kind = MEMBER_FILE, .path = "t1", .mtime = { 1500000000, 123456789 } }, "3 t1 - 0 0:0 1500000000.123456789 0" },
	{ { .kind = MEMBER_FILE, .path = "t2", .mtime = { 7, 500000000 } }, "3 t2 - 0 0:0 7.500000000 0" },
	{ { .kind = MEMBER_FILE, .path = "t3", .mtime = { -2, 0 } }, "3 t3 - 0 0:0 -2.0 0" },
	{ { .kind = MEMBER_FILE, .path = "t4", .mtime = { 8589934592, 0 } }, "3 t4 - 0 0:0 8589934592.0 0" },
	{ { .kind = MEMBER_FILE, .path = "t5", .mtime = { 8589934591, 0 } }, "3 t5 - 0 0:0 8589934591.0 0" },
	{ { .kind = MEMBER_SYMLINK, .path = name_200, .link = link_200, .mode = 0777 }, NULL },
	{ { .kind = MEMBER_FILE, .path = "\xff\xc3\xa4" }, "3 \xff\xc3\xa4 - 0 0:0 0.0 0" },
	{ { .kind = MEMBER_DIRECTORY, .path = "\xff" "0123456789012345678901234567890123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789" }, "2 \xff" "0123456789012345678901234567890123456789012345678901234567"
	  "8901234567890123456789012345678901234567890123456789 - 0 0:0 0.0 0" },
};

struct seen { size_t next; };

static char *described(const struct member *m)
{
	struct buf out = {};

	buf_addf(&out, "%d %s %s %o %u:%u %lld.%ld %lld", m->kind, m->path, m->link ?: "-", m->mode, m->uid, m->gid,
		 (long long)m->mtime.tv_sec, m->mtime.tv_nsec, (long long)m->size);
	for (size_t i = 0; i < m->n_xattrs; i++)
		buf_addf(&out, " %s:%zu", m->xattrs[i].name, m->xattrs[i].len);
	return buf_steal(&out);
}

static int check_member(void *arg, const struct member *m, struct err *err)
{
	struct seen *seen = arg;
	AUTO(free) char *words = described(m), *expected = NULL;

	if (!*m->path)		/* "rootfs" itself */
		return 0;
	assert_true(seen->next < ARRAY_LEN(entries));
	expected = entries[seen->next].words ? xstrdup(entries[seen->next].words) : described(&entries[seen->next].m);
	assert_string_equal(words, expected);
	seen->next++;
	return 0;
}

static int read_all(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	struct buf *tar = arg;

	*ret = tar->data;
	*ret_len = tar->len;
	tar->len = 0;
	return 0;
}

static void add_entry(struct buf *tar, const struct member *m)
{
	static const char zeros[TAR_BLOCK];
	AUTO(free) char *name = xasprintf("rootfs/%s", m->path), *link = NULL;

	link = m->kind == MEMBER_HARDLINK ? xasprintf("rootfs/%s", m->link) : xstrdup(m->link);
	assert_int_equal(tar_write_header(tar, name, link, m, NULL), 0);
	assert_int_equal(tar->len % TAR_BLOCK, 0);
	if (m->size) {
		buf_adds(tar, "12345");
		buf_add(tar, zeros, tar_padding(m->size));
	}
}

static void test_round_trip(void **state)
{
	struct seen seen = {};
	AUTO(buf_clear) struct buf tar = {};
	struct tar_source source = { .read = read_all, .arg = &tar };
	struct tar_sink sink = { .begin = check_member, .arg = &seen };
	struct tar_result result = {};

	memset(name_200, 'n', 200);
	memset(link_200, 'l', 200);
	tar_begin(&tar, TEST_MANIFEST);
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		add_entry(&tar, &entries[i].m);
	tar_write_end(&tar);
	assert_int_equal(tar_read(&source, &sink, &result, NULL), 0);
	free(result.manifest);
	assert_int_equal(seen.next, ARRAY_LEN(entries));
}

/* What ustar can say has no pax header. */
static void test_plain(void **state)
{
	AUTO(buf_clear) struct buf tar = {};

	assert_int_equal(tar_write_header(&tar, "a", NULL, &entries[0].m, NULL), 0);
	assert_int_equal(tar.len, TAR_BLOCK);
	assert_int_equal(tar_padding(0), 0);
	assert_int_equal(tar_padding(1), 511);
	assert_int_equal(tar_padding(512), 0);
	assert_int_equal(tar_padding((int64_t)1 << 40), 0);
}

/* Each length of a record is that of its own digits too. */
static void test_record_lengths(void **state)
{
	char value[1100];

	memset(value, 'v', sizeof(value));
	for (size_t len = 0; len < sizeof(value); len++) {
		struct member_xattr xattr = { "user.x", value, len };
		struct member m = { .kind = MEMBER_FILE, .xattrs = &xattr, .n_xattrs = 1 };
		AUTO(buf_clear) struct buf tar = {};
		size_t told;

		assert_int_equal(tar_write_header(&tar, "a", NULL, &m, NULL), 0);
		told = strtoul(tar.data + TAR_BLOCK, NULL, 10);
		assert_int_equal(tar.data[TAR_BLOCK + told - 1], '\n');
		assert_int_equal(strtoul(tar.data + 124, NULL, 8), told);
	}
}

static void test_refuses(void **state)
{
	struct member_xattr xattr = { "user.a=b", "", 0 };
	struct member m = { .kind = MEMBER_FILE, .xattrs = &xattr, .n_xattrs = 1 };
	AUTO(buf_clear) struct buf tar = {};
	AUTO(err_clear) struct err err = {};

	assert_int_equal(tar_write_header(&tar, "a", NULL, &m, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "attribute \"user.a=b\" cannot be written into an archive");
	assert_int_equal(tar.len, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_record_lengths),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
