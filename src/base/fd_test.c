#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

/* Each test has an empty directory, as the fd in *state; the umask is one that would show. */
static int set_up(void **state)
{
	static char path[64];
	int *fd = xmalloc(sizeof(*fd));

	umask(077);
	memcpy(path, "/tmp/rkt-fd-test-XXXXXX", sizeof("/tmp/rkt-fd-test-XXXXXX"));
	if (!mkdtemp(path))
		return -1;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = fd;
	return *fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	int fd = *(int *)*state;
	char link[64], path[128] = {};
	int r;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		return -1;
	close(fd);
	free(*state);
	r = tree_remove(AT_FDCWD, path);
	return r;
}

static mode_t mode_of(int dir, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode;
}

static size_t count_entries(int dir)
{
	AUTO(closedir) DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	while (readdir(d))
		n++;
	return n - 2;
}

static void test_read(void **state)
{
	int dir = *(int *)*state;
	AUTO(free) char *data = NULL, *again = NULL, *proc = NULL;
	size_t len = 0;

	assert_int_equal(file_write(dir, "f", "a\0b", 3, 0640), 0);
	assert_int_equal(file_read(dir, "f", 3, &data, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "a\0b", 4);
	assert_int_equal(file_read(dir, "f", 2, &again, &len), -E2BIG);
	assert_int_equal(file_read(dir, "none", 9, &again, &len), -ENOENT);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 1 << 16, &proc, NULL), 0);
	assert_true(str_starts(proc, "Name:"));
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 10, &again, NULL), -E2BIG);
	assert_null(again);
}

static void test_read_only_regular_files(void **state)
{
	int dir = *(int *)*state;
	char *data = NULL;

	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(dir_make(dir, "d", 0755), 0);
	assert_int_equal(symlinkat("/etc/hostname", dir, "link"), 0);
	assert_int_equal(file_read(dir, "fifo", 9, &data, NULL), -EINVAL);
	assert_int_equal(file_read(dir, "d", 9, &data, NULL), -EINVAL);
	assert_int_equal(file_read(dir, "link", 9, &data, NULL), -ELOOP);
	assert_int_equal(file_read(AT_FDCWD, "/dev/zero", 9, &data, NULL), -EINVAL);
	assert_null(data);
}

static void test_read_from_the_start(void **state)
{
	int dir = *(int *)*state;
	AUTO(close) int fd = -1;
	AUTO(free) char *data = NULL;

	assert_int_equal(file_write(dir, "f", "abc", 3, 0600), 0);
	fd = openat(dir, "f", O_RDONLY | O_CLOEXEC);
	lseek(fd, 2, SEEK_SET);
	assert_int_equal(fd_read_file(fd, 9, &data, NULL), 0);
	assert_string_equal(data, "abc");
}

static void test_write(void **state)
{
	int dir = *(int *)*state;
	AUTO(free) char *data = NULL;

	assert_int_equal(file_write(dir, "f", "long text", 9, 0644), 0);
	assert_int_equal(file_write(dir, "f", "x", 1, 0640), 0);
	assert_int_equal(file_read(dir, "f", 9, &data, NULL), 0);
	assert_string_equal(data, "x");
	assert_int_equal(mode_of(dir, "f"), S_IFREG | 0640);
	assert_int_equal(symlinkat("f", dir, "link"), 0);
	assert_int_equal(file_write(dir, "link", "y", 1, 0644), -ELOOP);
}

static void test_write_atomic(void **state)
{
	int dir = *(int *)*state;
	AUTO(free) char *data = NULL;

	assert_int_equal(file_write_atomic(dir, "f", "old", 3, 0600), 0);
	assert_int_equal(file_write_atomic(dir, "f", "new", 3, 0664), 0);
	assert_int_equal(file_read(dir, "f", 9, &data, NULL), 0);
	assert_string_equal(data, "new");
	assert_int_equal(mode_of(dir, "f"), S_IFREG | 0664);
	assert_int_equal(dir_make_all(dir, "d/e", 0755), 0);
	assert_int_equal(file_write_atomic(dir, "d/f", "", 0, 0644), 0);
	assert_int_equal(file_write_atomic(dir, "d", "x", 1, 0644), -EISDIR);
	assert_int_equal(file_write_atomic(dir, "none/f", "x", 1, 0644), -ENOENT);
	assert_int_equal(count_entries(dir), 2);	/* no temporary file stays */
	/* A symlink is replaced, not followed. */
	assert_int_equal(symlinkat("f", dir, "link"), 0);
	assert_int_equal(file_write_atomic(dir, "link", "z", 1, 0644), 0);
	assert_int_equal(mode_of(dir, "link"), S_IFREG | 0644);
}

