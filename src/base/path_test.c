#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"

static int temporary(char *path)
{
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool same(int a, int dir_fd, const char *path)
{
	struct stat x, y;

	return a >= 0 && fstat(a, &x) == 0 && fstatat(dir_fd, path, &y, 0) == 0 && x.st_ino == y.st_ino;
}

static void test_open_in(void **state)
{
	char path[] = "/tmp/path-test.XXXXXX";
	AUTO(close) int root = temporary(path), top = -1, dir = -1, link = -1, up = -1, made = -1, temp = -1;

	assert_int_equal(dir_make_all(root, "a/b", 0755), 0);
	assert_int_equal(symlinkat("/a", root, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../a", root, "a/up"), 0);
	top = path_open_in(root, "/", O_PATH | O_DIRECTORY);
	dir = path_open_in(root, "/a/b", O_RDONLY | O_DIRECTORY);
	link = path_open_in(root, "absolute/b", O_RDONLY | O_DIRECTORY);
	up = path_open_in(root, "/a/up/../../../a", O_PATH);
	made = path_open_in(root, "/a/file", O_RDWR | O_CREAT | O_EXCL);
	temp = path_open_in(root, "/a", O_RDWR | O_TMPFILE);
	assert_true(same(top, root, "."));
	assert_true(same(dir, root, "a/b"));
	assert_true(same(link, root, "a/b"));
	assert_true(same(up, root, "a"));
	assert_true(same(made, root, "a/file"));
	assert_true(temp >= 0);
	assert_int_equal(path_open_in(root, "/none", O_PATH), -ENOENT);
	assert_int_equal(path_open_in(root, "/a/file", O_PATH | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(tree_remove(AT_FDCWD, path), 0);
}

static void test_make_in(void **state)
{
	char path[] = "/tmp/path-test.XXXXXX";
	AUTO(close) int outer = temporary(path), root = -1, dir = -1, again = -1, file = -1;
	struct stat st;

	assert_int_equal(dir_make_all(outer, "root/real", 0755), 0);
	assert_int_equal(dir_open(outer, "root", &root), 0);
	assert_int_equal(symlinkat("/real", root, "link"), 0);
	assert_int_equal(symlinkat("/nowhere", root, "dangling"), 0);
	dir = path_make_dir_in(root, "/x/y/z", 0711);
	assert_true(same(dir, root, "x/y/z"));
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	again = path_make_dir_in(root, "link/../../w", 0755);
	assert_true(same(again, root, "w"));
	assert_int_equal(faccessat(outer, "w", F_OK, 0), -1);
	file = path_make_file_in(root, "/link/etc/f", 0640);
	assert_true(same(file, root, "real/etc/f"));
	assert_true(path_make_dir_in(root, "/dangling/x", 0755) < 0);
	assert_int_equal(path_make_dir_in(root, "/real/etc/f", 0755), -ENOTDIR);
	assert_int_equal(path_make_file_in(root, "/x/y", 0755), -EISDIR);
	assert_int_equal(tree_remove(AT_FDCWD, path), 0);
}

static void test_words(void **state)
{
	static const struct { const char *from, *to; } cases[] = {
		{ "/", "/" }, { "//a//b/", "/a/b" }, { "/a/./b/../c", "/a/c" }, { "/../a", "/a" }, { "a/..", "." },
		{ "../a", "../a" }, { "", "." },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *clean = path_clean(cases[i].from);

		assert_string_equal(clean, cases[i].to);
	}
	assert_true(path_is_clean("/") && path_is_clean("/a/b"));
	assert_false(path_is_clean("a") || path_is_clean("/a/") || path_is_clean("/a/../b") || path_is_clean(""));
	assert_true(path_has_prefix("example.com/foo/bar", "example.com/foo"));
	assert_true(path_has_prefix("example.com/foo", "example.com/foo/"));
	assert_false(path_has_prefix("example.com/foobar", "example.com/foo"));
	assert_false(path_has_prefix("example.com", ""));
	assert_string_equal(path_last("/a/b"), "b");
	assert_string_equal(path_last("b"), "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_in),
		cmocka_unit_test(test_make_in),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
