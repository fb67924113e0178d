#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/fd.h"

static int temporary(char *path)
{
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_plain(void **state)
{
	char path[] = "/tmp/tree-test.XXXXXX";
	AUTO(close) int dir = temporary(path), kept = -1;

	assert_int_equal(tree_remove(dir, "gone"), 0);
	assert_int_equal(dir_make_all(dir, "t/work/work", 0755), 0);
	assert_int_equal(dir_make_all(dir, "keep", 0755), 0);
	assert_int_equal(file_write(dir, "keep/file", "x", 1, 0600), 0);
	assert_int_equal(file_write(dir, "t/file", "x", 1, 0600), 0);
	assert_int_equal(symlinkat("../keep", dir, "t/link"), 0);
	assert_int_equal(mkfifoat(dir, "t/fifo", 0600), 0);
	assert_int_equal(fchmodat(dir, "t/work/work", 0, 0), 0);
	assert_int_equal(tree_remove(dir, "t"), 0);
	assert_int_equal(faccessat(dir, "t", F_OK, 0), -1);
	kept = openat(dir, "keep/file", O_RDONLY | O_CLOEXEC);
	assert_true(kept >= 0);
	assert_int_equal(tree_remove(dir, "keep/file"), 0);
	assert_int_equal(faccessat(dir, "keep", F_OK, 0), 0);
	assert_int_equal(tree_remove(AT_FDCWD, path), 0);
}

/* Deeper than there are descriptors. */
static void test_deep(void **state)
{
	char path[] = "/tmp/tree-test.XXXXXX";
	AUTO(close) int dir = temporary(path);
	struct rlimit before, few = { .rlim_cur = 100 };
	int at = fcntl(dir, F_DUPFD_CLOEXEC, 3);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 150; i++) {
		int next = -1;

		assert_int_equal(mkdirat(at, "d", 0700), 0);
		assert_int_equal(file_write(at, "f", "", 0, 0600), 0);
		assert_int_equal(dir_open(at, "d", &next), 0);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(tree_remove(AT_FDCWD, path), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_where(void **state)
{
	char path[] = "/tmp/tree-test.XXXXXX";
	AUTO(close) int dir = temporary(path);
	AUTO(free) char *where = NULL;

	assert_int_equal(tree_remove_where(dir, "no/such", &where), 0);
	assert_null(where);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		tree_remove(AT_FDCWD, path);
		skip();
	}
	/* A bind mount of the very same file system is a border too. */
	assert_int_equal(dir_make_all(dir, "t/a/mnt", 0755), 0);
	assert_int_equal(dir_make_all(dir, "outside", 0755), 0);
	assert_int_equal(file_write(dir, "outside/canary", "x", 1, 0600), 0);
	assert_int_equal(chdir(path), 0);
	assert_int_equal(mount("outside", "t/a/mnt", NULL, MS_BIND, NULL), 0);
	assert_true(tree_remove_where(dir, "t", &where) < 0);
	assert_string_equal(where, "t/a/mnt");
	assert_int_equal(access("outside/canary", F_OK), 0);
	assert_int_equal(umount2("t/a/mnt", MNT_DETACH), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(tree_remove(AT_FDCWD, path), 0);
}

static bool set_immutable(int dir_fd, const char *name, bool on)
{
	AUTO(close) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	int flags = on ? FS_IMMUTABLE_FL : 0;

	return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

static void test_immutable(void **state)
{
	char path[] = "/tmp/tree-test.XXXXXX";
	AUTO(close) int dir = temporary(path);
	AUTO(free) char *where = NULL;

	assert_int_equal(dir_make_all(dir, "t/a", 0755), 0);
	assert_int_equal(file_write(dir, "t/a/stuck", "x", 1, 0600), 0);
	assert_int_equal(file_write(dir, "t/z", "x", 1, 0600), 0);
	if (!set_immutable(dir, "t/a/stuck", true)) {
		tree_remove(AT_FDCWD, path);
		skip();
	}
	assert_int_equal(tree_remove_where(dir, "t", &where), -EPERM);
	assert_string_equal(where, "t/a/stuck");
	assert_int_equal(faccessat(dir, "t/z", F_OK, 0), -1);	/* the rest is gone */
	assert_true(set_immutable(dir, "t/a/stuck", false));
	assert_int_equal(tree_remove(AT_FDCWD, path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_immutable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
