#include "os/erofs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static int make_dir(void **state)
{
	char *path = xstrdup("/tmp/rkt-erofs-test-XXXXXX");

	*state = path;
	return mkdtemp(path) ? 0 : -1;
}

static int drop_dir(void **state)
{
	char *path = *state;
	int r = tree_remove(AT_FDCWD, path);

	free(path);
	return r;
}

/* Only where the machine can do it: root, the file system, and for some a kernel that mounts from files. */
static void mounts(const char *path, enum erofs_via via)
{
	char *const devices[] = { (char *)"0", NULL };
	AUTO(err_clear) struct err err = {};
	AUTO(close) int dir_fd = -1, mount_fd = -1;
	AUTO(free) char *before = getcwd(NULL, 0), *after = NULL;
	char byte;
	int fd, r;

	assert_int_equal(dir_open(AT_FDCWD, path, &dir_fd), 0);
	r = erofs_try(via, dir_fd, &err);
	if (r < 0) {
		AUTO(free) char *words = err_text(&err);

		print_message("not here: %s\n", words);
		skip();
	}
	after = getcwd(NULL, 0);
	assert_string_equal(before, after);
	assert_int_equal(erofs_mount(via, dir_fd, "image", devices, &mount_fd, NULL), 0);
	fd = openat(mount_fd, "x", O_RDONLY | O_CLOEXEC);
	close(TAKE_FD(mount_fd));
	/* The files may go meanwhile: what is mounted stays. */
	assert_int_equal(unlinkat(dir_fd, "image", 0), 0);
	assert_int_equal(unlinkat(dir_fd, "0", 0), 0);
	assert_int_equal(pread(fd, &byte, 1, 511), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(fchmod(fd, 0600), -1);
	assert_int_equal(errno, EROFS);
	close(fd);
}

static void test_files(void **state) { mounts(*state, EROFS_FILES); }
static void test_loop(void **state) { mounts(*state, EROFS_LOOP); }

static void test_no_image(void **state)
{
	char *const devices[] = { (char *)"0", NULL };
	AUTO(close) int dir_fd = -1;
	int fd = -1;

	assert_int_equal(dir_open(AT_FDCWD, *state, &dir_fd), 0);
	for (enum erofs_via via = EROFS_FILES; via <= EROFS_LOOP; via++)
		assert_true(erofs_mount(via, dir_fd, "image", devices, &fd, NULL) < 0);
	assert_int_equal(file_write(dir_fd, "image", "no image", 8, 0600), 0);
	assert_int_equal(file_write(dir_fd, "0", "", 0, 0600), 0);
	for (enum erofs_via via = EROFS_FILES; via <= EROFS_LOOP; via++)
		assert_true(erofs_mount(via, dir_fd, "image", devices, &fd, NULL) < 0);
	assert_int_equal(fd, -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(test_loop, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(test_no_image, make_dir, drop_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
