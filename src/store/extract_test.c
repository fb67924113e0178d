#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/proc.h"
#include "store/compare.h"
#include "store/digest.h"
#include "store/extract.h"
#include "store/tar_build.h"

struct place {
	char *path;
	int fd, root_fd;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	p->path = name_random("/tmp/rkt-extract");
	if (dir_make(AT_FDCWD, p->path, 0700) < 0 || dir_open(AT_FDCWD, p->path, &p->fd) < 0 ||
	    dir_make(p->fd, "root", 0755) < 0 || dir_open(p->fd, "root", &p->root_fd) < 0)
		return -1;
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;

	close(p->root_fd);
	close(p->fd);
	tree_remove(AT_FDCWD, p->path);
	free(p->path);
	free(p);
	return 0;
}

static int unpack_fd(int in_fd, int root_fd, char **ret_words)
{
	AUTO(extract_free) struct extract *x = NULL;
	AUTO(err_clear) struct err err = {};
	struct digest_result d = {};
	struct tar_sink sink;
	int r;

	r = extract_open(root_fd, &x, &err);
	if (r >= 0) {
		sink = extract_sink(x);
		r = digest_archive(in_fd, -1, &sink, &d, &err);
	}
	if (r >= 0)
		r = extract_finish(x, &err);
	free(d.tar.manifest);
	*ret_words = r < 0 ? err_text(&err) : xstrdup("");
	return r;
}

static int unpack(struct buf *tar, int root_fd, char **ret_words)
{
	AUTO(close) int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, tar->data, tar->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return unpack_fd(fd, root_fd, ret_words);
}

static void unpack_good(struct place *p, const struct tar_header *list, size_t n)
{
	AUTO(buf_clear) struct buf tar = {};
	AUTO(free) char *words = NULL;

	tar_begin(&tar, TEST_MANIFEST);
	for (size_t i = 0; i < n; i++)
		tar_add(&tar, &list[i]);
	tar_end(&tar);
	unpack(&tar, p->root_fd, &words);
	assert_string_equal(words, "");
}

static void unpack_bad(struct place *p, const struct tar_header *list, size_t n, const char *expected)
{
	AUTO(buf_clear) struct buf tar = {};
	AUTO(free) char *words = NULL;

	tar_begin(&tar, TEST_MANIFEST);
	for (size_t i = 0; i < n; i++)
		tar_add(&tar, &list[i]);
	tar_end(&tar);
	assert_int_equal(unpack(&tar, p->root_fd, &words), -ERR_BAD_INPUT);
	assert_string_equal(words, expected);
}

static struct stat look(struct place *p, const char *path)
{
	struct stat st;

