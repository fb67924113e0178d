#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "store/test_files.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "os/mount.h"

enum { PIECE = 64 << 10, NAMES_MAX = 64 << 10 };

int test_mount_index(int index_fd, const int *archive_fds, size_t n)
{
	AUTO(free) struct mount_option *options = xcalloc(n + 2, sizeof(*options));
	AUTO(free) char *source = xasprintf("/proc/self/fd/%d", index_fd), *words = NULL;
	AUTO(strv_free) char **devices = NULL;
	AUTO(err_clear) struct err err = {};
	AUTO(close) int mount_fd = -1;
	int fd, r;

	for (size_t i = 0; i < n; i++)
		strv_take(&devices, xasprintf("/proc/self/fd/%d", archive_fds[i]));
	for (size_t i = 0; i < n; i++)
		options[i] = (struct mount_option){ "device", devices[i] };
	options[n].key = "ro";
	r = mount_new("erofs", source, options, MOUNT_ATTR_RDONLY, &mount_fd, &err);
	if (r >= 0) {
		assert_int_equal(dir_open(mount_fd, ".", &fd), 0);
		return fd;
	}
	words = err_text(&err);
	/* A damaged image is no reason to skip anything. */
	if (r != -EPERM && r != -ENODEV && r != -ENOTBLK && r != -EINVAL)
		fail_msg("%s", words);
	print_message("not mounted: %s\n", words);
	return -1;
}

/* Which file of one side is which of the other. */
struct pairs {
	struct { ino_t a, b; } *items;
	size_t n;
};

static void check_pair(struct pairs *p, const char *path, ino_t a, ino_t b)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->items[i].a == a || p->items[i].b == b) {
			if (p->items[i].a != a || p->items[i].b != b)
				fail_msg("%s: another group of hard links", path);
			return;
		}
	}
	p->items = xreallocarray(p->items, p->n + 1, sizeof(*p->items));
	p->items[p->n].a = a;
	p->items[p->n++].b = b;
}

static void check_attributes(const char *path, int a_fd, int b_fd)
{
	AUTO(free) char *a_names = xmalloc(NAMES_MAX), *b_names = xmalloc(NAMES_MAX);
	AUTO(free) char *a_value = xmalloc(NAMES_MAX), *b_value = xmalloc(NAMES_MAX);
	ssize_t a_len = flistxattr(a_fd, a_names, NAMES_MAX), b_len = flistxattr(b_fd, b_names, NAMES_MAX);

	if (a_len != b_len)
		fail_msg("%s: other attributes (%zd and %zd bytes of names)", path, a_len, b_len);
	for (const char *name = a_names; name < a_names + a_len; name += strlen(name) + 1) {
		ssize_t a = fgetxattr(a_fd, name, a_value, NAMES_MAX), b = fgetxattr(b_fd, name, b_value, NAMES_MAX);

		if (a < 0 || a != b || memcmp(a_value, b_value, (size_t)a))
			fail_msg("%s: another value of %s", path, name);
	}
}

void test_attribute(int dir_fd, const char *path, const char *name, const void *value, size_t len)
{
	AUTO(close) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	AUTO(free) char *found = xmalloc(NAMES_MAX);

	assert_true(fd >= 0);
	assert_int_equal(fgetxattr(fd, name, found, NAMES_MAX), len);
	assert_memory_equal(found, value, len);
}

static void check_contents(const char *path, int a_fd, int b_fd)
{
	AUTO(free) char *a = xmalloc(PIECE), *b = xmalloc(PIECE);
	size_t a_len, b_len;

	do {
		assert_int_equal(fd_read_upto(a_fd, a, PIECE, &a_len), 0);
		assert_int_equal(fd_read_upto(b_fd, b, PIECE, &b_len), 0);
		if (a_len != b_len || memcmp(a, b, a_len))
			fail_msg("%s: other contents", path);
	} while (a_len);
}

static void check_stat(const char *path, const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		fail_msg("%s: mode %o owner %u:%u, and %o %u:%u", path, a->st_mode, a->st_uid, a->st_gid, b->st_mode,
			 b->st_uid, b->st_gid);
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
		fail_msg("%s: times %ld.%09ld and %ld.%09ld", path, (long)a->st_mtim.tv_sec, a->st_mtim.tv_nsec,
			 (long)b->st_mtim.tv_sec, b->st_mtim.tv_nsec);
	if (S_ISDIR(a->st_mode))
		return;		/* their sizes and links are the file system's */
	if (a->st_size != b->st_size || a->st_nlink != b->st_nlink)
		fail_msg("%s: size %lld links %lu, and %lld %lu", path, (long long)a->st_size,
			 (unsigned long)a->st_nlink, (long long)b->st_size, (unsigned long)b->st_nlink);
}

static size_t count_names(int fd)
{
	AUTO(closedir) DIR *dir = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n;
}

static void walk(struct pairs *pairs, const char *path, int a_fd, int b_fd);

static void check_name(struct pairs *pairs, const char *path, int a_dir, int b_dir, const char *name)
{
	AUTO(close) int a_fd = -1, b_fd = -1;
	char a_link[4097] = {}, b_link[4097] = {};
	struct stat a, b;

	assert_int_equal(fstatat(a_dir, name, &a, AT_SYMLINK_NOFOLLOW), 0);
	if (fstatat(b_dir, name, &b, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	check_stat(path, &a, &b);
	if (!S_ISDIR(a.st_mode) && a.st_nlink > 1)
		check_pair(pairs, path, a.st_ino, b.st_ino);
	if (S_ISLNK(a.st_mode)) {
		assert_true(readlinkat(a_dir, name, a_link, sizeof(a_link) - 1) >= 0);
		assert_true(readlinkat(b_dir, name, b_link, sizeof(b_link) - 1) >= 0);
		assert_string_equal(a_link, b_link);
	}
	if (!S_ISDIR(a.st_mode) && !S_ISREG(a.st_mode))
		return;
	a_fd = openat(a_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	b_fd = openat(b_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	assert_true(a_fd >= 0 && b_fd >= 0);
	check_attributes(path, a_fd, b_fd);
	if (S_ISDIR(a.st_mode))
		walk(pairs, path, a_fd, b_fd);
	else
		check_contents(path, a_fd, b_fd);
}

static void walk(struct pairs *pairs, const char *path, int a_fd, int b_fd)
{
	AUTO(closedir) DIR *dir = fdopendir(openat(a_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		AUTO(free) char *below = xasprintf("%s/%s", path, e->d_name);

		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			check_name(pairs, below, a_fd, b_fd, e->d_name);
	}
	assert_int_equal(count_names(a_fd), count_names(b_fd));
}

void test_same_files(int a_fd, int b_fd)
{
	struct pairs pairs = {};
	struct stat a, b;

	assert_int_equal(fstat(a_fd, &a), 0);
	assert_int_equal(fstat(b_fd, &b), 0);
	check_stat("/", &a, &b);
	check_attributes("/", a_fd, b_fd);
	walk(&pairs, "", a_fd, b_fd);
	free(pairs.items);
}
