#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <search.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/path.h"

/*
 * Copying a tree that somebody hostile may have made. Directories wait in a list, as paths, until it is their turn:
 * so neither descriptors nor stack grow with the depth.
 */
enum { PIECE_BYTES = 1 << 30 };

/* A file with several names, and the first of them that was copied. */
struct linked {
	dev_t dev;
	ino_t ino;
	char *path;
};

struct copy {
	int from_fd, to_fd;		/* the tops */
	char **dirs; size_t n_dirs, room_dirs;	/* made already, parents before children; the first is the top */
	void *linked;			/* tsearch(3) */
	char *where;			/* the entry that failed */
	char names[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
};

static void free_linked(void *p)
{
	struct linked *l = p;

	free(l->path);
	free(l);
}

static void copy_free(struct copy *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_dirs; i++)
		free(c->dirs[i]);
	free(c->dirs);
	tdestroy(c->linked, free_linked);
	free(c->where);
	free(c);
}
DEFINE_AUTO(struct copy *, copy_free)

static void add_dir(struct copy *c, char *path)
{
	if (c->n_dirs == c->room_dirs) {
		c->room_dirs = c->room_dirs ? 2 * c->room_dirs : 16;
		c->dirs = xreallocarray(c->dirs, c->room_dirs, sizeof(*c->dirs));
	}
	c->dirs[c->n_dirs++] = path;
}

/* --- what is said of a file ---------------------------------------------- */

/* An overlay believes its markers wherever it meets them, and labels are the policy's of where a file lies. */
static bool is_copied(const char *name)
{
	return (str_starts(name, "user.") && !str_starts(name, "user.overlay.")) || str_eq(name, "security.capability");
}

/* A file system that keeps no attributes is no reason to be without the files. */
static int copy_xattrs(struct copy *c, int from, int to)
{
	ssize_t n = flistxattr(from, c->names, sizeof(c->names));

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *name = c->names; name < c->names + n; name += strlen(name) + 1) {
		ssize_t len;

		if (!is_copied(name))
			continue;
		len = fgetxattr(from, name, c->value, sizeof(c->value));
		if (len < 0 || (fsetxattr(to, name, c->value, (size_t)len, 0) < 0 && errno != EOPNOTSUPP))
			return -errno;
	}
	return 0;
}

/* The order matters: a change of owner clears setuid bits and capabilities. */
static int copy_metadata(struct copy *c, int from, int to)
{
	struct stat st;
	int r;

	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
		return -errno;
	r = copy_xattrs(c, from, to);
	if (r < 0)
		return r;
	return futimens(to, (struct timespec[]){ st.st_atim, st.st_mtim }) < 0 ? -errno : 0;
}

/* --- entries ------------------------------------------------------------- */

/* Holes stay holes: a file may be larger than any disk. */
static int copy_data(int from, int to, off_t size)
{
	off_t at = 0, end;

	if (ftruncate(to, size) < 0)
		return -errno;
	while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0 || lseek(to, at, SEEK_SET) < 0)
			return -errno;
		while (at < end) {
			ssize_t n = sendfile(to, from, &at, (size_t)(end - at < PIECE_BYTES ? end - at : PIECE_BYTES));

			if (n < 0 && errno != EINTR)
				return -errno;
			if (n == 0)
				return -EIO;
		}
	}
	return errno == ENXIO ? 0 : -errno;
}

static int copy_file(struct copy *c, int from_dir, int to_dir, const char *name)
{
	AUTO(close) int from = path_open_beneath(from_dir, name, O_RDONLY | O_NONBLOCK, 0), to = -1;
	struct stat st;
	int r;

	if (from < 0)
		return from;
	if (fstat(from, &st) < 0)
		return -errno;
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	r = copy_data(from, to, st.st_size);
	return r < 0 ? r : copy_metadata(c, from, to);
}

static int copy_symlink(int from_dir, int to_dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target));

	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	target[n] = 0;
	return symlinkat(target, to_dir, name) < 0 ? -errno : 0;
}

/* A symlink or a fifo: neither is ever opened. */
static int copy_special(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	int r = 0;

	if (S_ISLNK(st->st_mode))
		r = copy_symlink(from_dir, to_dir, name);
	else if (mkfifoat(to_dir, name, 0600) < 0)
		r = -errno;
	if (r < 0)
		return r;
	if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0))
		return -errno;
	return utimensat(to_dir, name, (struct timespec[]){ st->st_atim, st->st_mtim }, AT_SYMLINK_NOFOLLOW) < 0
		? -errno : 0;
}