	if (fstatat(p->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static void contents(struct place *p, const char *path, const char *expected)
{
	AUTO(free) char *text = NULL;

	assert_int_equal(file_read(p->root_fd, path, 1 << 20, &text, NULL), 0);
	assert_string_equal(text, expected);
}

static void kinds(void **state)
{
	static const struct tar_header list[] = {
		{ .name = "rootfs/d", .type = '5', .mode = 01777, .mtime = 1000 },
		{ .name = "rootfs/d/f", .type = '0', .data = "x", .mode = 04751, .mtime = 2000 },
		{ .name = "rootfs/implied/deep/f", .type = '0', .data = "y" },
		{ .name = "rootfs/h", .type = '1', .link = "rootfs/d/f" },
		{ .name = "rootfs/s", .type = '2', .link = "../../../etc/passwd", .mtime = 3000 },
		{ .name = "rootfs/hs", .type = '1', .link = "rootfs/s" },
		{ .name = "rootfs/p", .type = '6', .mode = 0622 },
		{ .name = "rootfs/t", .type = '0', .pax = "mtime=5000.25\n" },
	};
	struct place *p = *state;
	char target[64] = {};

	unpack_good(p, list, ARRAY_LEN(list));
	assert_int_equal(look(p, "d").st_mode, S_IFDIR | 01777);
	assert_int_equal(look(p, "d").st_mtime, 1000);
	assert_int_equal(look(p, "d/f").st_mode, S_IFREG | 04751);
	assert_int_equal(look(p, "d/f").st_mtime, 2000);
	assert_int_equal(look(p, "implied/deep").st_mode, S_IFDIR | 0755);
	assert_int_equal(look(p, "h").st_ino, look(p, "d/f").st_ino);
	assert_int_equal(look(p, "h").st_nlink, 2);
	assert_int_equal(look(p, "s").st_mtime, 3000);
	assert_true(readlinkat(p->root_fd, "s", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "../../../etc/passwd");
	assert_int_equal(look(p, "hs").st_ino, look(p, "s").st_ino);
	assert_int_equal(look(p, "hs").st_nlink, 2);
	assert_int_equal(look(p, "p").st_mode & S_IFMT, S_IFIFO);
	assert_int_equal(look(p, "t").st_mtim.tv_nsec, 250000000);
}

static void replaced(void **state)
{
	static const struct tar_header list[] = {
		{ .name = "rootfs/f", .type = '0', .data = "long contents" },
		{ .name = "rootfs/f", .type = '0', .data = "short" },
		{ .name = "rootfs/l", .type = '2', .link = "f" },
		{ .name = "rootfs/l", .type = '0', .data = "no link" },
		{ .name = "rootfs/d", .type = '5' },
		{ .name = "rootfs/d/x", .type = '0', .data = "stays" },
		{ .name = "rootfs/d", .type = '5', .mode = 0700 },
		{ .name = "rootfs/e/x", .type = '0' },
		{ .name = "rootfs/e", .type = '0', .data = "was a directory" },
		{ .name = "rootfs/g", .type = '0' },
		{ .name = "rootfs/g", .type = '5' },
		{ .name = "rootfs/g/x", .type = '0', .data = "below" },
	};
	struct place *p = *state;

	unpack_good(p, list, ARRAY_LEN(list));
	contents(p, "f", "short");
	contents(p, "l", "no link");
	contents(p, "d/x", "stays");
	assert_int_equal(look(p, "d").st_mode, S_IFDIR | 0700);
	contents(p, "e", "was a directory");
	contents(p, "g/x", "below");
}

static void refused(void **state)
{
	static const struct tar_header below_link[] = {
		{ .name = "rootfs/d", .type = '5' },
		{ .name = "rootfs/l", .type = '2', .link = "d" },
		{ .name = "rootfs/l/x", .type = '0' },
	};
	static const struct tar_header below_new_link[] = {
		{ .name = "rootfs/d/x", .type = '0' },
		{ .name = "rootfs/d", .type = '2', .link = "/tmp" },
		{ .name = "rootfs/d/x", .type = '0' },
	};
	static const struct tar_header below_file[] = {
		{ .name = "rootfs/f", .type = '0' },
		{ .name = "rootfs/f/x", .type = '5' },
	};
	static const struct tar_header link_to_nothing[] = {
		{ .name = "rootfs/h", .type = '1', .link = "rootfs/none" },
	};
	static const struct tar_header link_to_directory[] = {
		{ .name = "rootfs/d", .type = '5' },
		{ .name = "rootfs/h", .type = '1', .link = "rootfs/d" },
	};
	static const struct tar_header link_through_link[] = {
		{ .name = "rootfs/l", .type = '2', .link = "/etc" },
		{ .name = "rootfs/h", .type = '1', .link = "rootfs/l/passwd" },
	};
	struct place *p = *state;

	unpack_bad(p, below_link, ARRAY_LEN(below_link), "archive member 'rootfs/l/x': it lies below a symlink");
	unpack_bad(p, below_new_link, ARRAY_LEN(below_new_link),
		   "archive member 'rootfs/d/x': it lies below a symlink");
	unpack_bad(p, below_file, ARRAY_LEN(below_file),
		   "archive member 'rootfs/f/x': it lies below what is no directory");
	unpack_bad(p, link_to_nothing, 1,
		   "archive member 'rootfs/h': the target 'none' of the hard link is not there");
	unpack_bad(p, link_to_directory, 2,
		   "archive member 'rootfs/h': the target 'd' of the hard link is a directory");
	unpack_bad(p, link_through_link, 2,
		   "archive member 'rootfs/h': the target 'l/passwd' of the hard link is not there");
}

static void owners(void **state)
{
	static const struct tar_header list[] = {
		{ .name = "rootfs/f", .type = '0', .uid = 1234, .gid = 4321, .mode = 06755 },
		{ .name = "rootfs/d", .type = '5', .uid = 1, .gid = 2, .mode = 02755 },
		{ .name = "rootfs/s", .type = '2', .link = "f", .uid = 3, .gid = 4 },
	};
	struct place *p = *state;

	if (geteuid())
		skip();
	unpack_good(p, list, ARRAY_LEN(list));
	assert_int_equal(look(p, "f").st_uid, 1234);
	assert_int_equal(look(p, "f").st_gid, 4321);
	assert_int_equal(look(p, "f").st_mode, S_IFREG | 06755);
	assert_int_equal(look(p, "d").st_gid, 2);
	assert_int_equal(look(p, "d").st_mode, S_IFDIR | 02755);
	assert_int_equal(look(p, "s").st_uid, 3);
}

static void write_to(int fd, const char *path, const char *text)
{
	assert_int_equal(file_write(fd, path, text, strlen(text), 0644), 0);
}
static void change_contents(int fd) { write_to(fd, "d/f", "12346"); }
static void change_size(int fd) { write_to(fd, "d/f", "1234"); }
static void change_mode(int fd) { assert_int_equal(fchmodat(fd, "d/f", 0600, 0), 0); }
static void add_file(int fd) { write_to(fd, "d/x", ""); }
static void remove_link(int fd) { assert_int_equal(unlinkat(fd, "s", 0), 0); }
static void change_link(int fd)
{
	remove_link(fd);
	assert_int_equal(symlinkat("e", fd, "s"), 0);
}
static void break_hardlink(int fd)
{
	assert_int_equal(unlinkat(fd, "h", 0), 0);
	write_to(fd, "h", "12345");
}
static void change_kind(int fd)
{
	assert_int_equal(unlinkat(fd, "d/g", 0), 0);
	assert_int_equal(mkdirat(fd, "d/g", 0755), 0);
}

/* What compare_trees() must see, each as one change to a copy. */
static const struct {
	void (*change)(int fd);
	const char *expected;
} changes[] = {
	{ change_contents, "'rootfs/d/f' has other contents" },
	{ change_mode, "'rootfs/d/f' has another mode" },
	{ add_file, "'rootfs/d/x' is not in the image" },
	{ remove_link, "'rootfs/s' is missing" },
	{ change_link, "'rootfs/s' has another target" },
	{ change_size, "'rootfs/d/f' has another size" },
	{ break_hardlink, "'rootfs/d/f' has other hard links" },
	{ change_kind, "'rootfs/d/g' has another kind" },
};

static void differences(void **state)
{
	static const struct tar_header list[] = {
		{ .name = "rootfs/d/f", .type = '0', .data = "12345" },
		{ .name = "rootfs/d/g", .type = '0', .data = "12345" },
		{ .name = "rootfs/h", .type = '1', .link = "rootfs/d/f" },
		{ .name = "rootfs/s", .type = '2', .link = "d" },
	};
	struct place *p = *state;

	unpack_good(p, list, ARRAY_LEN(list));
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct place copy = {};
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;

		assert_int_equal(tree_remove(p->fd, "copy"), 0);
		assert_int_equal(dir_make(p->fd, "copy", 0755), 0);
		assert_int_equal(dir_open(p->fd, "copy", &copy.root_fd), 0);
		unpack_good(&copy, list, ARRAY_LEN(list));
		assert_int_equal(compare_trees(copy.root_fd, p->root_fd, &err), 0);
		changes[i].change(copy.root_fd);
		assert_int_equal(compare_trees(copy.root_fd, p->root_fd, &err), -ERR_BAD_INPUT);
		words = err_text(&err);
		assert_string_equal(words, changes[i].expected);
		close(copy.root_fd);
	}
}

static void run_tar(struct place *p, const char *format, const char *out)
{
	AUTO(free) char *file = xasprintf("--file=%s/%s", p->path, out), *form = xasprintf("--format=%s", format);
	AUTO(free) char *dir = xasprintf("--directory=%s", p->path);
	AUTO(close) int exe_fd = open("/bin/tar", O_PATH | O_CLOEXEC), pidfd = -1;
	AUTO(err_clear) struct err err = {};
	char *const argv[] = { (char *)"tar", (char *)"--create", (char *)"--sparse", file, form, dir,
			       str_eq(format, "posix") ? (char *)"--xattrs" : (char *)"--no-xattrs",
			       (char *)"manifest", (char *)"rootfs", NULL };
	char *const env[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	const int fds[] = { -1, -1, 2 };
	struct proc proc = { .exe_fd = exe_fd, .argv = argv, .env = env, .fds = fds, .n_fds = 3 };
	pid_t pid;

	assert_int_equal(proc_start(&proc, &pid, &pidfd, &err), 0);
	assert_int_equal(proc_wait(pidfd), 0);
}

/* A tree with holes, long names, hard links, odd modes and attributes. */
static void make_tree(int fd)
{
	AUTO(close) int holes = -1;
	char name[256] = {};

	memset(name, 'n', 200);
	assert_int_equal(dir_make_all(fd, "a/b/c", 0750), 0);
	for (int i = 0; i < 3; i++) {
		AUTO(free) char *path = xasprintf("a/%s%d", name, i);

		assert_int_equal(file_write(fd, path, path, strlen(path), 0640), 0);
	}
	holes = openat(fd, "holes", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(holes >= 0);
	assert_int_equal(pwrite(holes, "middle", 6, 3 << 20), 6);
	assert_int_equal(ftruncate(holes, 8 << 20), 0);
	assert_int_equal(linkat(fd, "holes", fd, "a/b/holes2", 0), 0);
	assert_int_equal(symlinkat("../nowhere", fd, "a/link"), 0);
	assert_int_equal(mkfifoat(fd, "a/fifo", 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(fd, "a/b", 77, 88, 0), 0);
		assert_int_equal(fchown(holes, 77, 99), 0);
	}
	assert_int_equal(fchmod(holes, 04711), 0);
}

static void add_attribute(int fd)
{
	AUTO(close) int holes = openat(fd, "holes", O_RDWR | O_CLOEXEC);

	assert_true(holes >= 0);
	if (fsetxattr(holes, "user.note", "text", 4, 0) < 0)
		assert_int_equal(errno, EOPNOTSUPP);
}

static void as_gnu_tar(void **state)
{
	static const char *const formats[] = { "gnu", "posix" };
	struct place *p = *state;
	AUTO(close) int made_fd = -1;

	if (access("/bin/tar", X_OK) < 0)
		skip();
	assert_int_equal(dir_make(p->fd, "rootfs", 0755), 0);
	assert_int_equal(dir_open(p->fd, "rootfs", &made_fd), 0);
	assert_int_equal(file_write(p->fd, "manifest", TEST_MANIFEST, strlen(TEST_MANIFEST), 0644), 0);
	make_tree(made_fd);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		AUTO(close) int tar_fd = -1, out_fd = -1;
		AUTO(free) char *words = NULL, *text = NULL;
		AUTO(err_clear) struct err err = {};
		struct stat st;

		if (str_eq(formats[i], "posix"))	/* the other has no attributes */
			add_attribute(made_fd);
		run_tar(p, formats[i], formats[i]);
		tar_fd = openat(p->fd, formats[i], O_RDONLY | O_CLOEXEC);
		assert_true(tar_fd >= 0);
		assert_int_equal(tree_remove(p->fd, "out"), 0);
		assert_int_equal(dir_make(p->fd, "out", 0755), 0);
		assert_int_equal(dir_open(p->fd, "out", &out_fd), 0);
		unpack_fd(tar_fd, out_fd, &words);
		assert_string_equal(words, "");
		assert_int_equal(fstatat(out_fd, "holes", &st, 0), 0);
		assert_int_equal(st.st_size, 8 << 20);
		assert_true(st.st_blocks < 1024);	/* still sparse */
		compare_trees(out_fd, made_fd, &err);
		text = err.chain ? err_text(&err) : xstrdup("");
		assert_string_equal(text, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kinds, make_place, drop_place),
		cmocka_unit_test_setup_teardown(replaced, make_place, drop_place),
		cmocka_unit_test_setup_teardown(refused, make_place, drop_place),
		cmocka_unit_test_setup_teardown(owners, make_place, drop_place),
		cmocka_unit_test_setup_teardown(differences, make_place, drop_place),
		cmocka_unit_test_setup_teardown(as_gnu_tar, make_place, drop_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
