#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fd.h"

/* A directory with the directories "from" and "to". */
struct fixture {
	char path[32];
	int dir, from, to;
};

static void make(struct fixture *f)
{
	strncpy(f->path, "/tmp/tree-copy.XXXXXX", sizeof(f->path));
	assert_non_null(mkdtemp(f->path));
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(dir_make(f->dir, "from", 0755), 0);
	assert_int_equal(dir_make(f->dir, "to", 0700), 0);
	assert_int_equal(dir_open(f->dir, "from", &f->from), 0);
	assert_int_equal(dir_open(f->dir, "to", &f->to), 0);
}

static void drop(struct fixture *f)
{
	close(f->dir);
	close(f->from);
	close(f->to);
	assert_int_equal(tree_remove(AT_FDCWD, f->path), 0);
}

static struct stat look(const struct fixture *f, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(f->dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static void put(const struct fixture *f, const char *path, const char *text, mode_t mode)
{
	assert_int_equal(file_write(f->from, path, text, strlen(text), 0600), 0);
	assert_int_equal(fchmodat(f->from, path, mode, 0), 0);
}

static void holds(const struct fixture *f, const char *path, const char *want)
{
	AUTO(free) char *text = NULL;
	size_t len;

	assert_int_equal(file_read(f->to, path, 1000, &text, &len), 0);
	assert_string_equal(text, want);
}

static void test_files(void **state)
{
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 3 } };
	struct fixture f;
	char *where = NULL, target[32] = "";

	make(&f);
	put(&f, "empty", "", 0444);
	put(&f, "program", "text", 06755);
	assert_int_equal(linkat(f.from, "program", f.from, "again", 0), 0);
	assert_int_equal(dir_make(f.from, "locked", 0755), 0);
	put(&f, "locked/file", "below", 0640);
	assert_int_equal(linkat(f.from, "program", f.from, "locked/again", 0), 0);
	assert_int_equal(symlinkat("../../../../etc/passwd", f.from, "link"), 0);
	assert_int_equal(symlinkat("/etc", f.from, "etc"), 0);
	assert_int_equal(mkfifoat(f.from, "fifo", 0600), 0);
	assert_int_equal(fchmodat(f.from, "fifo", 0622, 0), 0);
	assert_int_equal(utimensat(f.from, "locked/file", times, 0), 0);
	assert_int_equal(utimensat(f.from, "link", times, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fchmodat(f.from, "locked", 0555, 0), 0);
	assert_int_equal(utimensat(f.from, "locked", times, 0), 0);
	assert_int_equal(fchmod(f.from, 01770), 0);

	assert_int_equal(tree_copy(f.from, f.to, &where), 0);
	holds(&f, "empty", "");
	holds(&f, "program", "text");
	holds(&f, "locked/file", "below");
	assert_int_equal(look(&f, "to").st_mode, S_IFDIR | 01770);
	assert_int_equal(look(&f, "to/empty").st_mode, S_IFREG | 0444);
	assert_int_equal(look(&f, "to/program").st_mode, S_IFREG | 06755);
	assert_int_equal(look(&f, "to/locked").st_mode, S_IFDIR | 0555);
	assert_int_equal(look(&f, "to/fifo").st_mode, S_IFIFO | 0622);
	assert_int_equal(look(&f, "to/locked/file").st_mtim.tv_sec, 2000);
	assert_int_equal(look(&f, "to/locked/file").st_mtim.tv_nsec, 3);
	assert_int_equal(look(&f, "to/locked").st_mtim.tv_sec, 2000);
	assert_int_equal(look(&f, "to/link").st_mtim.tv_sec, 2000);
	/* Three names of one file, and it is not the one that was copied. */
	assert_int_equal(look(&f, "to/program").st_nlink, 3);
	assert_int_equal(look(&f, "to/program").st_ino, look(&f, "to/locked/again").st_ino);
	assert_int_not_equal(look(&f, "to/program").st_ino, look(&f, "from/program").st_ino);
	assert_int_equal(readlinkat(f.to, "link", target, sizeof(target)), 22);
	assert_string_equal(target, "../../../../etc/passwd");
	assert_true(S_ISLNK(look(&f, "to/etc").st_mode));
	assert_int_equal(fchmodat(f.from, "locked", 0755, 0), 0);
	assert_int_equal(fchmodat(f.to, "locked", 0755, 0), 0);
	drop(&f);
}

static void test_owners_and_devices(void **state)
{
	static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 4 };
	unsigned char got[32];
	struct fixture f;
	char *where = NULL;

	if (geteuid())
		skip();
	make(&f);
	put(&f, "su", "x", 0755);
	assert_int_equal(symlinkat("su", f.from, "link"), 0);
	assert_int_equal(fchownat(f.from, "su", 1000, 2000, 0), 0);
	assert_int_equal(fchmodat(f.from, "su", 04755, 0), 0);
	assert_int_equal(fchownat(f.from, "link", 1, 2, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fchown(f.from, 3, 4), 0);
	put(&f, "able", "x", 0755);
	{
		AUTO(close) int fd = openat(f.from, "able", O_RDONLY | O_CLOEXEC);

		assert_int_equal(fsetxattr(fd, "security.capability", capability, sizeof(capability), 0), 0);
	}
	(void)!mknodat(f.from, "null", S_IFCHR | 0666, makedev(1, 3));
	(void)!mknodat(f.from, "socket", S_IFSOCK | 0666, 0);

	assert_int_equal(tree_copy(f.from, f.to, &where), 0);
	assert_int_equal(look(&f, "to").st_uid, 3);
	assert_int_equal(look(&f, "to").st_gid, 4);
	assert_int_equal(look(&f, "to/su").st_uid, 1000);
	assert_int_equal(look(&f, "to/su").st_gid, 2000);
	assert_int_equal(look(&f, "to/su").st_mode, S_IFREG | 04755);
	assert_int_equal(look(&f, "to/link").st_uid, 1);
	assert_int_equal(faccessat(f.to, "null", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(f.to, "socket", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	{
		AUTO(close) int fd = openat(f.to, "able", O_RDONLY | O_CLOEXEC);

		assert_int_equal(fgetxattr(fd, "security.capability", got, sizeof(got)), sizeof(capability));
		assert_memory_equal(got, capability, sizeof(capability));
	}
	drop(&f);
}

/* A file that is larger than the disk. */
static void test_holes(void **state)
{
	const off_t size = (off_t)1 << 42;
	struct fixture f;
	struct stat st;
	char *where = NULL, got[4] = "";

	make(&f);
	{
		AUTO(close) int fd = openat(f.from, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (ftruncate(fd, size) < 0) {
			drop(&f);
			skip();
		}
		assert_int_equal(pwrite(fd, "one", 3, 1 << 20), 3);
		assert_int_equal(pwrite(fd, "two", 3, size / 2), 3);
	}
	assert_int_equal(tree_copy(f.from, f.to, &where), 0);
	st = look(&f, "to/sparse");
	assert_true(st.st_size == size && st.st_blocks < 4096);
	{
		AUTO(close) int fd = openat(f.to, "sparse", O_RDONLY | O_CLOEXEC);

		assert_int_equal(pread(fd, got, 3, 1 << 20), 3);
		assert_string_equal(got, "one");
		assert_int_equal(pread(fd, got, 3, size / 2), 3);
		assert_string_equal(got, "two");
	}
	drop(&f);
}

/* Deeper than there are descriptors. */
static void test_deep(void **state)
{
	struct rlimit before, few = { .rlim_cur = 60 };
	struct fixture f;
	char *where = NULL, path[2 * 150 + 5] = "";
	int at;

	make(&f);
	at = fcntl(f.from, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 150; i++) {
		int next = -1;

		assert_int_equal(mkdirat(at, "d", 0700), 0);
		assert_int_equal(dir_open(at, "d", &next), 0);
		close(at);
		at = next;
		memcpy(path + 2 * i, "d/", 3);
	}
	assert_int_equal(file_write(at, "f", "deep", 4, 0600), 0);
	close(at);
	memcpy(path + 300, "f", 2);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(tree_copy(f.from, f.to, &where), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	holds(&f, path, "deep");
	drop(&f);
}

/* It never writes over, or through, what is there. */
static void test_not_empty(void **state)
{
	struct fixture f;
	AUTO(free) char *where = NULL;

	make(&f);
	assert_int_equal(dir_make(f.from, "sub", 0755), 0);
	put(&f, "sub/file", "new", 0600);
	assert_int_equal(symlinkat("../from", f.to, "sub"), 0);
	assert_int_equal(tree_copy(f.from, f.to, &where), -EEXIST);
	assert_string_equal(where, "sub");
	drop(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_owners_and_devices),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
