#include "store/compare.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/fd.h"

/* A tree may have been made with higher limits than those in force, but with none above the path-depth there can be. */
enum { PIECE = 256 << 10, DEPTH_MAX = 256 + 1 };

/* Which file of one tree is which of the other: decided by the first name met. */
struct twin {
	ino_t is, should;
	struct twin *next;
};

struct compare {
	int is_fd, should_fd;
	struct twin *twins;
	void *twins_by_is, *twins_by_should;	/* trees of search.h over them */
	char *is_data, *should_data;
};

static int by_is(const void *a, const void *b)
{
	const struct twin *l = a, *r = b;

	return (l->is > r->is) - (l->is < r->is);
}

static int by_should(const void *a, const void *b)
{
	const struct twin *l = a, *r = b;

	return (l->should > r->should) - (l->should < r->should);
}

static int open_beneath(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd = (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static int differs(const char *path, const char *what, struct err *err)
{
	return err_set(err, -ERR_BAD_INPUT, "'rootfs%s%s' has %s", *path ? "/" : "", path, what);
}

static int names_of(int root_fd, const char *path, char ***ret)
{
	AUTO(strv_free) char **names = NULL;
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	size_t n = 0, room = 0;
	int fd;

	fd = open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((errno = 0, entry = readdir(dir))) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (n + 1 >= room) {
			room = room ? 2 * room : 32;
			names = xreallocarray(names, room, sizeof(*names));
		}
		names[n++] = xstrdup(entry->d_name);
		names[n] = NULL;
	}
	if (errno)
		return -errno;
	*ret = TAKE(names);
	return 0;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(char **names)
{
	if (names)
		qsort(names, strv_len(names), sizeof(*names), name_compare);
}

static int compare_names(const char *dir, char **is, char **should, struct err *err)
{
	sort_names(is);
	sort_names(should);
	for (size_t i = 0, n_is = strv_len(is), n_should = strv_len(should); i < n_is || i < n_should; i++) {
		int c = i >= n_is ? 1 : i >= n_should ? -1 : strcmp(is[i], should[i]);
		AUTO(free) char *path = NULL;

		if (!c)
			continue;
		path = xasprintf("%s%s%s", dir, *dir ? "/" : "", c < 0 ? is[i] : should[i]);
		if (c < 0)
			return err_set(err, -ERR_BAD_INPUT, "'rootfs/%s' is not in the image", path);
		return err_set(err, -ERR_BAD_INPUT, "'rootfs/%s' is missing", path);
	}
	return 0;
}

static int compare_contents(struct compare *c, const char *path, int is_fd, int should_fd, struct err *err)
{
	size_t is_len, should_len;
	int r;

	do {
		r = fd_read_upto(is_fd, c->is_data, PIECE, &is_len);
		if (r >= 0)
			r = fd_read_upto(should_fd, c->should_data, PIECE, &should_len);
		if (r < 0)
			return err_sys(err, r, "cannot read 'rootfs/%s'", path);
		if (is_len != should_len || memcmp(c->is_data, c->should_data, is_len) != 0)
			return differs(path, "other contents", err);
	} while (is_len);
	return 0;
}

/* The attributes that an extractor sets, and of them the names at once. */
static char **xattr_names(int fd)
{
	AUTO(free) char *list = xmalloc(XATTR_LIST_MAX);
	ssize_t len = flistxattr(fd, list, XATTR_LIST_MAX);
	char **names = NULL;

	for (const char *p = list; len > 0 && p < list + len; p += strlen(p) + 1)
		if (str_starts(p, "user.") || str_eq(p, "security.capability"))
			strv_add(&names, p);
	sort_names(names);
	return names;
}

static int compare_xattrs(struct compare *c, const char *path, int is_fd, int should_fd, struct err *err)
{
	AUTO(strv_free) char **is = xattr_names(is_fd);
	AUTO(strv_free) char **should = xattr_names(should_fd);
	size_t n = strv_len(is);

	if (n != strv_len(should))
		return differs(path, "other attributes", err);
	for (size_t i = 0; i < n; i++) {
		ssize_t is_len, should_len;

		if (!str_eq(is[i], should[i]))
			return differs(path, "other attributes", err);
		is_len = fgetxattr(is_fd, is[i], c->is_data, PIECE);
		should_len = fgetxattr(should_fd, is[i], c->should_data, PIECE);
		if (is_len < 0 || is_len != should_len || memcmp(c->is_data, c->should_data, (size_t)is_len) != 0)
			return differs(path, "other attributes", err);
	}
	return 0;
}

static int compare_file(struct compare *c, const char *path, struct err *err)
{
	AUTO(close) int is_fd = open_beneath(c->is_fd, path, O_RDONLY | O_NONBLOCK);
	AUTO(close) int should_fd = open_beneath(c->should_fd, path, O_RDONLY | O_NONBLOCK);
	int r;

	if (is_fd < 0 || should_fd < 0)
		return err_sys(err, is_fd < 0 ? is_fd : should_fd, "cannot open 'rootfs/%s'", path);
	r = compare_xattrs(c, path, is_fd, should_fd, err);
	return r < 0 ? r : compare_contents(c, path, is_fd, should_fd, err);
}

/* 1: this pair was met before. 0: it is new. Files with one name need no twin. */
static int compare_identity(struct compare *c, const char *path, const struct stat *is,
			    const struct stat *should, struct err *err)
{
	struct twin *twin, **found_is, **found_should;

	if (is->st_nlink != should->st_nlink)
		return differs(path, "other hard links", err);
	if (is->st_nlink == 1)
		return 0;
	twin = xcalloc(1, sizeof(*twin));
	*twin = (struct twin){ is->st_ino, should->st_ino, c->twins };
	c->twins = twin;
	found_is = tsearch(twin, &c->twins_by_is, by_is);
	found_should = tsearch(twin, &c->twins_by_should, by_should);
	if (!found_is || !found_should)
		return err_sys(err, -ENOMEM, "cannot compare 'rootfs/%s'", path);
	if (*found_is == twin && *found_should == twin)
		return 0;
	return *found_is == *found_should ? 1 : differs(path, "other hard links", err);
}

static int compare_symlink(const struct compare *c, const char *path, struct err *err)
{
	AUTO(close) int is_fd = open_beneath(c->is_fd, path, O_PATH);
	AUTO(close) int should_fd = open_beneath(c->should_fd, path, O_PATH);
	AUTO(free) char *is = xcalloc(1, PATH_MAX);
	AUTO(free) char *should = xcalloc(1, PATH_MAX);

	if (is_fd < 0 || should_fd < 0 || readlinkat(is_fd, "", is, PATH_MAX - 1) < 0 ||
	    readlinkat(should_fd, "", should, PATH_MAX - 1) < 0)
		return err_sys(err, -errno, "cannot read the link 'rootfs/%s'", path);
	return str_eq(is, should) ? 0 : differs(path, "another target", err);
}

static int compare_stat(const char *path, const struct stat *is, const struct stat *should, struct err *err)
{
	if ((is->st_mode & S_IFMT) != (should->st_mode & S_IFMT))
		return differs(path, "another kind", err);
	if (is->st_mode != should->st_mode)
		return differs(path, "another mode", err);
	if (is->st_uid != should->st_uid || is->st_gid != should->st_gid)
		return differs(path, "another owner", err);
	if (S_ISREG(is->st_mode) && is->st_size != should->st_size)
		return differs(path, "another size", err);
	return 0;
}

static int stat_beneath(int root_fd, const char *path, struct stat *ret)
{
	AUTO(close) int fd = open_beneath(root_fd, path, O_PATH);

	if (fd < 0)
		return fd;
	return fstat(fd, ret) < 0 ? -errno : 0;
}

/* Compares one path that is in both trees. *ret_descend: it is a directory. */
static int compare_path(struct compare *c, const char *path, bool *ret_descend, struct err *err)
{
	struct stat is, should;
	int r;

	*ret_descend = false;
	r = stat_beneath(c->is_fd, path, &is);
	if (r >= 0)
		r = stat_beneath(c->should_fd, path, &should);
	if (r < 0)
		return err_sys(err, r, "cannot look at 'rootfs/%s'", path);
	r = compare_stat(path, &is, &should, err);
	if (r < 0)
		return r;
	*ret_descend = S_ISDIR(is.st_mode);
	if (S_ISLNK(is.st_mode))
		return compare_symlink(c, path, err);
	if (!S_ISREG(is.st_mode))
		return 0;
	r = compare_identity(c, path, &is, &should, err);
	return r ? (r < 0 ? r : 0) : compare_file(c, path, err);
}

static int compare_dir(struct compare *c, const char *path, int depth, struct err *err)
{
	AUTO(strv_free) char **is = NULL;
	AUTO(strv_free) char **should = NULL;
	int r;

	if (depth > DEPTH_MAX)
		return err_set(err, -ERR_BAD_INPUT, "'rootfs/%s' is too deep", path);
	r = names_of(c->is_fd, path, &is);
	if (r >= 0)
		r = names_of(c->should_fd, path, &should);
	if (r < 0)
		return err_sys(err, r, "cannot read the directory 'rootfs/%s'", path);
	r = compare_names(path, is, should, err);
	for (size_t i = 0; r >= 0 && is && is[i]; i++) {
		AUTO(free) char *below = xasprintf("%s%s%s", path, *path ? "/" : "", is[i]);
		bool descend;

		r = compare_path(c, below, &descend, err);
		if (r >= 0 && descend)
			r = compare_dir(c, below, depth + 1, err);
	}
	return r;
}

static void keep(void *twin) { (void)twin; }

int compare_trees(int is_fd, int should_fd, struct err *err)
{
	struct compare c = {
		.is_fd = is_fd, .should_fd = should_fd, .is_data = xmalloc(PIECE), .should_data = xmalloc(PIECE),
	};
	bool descend;
	int r;

	r = compare_path(&c, "", &descend, err);
	if (r >= 0)
		r = compare_dir(&c, "", 0, err);
	tdestroy(c.twins_by_should, keep);
	tdestroy(c.twins_by_is, keep);
	for (struct twin *t = c.twins, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	free(c.is_data);
	free(c.should_data);
	return r;
}