static int compare_linked(const void *a, const void *b)
{
	const struct linked *l = a, *r = b;

	if (l->dev != r->dev)
		return l->dev < r->dev ? -1 : 1;
	return (l->ino > r->ino) - (l->ino < r->ino);
}

/* 1: it is there by another name already, and now by this one too. 0: it is to be copied. */
static int link_again(struct copy *c, const struct stat *st, int to_dir, const char *name, const char *path)
{
	struct linked *new, **found;

	if (!S_ISREG(st->st_mode) || st->st_nlink < 2)
		return 0;
	new = xcalloc(1, sizeof(*new));
	*new = (struct linked){ .dev = st->st_dev, .ino = st->st_ino };
	found = tsearch(new, &c->linked, compare_linked);
	if (found && *found == new) {
		new->path = xstrdup(path);
		return 0;
	}
	free(new);
	if (!found)
		return -ENOMEM;
	return linkat(c->to_fd, (*found)->path, to_dir, name, 0) < 0 ? -errno : 1;
}

static int copy_entry(struct copy *c, int from_dir, int to_dir, const char *name, const char *path)
{
	struct stat st;
	int r;

	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode)) {
		if (mkdirat(to_dir, name, 0700) < 0)
			return -errno;
		add_dir(c, xstrdup(path));
		return 0;
	}
	r = link_again(c, &st, to_dir, name, path);
	if (r)
		return r < 0 ? r : 0;
	if (S_ISREG(st.st_mode))
		return copy_file(c, from_dir, to_dir, name);
	if (S_ISLNK(st.st_mode) || S_ISFIFO(st.st_mode))
		return copy_special(from_dir, to_dir, name, &st);
	return 0;
}

/* --- directories --------------------------------------------------------- */

static int open_both(const struct copy *c, const char *path, int *ret_from, int *ret_to)
{
	*ret_from = path_open_beneath(c->from_fd, path, O_RDONLY | O_DIRECTORY, 0);
	*ret_to = path_open_beneath(c->to_fd, path, O_RDONLY | O_DIRECTORY, 0);
	return *ret_from < 0 ? *ret_from : *ret_to < 0 ? *ret_to : 0;
}

static int copy_entries(struct copy *c, const char *path)
{
	AUTO(closedir) DIR *dir = NULL;
	AUTO(close) int from = -1, to = -1;
	struct dirent *entry;
	int r = open_both(c, path, &from, &to);

	if (r < 0)
		return r;
	dir = fdopendir(from);
	if (!dir)
		return -errno;
	(void)TAKE_FD(from);
	while ((errno = 0, entry = readdir(dir))) {
		AUTO(free) char *below = str_eq(path, ".") ? xstrdup(entry->d_name)
							   : xasprintf("%s/%s", path, entry->d_name);

		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		r = copy_entry(c, dirfd(dir), to, entry->d_name, below);
		if (r < 0) {
			c->where = TAKE(below);
			return r;
		}
	}
	return -errno;
}

static int finish_directory(struct copy *c, const char *path)
{
	AUTO(close) int from = -1, to = -1;
	int r = open_both(c, path, &from, &to);

	return r < 0 ? r : copy_metadata(c, from, to);
}

/* Modes and times come last, for they would not stay while something is still made below. */
static int copy_all(struct copy *c)
{
	int r = 0;

	for (size_t i = 0; i < c->n_dirs && r >= 0; i++) {
		r = copy_entries(c, c->dirs[i]);
		if (r < 0 && !c->where)
			c->where = xstrdup(c->dirs[i]);
	}
	for (size_t i = c->n_dirs; i-- > 0 && r >= 0;) {
		r = finish_directory(c, c->dirs[i]);
		if (r < 0)
			c->where = xstrdup(c->dirs[i]);
	}
	return r;
}

int tree_copy(int from_fd, int to_fd, char **ret_where)
{
	AUTO(copy_free) struct copy *c = xcalloc(1, sizeof(*c));
	int r;

	c->from_fd = from_fd;
	c->to_fd = to_fd;
	add_dir(c, xstrdup("."));
	r = copy_all(c);
	if (r < 0)
		*ret_where = TAKE(c->where);
	return r;
}
