#include "os/mount.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fd.h"

static bool write_proc(const char *path, const char *text)
{
	AUTO(close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0;
}

/* Mounts live in a namespace of the test's own, which a user namespace allows without root where the kernel lets it. */
static int in_namespace(int (*test)(void))
{
	AUTO(free) char *users = xasprintf("0 %u 1", (unsigned)geteuid());
	AUTO(free) char *groups = xasprintf("0 %u 1", (unsigned)getegid());
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (unshare(CLONE_NEWUSER) < 0 || !write_proc("/proc/self/uid_map", users) ||
		    !write_proc("/proc/self/setgroups", "deny") || !write_proc("/proc/self/gid_map", groups))
			_exit(77);
		_exit(mount_namespace_new(NULL) < 0 ? 77 : test());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_passes(int (*test)(void))
{
	int code = in_namespace(test);

	if (code == 77)
		skip();
	assert_int_equal(code, 0);
}

static int overlay_and_attach(void)
{
	static const struct mount_option options[] = { { "mode", "0755" }, { "size", "1048576" }, {} };
	int fd, overlay, lower, upper, work, target;
	struct stat st;

	if (mount_new("tmpfs", "tmpfs", options, 0, &fd, NULL) < 0)
		return 1;
	for (const char *const *dir = (const char *const[]){ "lower", "upper", "work", "target", NULL }; *dir; dir++)
		if (dir_make(fd, *dir, 0755) < 0)
			return 2;
	if (file_write(fd, "lower/a", "a", 1, 0644) < 0)
		return 3;
	lower = openat(fd, "lower", O_PATH | O_CLOEXEC);
	upper = openat(fd, "upper", O_PATH | O_CLOEXEC);
	work = openat(fd, "work", O_PATH | O_CLOEXEC);
	if (mount_overlay(lower, upper, work, 0, &overlay, NULL) < 0)
		return 77;	/* overlay in a user namespace is newer than the rest */
	if (file_write(overlay, "b", "b", 1, 0644) < 0 || fstatat(fd, "upper/b", &st, 0) < 0)
		return 4;
	if (fstatat(overlay, "a", &st, 0) < 0)
		return 5;

	/* Read-only from now on, and to be seen where it is attached. */
	if (mount_set(overlay, 1 /* MOUNT_ATTR_RDONLY */, 0, false, NULL) < 0)
		return 6;
	if (file_write(overlay, "c", "c", 1, 0644) != -EROFS)
		return 7;
	target = open("/tmp", O_PATH | O_CLOEXEC);
	if (mount_attach(overlay, target, NULL) < 0 || stat("/tmp/a", &st) < 0)
		return 8;
	return 0;
}

static int clone_keeps_content(void)
{
	int fd, copy;
	struct stat st;

	if (mount_new("tmpfs", "tmpfs", NULL, 0, &fd, NULL) < 0)
		return 1;
	if (file_write(fd, "a", "a", 1, 0644) < 0)
		return 2;
	if (mount_attach(fd, open("/tmp", O_PATH | O_CLOEXEC), NULL) < 0)
		return 3;
	if (mount_clone(AT_FDCWD, "/tmp", true, &copy, NULL) < 0)
		return 4;
	return fstatat(copy, "a", &st, 0) < 0 ? 5 : 0;
}

static int wrong_option_is_told(void)
{
	static const struct mount_option options[] = { { "no-such-option", "1" }, {} };
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	int fd;

	if (mount_new("tmpfs", "tmpfs", options, 0, &fd, &err) != -EINVAL)
		return 1;
	text = err_text(&err);
	return strstr(text, "'tmpfs'") && strstr(text, "no-such-option") ? 0 : 2;
}

static void test_overlay(void **state) { expect_passes(overlay_and_attach); }
static void test_clone(void **state) { expect_passes(clone_keeps_content); }
static void test_wrong_option(void **state) { expect_passes(wrong_option_is_told); }

static void test_no_such_type(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	int fd = -1;

	assert_true(mount_new("no-such-fs", NULL, NULL, 0, &fd, &err) < 0);
	text = err_text(&err);
	assert_non_null(strstr(text, "cannot mount a file system of type 'no-such-fs'"));
	assert_int_equal(fd, -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_clone),
		cmocka_unit_test(test_wrong_option),
		cmocka_unit_test(test_no_such_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
