#include "image/tar_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/fd.h"
#include "store/tar_build.h"

/* The archive as a file, and its index or the words of the refusal. */
static char *indexed(const struct buf *tar, struct tar_index **ret)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	AUTO(err_clear) struct err err = {};

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, tar->data, tar->len), 0);
	*ret = NULL;
	if (tar_index_new(fd, ret, &err) < 0) {
		close(fd);
		return err_text(&err);
	}
	return NULL;	/* the file lives as long as the test */
}

static char *content(const struct tar_index *t, const char *path)
{
	AUTO(buf_clear) struct buf text = {};
	struct piece piece;

	if (tar_index_find(t, path, &piece, NULL) < 0)
		return xstrdup("none");
	assert_int_equal(piece_read(&piece, 1 << 20, &text, NULL), 0);
	return buf_steal(&text);
}

static void test_finds(void **state)
{
	char deep[] = "pax/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
	AUTO(free) char *pax = xasprintf("path=%s\nmtime=1.5\n", deep);
	const struct tar_header members[] = {
		{ "./a", '0', NULL, "one" }, { "dir/", '5' }, { "dir/b", '0', NULL, "two" }, { "/c", 0, NULL, "three" },
		{ "empty", '0', NULL, "" }, { "hard", '1', "dir/b" }, { "dir/up", '2', "../a" }, { "dir/to", '2', "up" },
		{ "abs", '2', "/c" }, { "out", '2', "../../../c" }, { "dangling", '2', "no" }, { "loop", '2', "loop" },
		{ "fifo", '6' }, { "short", '0', NULL, "four", .pax = pax },
	};
	static const struct { const char *path, *text; } cases[] = {
		{ "a", "one" }, { "./a", "one" }, { "dir/b", "two" }, { "dir//b", "two" }, { "c", "three" }, { "empty", "" },
		{ "hard", "two" }, { "dir/up", "one" }, { "dir/to", "one" }, { "abs", "three" }, { "out", "three" },
		{ "dangling", "none" }, { "loop", "none" }, { "fifo", "none" }, { "dir", "none" }, { "short", "none" },
		{ "", "none" }, { "no", "none" },
	};
	AUTO(tar_index_free) struct tar_index *t = NULL;
	AUTO(free) char *long_one = NULL;
	AUTO(buf_clear) struct buf tar = {};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		tar_add(&tar, &members[i]);
	tar_end(&tar);
	assert_null(indexed(&tar, &t));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *text = content(t, cases[i].path);

		assert_string_equal(text, cases[i].text);
	}
	long_one = content(t, deep);
	assert_string_equal(long_one, "four");
}

static void test_gnu_names(void **state)
{
	AUTO(free) char *name = xcalloc(301, 1), *text = NULL, *linked = NULL;
	AUTO(tar_index_free) struct tar_index *t = NULL;
	AUTO(buf_clear) struct buf tar = {};

	memset(name, 'n', 300);
	tar_add(&tar, &(struct tar_header){ "././@LongLink", 'L', NULL, name });
	tar_add(&tar, &(struct tar_header){ "nnn", '0', NULL, "long" });
	tar_add(&tar, &(struct tar_header){ "././@LongLink", 'K', NULL, name });
	tar_add(&tar, &(struct tar_header){ "link", '2', "nnn" });
	tar_end(&tar);
	assert_null(indexed(&tar, &t));
	text = content(t, name);
	linked = content(t, "link");
	assert_string_equal(text, "long");
	assert_string_equal(linked, "long");
}

static void set_checksum(char *block)
{
	AUTO(free) char *text = NULL;
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)block[i];
	text = xasprintf("%06o", sum);
	memcpy(block + 148, text, 7);
}

/* A size that only pax, or only the binary form, can say. */
static void test_sizes(void **state)
{
	AUTO(free) char *pax = NULL, *binary = NULL, *words = NULL;
	AUTO(tar_index_free) struct tar_index *t = NULL, *none = NULL;
	AUTO(buf_clear) struct buf tar = {};

	tar_add(&tar, &(struct tar_header){ "binary", '0', NULL, "six", .size = "\x80" });
	tar.data[124 + 11] = 3;
	set_checksum(tar.data);
	tar_add(&tar, &(struct tar_header){ "pax", 0, NULL, "five5", .size = "0", .pax = "size=5\n" });
	tar_end(&tar);
	assert_null(indexed(&tar, &t));
	pax = content(t, "pax");
	assert_string_equal(pax, "five5");
	binary = content(t, "binary");
	assert_string_equal(binary, "six");
	memset(tar.data + 124, 0xff, 12);
	set_checksum(tar.data);
	words = indexed(&tar, &none);
	assert_string_equal(words, "the tar is malformed at byte 0: no header");
}

