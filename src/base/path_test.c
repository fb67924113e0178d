#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"

static char root_path[] = "/tmp/rkt-path-test-XXXXXX";
static int root = -1;

/*
 * A root with links that try to leave it: out → /etc, up → ../../.., loop → loop,
 * gone → nowhere, and one that stays inside: in → /dir.
 */
static int set_up(void **state)
{
	static const char *const links[][2] = {
		{ "/etc", "out" }, { "../../..", "up" }, { "loop", "loop" }, { "nowhere", "gone" }, { "/dir", "in" },
	};

	umask(077);
	if (!mkdtemp(root_path))
		return -1;
	root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlinkat(links[i][0], root, links[i][1]) < 0)
			return -1;
	if (dir_make(root, "dir", 0755) < 0)
		return -1;
	return file_write(root, "dir/file", "inside", 6, 0644);
}

static int tear_down(void **state)
{
	close(root);
	return tree_remove(AT_FDCWD, root_path);
}

static void test_open_stays_inside(void **state)
{
	static const struct { const char *path; int want; } cases[] = {
		{ "/dir/file", 0 }, { "dir/file", 0 }, { "in/file", 0 }, { "/in/file", 0 }, { "up/dir/file", 0 },
		{ "../../dir/file", 0 }, { "dir/../../dir/file", 0 },
		{ "/etc/passwd", -ENOENT }, { "out/passwd", -ENOENT }, { "up/etc/passwd", -ENOENT },
		{ "../../../../etc/passwd", -ENOENT }, { "loop", -ELOOP }, { "gone", -ENOENT }, { "dir/file/x", -ENOTDIR },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(close) int fd = path_open_in(root, cases[i].path, O_RDONLY);
		AUTO(free) char *text = NULL;

		if (cases[i].want) {
			assert_int_equal(fd, cases[i].want);
			continue;
		}
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(fd_read_file(fd, 100, &text, NULL), 0);
		assert_string_equal(text, "inside");
	}
}

/* A mode goes with flags that make a file, and with no others. */
static void test_open_flags(void **state)
{
	AUTO(close) int top = path_open_in(root, "/", O_PATH | O_DIRECTORY);
	AUTO(close) int made = path_open_in(root, "/dir/made", O_RDWR | O_CREAT | O_EXCL);
	AUTO(close) int unnamed = path_open_in(root, "/dir", O_RDWR | O_TMPFILE);

	assert_true(top >= 0 && made >= 0 && unnamed >= 0);
	assert_int_equal(path_open_in(root, "/dir/made", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(path_open_in(root, "/dir/file", O_PATH | O_DIRECTORY), -ENOTDIR);
}

static void test_open_refuses_magic_links(void **state)
{
	AUTO(close) int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(close) int fd = path_open_in(proc, "self/exe", O_RDONLY);

	assert_int_equal(fd, -ELOOP);
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(root, path, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode : 0;
}

static void test_make(void **state)
{
	AUTO(close) int a = path_make_dir_in(root, "/in/new/deep", 0751), b = path_make_file_in(root, "up/f/g", 0640),
		    c = path_make_dir_in(root, "/", 0755), d = path_make_dir_in(root, "../../x/", 0700),
		    e = path_make_file_in(root, "dir/file", 0600);

	assert_true(a >= 0 && same_file(a, "dir/new/deep"));
	assert_int_equal(mode_of("dir/new/deep"), S_IFDIR | 0751);
	assert_true(b >= 0 && same_file(b, "f/g"));
	assert_int_equal(mode_of("f"), S_IFDIR | 0755);
	assert_int_equal(mode_of("f/g"), S_IFREG | 0640);
	assert_true(c >= 0 && same_file(c, "."));
	assert_true(d >= 0 && same_file(d, "x"));
	assert_true(e >= 0 && same_file(e, "dir/file"));
	assert_int_equal(mode_of("dir/file"), S_IFREG | 0644);	/* what is there stays as it is */
}

static void test_make_refuses(void **state)
{
	assert_int_equal(path_make_dir_in(root, "dir/file", 0755), -ENOTDIR);
	assert_int_equal(path_make_dir_in(root, "dir/file/x", 0755), -ENOTDIR);
	assert_int_equal(path_make_file_in(root, "dir", 0644), -EISDIR);
	assert_int_equal(path_make_dir_in(root, "gone", 0755), -ENOENT);
	assert_int_equal(path_make_file_in(root, "gone", 0644), -ENOENT);
	assert_int_equal(path_make_dir_in(root, "gone/x", 0755), -ENOENT);
	assert_int_equal(path_make_dir_in(root, "loop/x", 0755), -ELOOP);
	assert_int_equal(mode_of("nowhere"), 0);
}

static void test_clean(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "/", "/" }, { "//", "/" }, { "/a//b/", "/a/b" }, { "/a/./b/../c", "/a/c" }, { "/..", "/" },
		{ "/../../a", "/a" }, { "a/../..", ".." }, { "../a", "../a" }, { "../../a/..", "../.." }, { "", "." },
		{ ".", "." }, { "./a", "a" }, { "a/..", "." }, { "/a/...", "/a/..." },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *clean = path_clean(cases[i].in);

		assert_string_equal(clean, cases[i].out);
		assert_int_equal(path_is_clean(cases[i].in), *cases[i].in == '/' && str_eq(cases[i].in, cases[i].out));
	}
}

static void test_prefix(void **state)
{
	assert_true(path_has_prefix("example.com/foo/bar", "example.com/foo"));
	assert_true(path_has_prefix("example.com/foo", "example.com/foo"));
	assert_true(path_has_prefix("example.com/foo", "example.com/foo/"));
	assert_false(path_has_prefix("example.com/foobar", "example.com/foo"));
	assert_false(path_has_prefix("example.com/fo", "example.com/foo"));
	assert_false(path_has_prefix("example.com.evil", "example.com"));
	assert_false(path_has_prefix("a", ""));
	assert_false(path_has_prefix("a", "/"));
}

static void test_last(void **state)
{
	assert_string_equal(path_last("/a/b"), "b");
	assert_string_equal(path_last("b"), "b");
	assert_string_equal(path_last("a/"), "");
}

static void test_open_beneath(void **state)
{
	static const struct { const char *path; int flags, want; } cases[] = {
		{ "dir/file", O_RDONLY, 0 }, { ".", O_PATH | O_DIRECTORY, 0 }, { "dir", O_RDWR | O_TMPFILE, 0 },
		{ "dir/beneath", O_WRONLY | O_CREAT | O_EXCL, 0 }, { "dir/beneath", O_WRONLY | O_CREAT | O_EXCL, -EEXIST },
		{ "in/file", O_RDONLY, -ELOOP }, { "out", O_PATH, -ELOOP }, { "gone", O_WRONLY | O_CREAT, -ELOOP },
		{ "../x", O_RDONLY, -EXDEV }, { "dir/../..", O_PATH, -EXDEV }, { "/dir/file", O_RDONLY, -EXDEV },
		{ "dir/none", O_RDONLY, -ENOENT }, { "dir/file/x", O_RDONLY, -ENOTDIR },
	};
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(close) int fd = path_open_beneath(root, cases[i].path, cases[i].flags, 0640);

		assert_int_equal(cases[i].want ? fd : fd < 0, cases[i].want);
	}
	assert_int_equal(fstatat(root, "dir/beneath", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640 & ~077);	/* the test's umask */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_stays_inside),
		cmocka_unit_test(test_open_flags),
		cmocka_unit_test(test_open_refuses_magic_links),
		cmocka_unit_test(test_open_beneath),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_make_refuses),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_last),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