static void test_directories(void **state)
{
	int dir = *(int *)*state, fd = -1;

	assert_int_equal(dir_make(dir, "d", 02775), 0);
	assert_int_equal(mode_of(dir, "d"), S_IFDIR | 02775);
	assert_int_equal(dir_make(dir, "d", 0700), -EEXIST);
	assert_int_equal(mode_of(dir, "d"), S_IFDIR | 02775);
	assert_int_equal(dir_make_all(dir, "d/a/b/", 0751), 0);
	assert_int_equal(mode_of(dir, "d/a"), S_IFDIR | 0751);
	assert_int_equal(mode_of(dir, "d/a/b"), S_IFDIR | 0751);
	assert_int_equal(dir_make_all(dir, "d/a/b", 0700), 0);
	assert_int_equal(file_write(dir, "f", "", 0, 0600), 0);
	assert_int_equal(dir_make_all(dir, "f", 0700), -ENOTDIR);
	assert_int_equal(dir_make_all(dir, "f/x", 0700), -ENOTDIR);
	assert_int_equal(symlinkat("d", dir, "link"), 0);
	assert_int_equal(dir_make_all(dir, "link/c", 0700), 0);
	assert_int_equal(dir_open(dir, "link", &fd), -ENOTDIR);
	assert_int_equal(dir_open(dir, "f", &fd), -ENOTDIR);
	assert_int_equal(fd, -1);
	assert_int_equal(dir_open(dir, "d/c", &fd), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(dir_sync(dir, "d"), 0);
	assert_int_equal(dir_sync(dir, "none"), -ENOENT);
}

static void test_read_upto(void **state)
{
	char data[8] = {};
	size_t len = 0;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(fds[1], "abc", 3), 0);
	assert_int_equal(fd_write_all(fds[1], "defgh", 5), 0);
	assert_int_equal(fd_read_upto(fds[0], data, 4, &len), 0);
	assert_int_equal(len, 4);
	close(fds[1]);
	assert_int_equal(fd_read_upto(fds[0], data, 8, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(data, "efgh", 4);
	close(fds[0]);
	assert_int_equal(fd_read_upto(-1, data, 8, &len), -EBADF);
}

static void test_write_at(void **state)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	char data[8] = {};

	assert_int_equal(fd_write_all(fd, "abcd", 4), 0);
	assert_int_equal(fd_write_at(fd, "xyz", 3, 1), 0);
	assert_int_equal(fd_write_at(fd, "", 0, 100), 0);
	assert_int_equal(pread(fd, data, sizeof(data), 0), 4);
	assert_memory_equal(data, "axyz", 4);
	close(fd);
	assert_int_equal(fd_write_at(-1, "x", 1, 0), -EBADF);
}

static void test_write_to_nobody(void **state)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	assert_int_equal(fd_write_all(fds[1], "x", 1), -EPIPE);
	assert_int_equal(fd_write_all(fds[1], "", 0), 0);
	close(fds[1]);
}

static void test_random_names(void **state)
{
	AUTO(free) char *a = name_random("x"), *b = name_random("x");

	assert_int_equal(strlen(a), strlen("x.0123456789abcdef"));
	assert_true(str_starts(a, "x."));
	assert_string_not_equal(a, b);
}

static void test_keep(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fd_keep(fd, true), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fd_keep(fd, false), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(fd_keep(-1, true), -EBADF);
}

/* In a child: with 0 and 2 closed they become /dev/null, and 1 stays what it was. */
static int fix_closed_fds(void)
{
	struct stat null, st, out, now;

	if (stat("/dev/null", &null) < 0 || fstat(1, &out) < 0)
		return 1;
	close(0);
	close(2);
	if (fd_std_fix() < 0 || fstat(1, &now) < 0 || now.st_ino != out.st_ino)
		return 2;
	for (int fd = 0; fd <= 2; fd += 2)
		if (fstat(fd, &st) < 0 || st.st_rdev != null.st_rdev || (fcntl(fd, F_GETFD) & FD_CLOEXEC))
			return 3;
	return 0;
}

static void test_std_fds(void **state)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (!pid)
		_exit(fix_closed_fds());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_read_only_regular_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_read_from_the_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_write_atomic, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directories, set_up, tear_down),
		cmocka_unit_test(test_read_upto),
		cmocka_unit_test(test_write_at),
		cmocka_unit_test(test_write_to_nobody),
		cmocka_unit_test(test_random_names),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_std_fds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