static void test_refuses(void **state)
{
	static const struct { struct tar_header members[2]; const char *words; } cases[] = {
		{ { { "a", '0', NULL, "" }, { "./a", '0', NULL, "" } }, "two members of the tar are called \"a\"" },
		{ { { "a", '0', NULL, "" }, { "a", '2', "b" } }, "two members of the tar are called \"a\"" },
		{ { { "a", 'S', NULL, "" } }, "the tar is malformed at byte 0: a member of a type that is not known" },
		{ { { "a", '9', NULL, "" } }, "the tar is malformed at byte 0: a member of a type that is not known" },
		{ { { "a", '2', "b", "data" } }, "the tar is malformed at byte 0: a member that is no file has bytes" },
		{ { { "a/", '0', NULL, "data" } }, "the tar is malformed at byte 0: a member that is no file has bytes" },
		{ { { "a", '0', NULL, "x", .size = "77777777" } }, "the tar is malformed at byte 0: it ends within a member" },
		{ { { "a", '0', NULL, "x", .size = "x" } }, "the tar is malformed at byte 0: no header" },
		{ { { "a", '0', NULL, "x", .size = "-1" } }, "the tar is malformed at byte 0: no header" },
		{ { { "a", '0', NULL, "x", .pax = "size=-1\n" } },
		  "the tar is malformed at byte 0: size in a pax header is no number" },
		{ { { "a", '0', NULL, "x", .pax = "GNU.sparse.major=1\n" } }, "the tar is malformed at byte 0: a sparse file" },
		{ { { "h", 'x', NULL, "no record" } }, "the tar is malformed at byte 0: a pax header" },
		{ { { "h", 'x', NULL, "9999 a=b\n" } }, "the tar is malformed at byte 0: a pax header" },
		{ { { "h", 'x', NULL, "5 ab\n" } }, "the tar is malformed at byte 0: a pax header" },
		{ { { "h", 'x', NULL, "4 =\n" } }, "the tar is malformed at byte 0: a pax header" },
		{ { { "h", 'x', NULL, "0000000000000000000000006 a=b\n" } }, "the tar is malformed at byte 0: a pax header" },
		{ { { "h", 'L', NULL, "name" } },
		  "the tar is malformed at byte 1024: it ends behind a header that speaks of the next member" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(tar_index_free) struct tar_index *t = NULL;
		AUTO(free) char *words = NULL;
		AUTO(buf_clear) struct buf tar = {};

		for (size_t k = 0; k < 2 && cases[i].members[k].name; k++)
			tar_add(&tar, &cases[i].members[k]);
		tar_end(&tar);
		words = indexed(&tar, &t);
		assert_non_null(words);
		assert_string_equal(words, cases[i].words);
	}
}

/* Cut off anywhere, changed anywhere: an answer, and never bytes of the file that are not a member's. */
static void test_broken_files(void **state)
{
	AUTO(buf_clear) struct buf tar = {};

	tar_add(&tar, &(struct tar_header){ "a", '0', NULL, "one", .pax = "path=b\n" });
	tar_end(&tar);
	for (size_t len = 0; len < tar.len; len += 128) {
		AUTO(tar_index_free) struct tar_index *t = NULL;
		struct buf cut = { .data = tar.data, .len = len };
		AUTO(free) char *words = indexed(&cut, &t);

		/* without its end, or the padding, it is still a tar; so are no bytes at all */
		if (len == 0 || (len > 1536 && len <= 2048) || len >= 2560)
			assert_null(words);
		else
			assert_non_null(words);
	}
	for (size_t at = 0; at < 512; at++) {
		AUTO(tar_index_free) struct tar_index *t = NULL;
		AUTO(free) char *words = NULL;

		tar.data[at] ^= 1;
		words = indexed(&tar, &t);
		assert_non_null(words);
		tar.data[at] ^= 1;
	}
}

static void test_other_files(void **state)
{
	struct tar_index *t = NULL;
	AUTO(err_clear) struct err err = {};
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(tar_index_new(fds[0], &t, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "the archive is not a regular file");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_gnu_names),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_other_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
