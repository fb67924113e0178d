#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "base/fd.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/*
 * Removing a tree that somebody hostile may have filled: nested deeper than
 * there are descriptors, with mounts, links and immutable files in it.
 */
enum { DEPTH_MAX = 32 };	/* deeper directories are first moved up, so that fds and stack stay bounded */

struct removal {
	int top_fd;		/* the directory below which all happens */
	bool moved;		/* something was moved up: look at the top again */
	struct buf path;	/* where we are */
	int first;		/* the first failure and where it was */
	char *where;
};

static void note(struct removal *m, const char *name, int r)
{
	if (m->first)
		return;
	m->first = r;
	m->where = xasprintf("%s%s%s", m->path.len ? m->path.data : "", m->path.len ? "/" : "", name);
}

/*
 * NO_XDEV also sees a bind mount of the same file system, which st_dev does not.
 * A directory is opened for its entries only here, where it is known to be ours.
 */
static int open_below(int dir_fd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	int fd;

	do
		fd = (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd < 0 ? -errno : fd;
}

static void remove_children(struct removal *m, int fd, int depth);

/* Opens a directory so that it can be emptied; mode 000 (as overlayfs leaves them) stops only who is not root. */
static int open_to_empty(int dir_fd, const char *name)
{
	struct stat st;
	int fd = open_below(dir_fd, name);

	if (fd == -EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = open_below(dir_fd, name);
	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
		(void)fchmod(fd, 0700);
	return fd;
}

static void remove_entry(struct removal *m, int dir_fd, const char *name, int depth)
{
	AUTO(close) int fd = -1;
	size_t len = m->path.len;
	int r;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return;
	r = -errno;
	if (r != -EISDIR && r != -EPERM)
		return note(m, name, r);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return;
	if (errno == ENOTDIR)
		return note(m, name, r);	/* a file, and immutable or the like */
	fd = open_to_empty(dir_fd, name);
	if (fd == -ENOTDIR || fd == -ELOOP)
		return note(m, name, r);	/* likewise: for those, rmdir says EPERM too */
	if (fd < 0)
		return note(m, name, fd);
	if (depth >= DEPTH_MAX) {
		AUTO(free) char *up = name_random("deep");

		if (renameat(dir_fd, name, m->top_fd, up) == 0) {
			m->moved = true;
			return;
		}
		/* Not movable (a full disk): go on in place as deep as descriptors allow. */
	}
	buf_addf(&m->path, "%s%s", len ? "/" : "", name);
	remove_children(m, fd, depth + 1);
	m->path.len = len;
	m->path.data[len] = 0;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		note(m, name, -errno);
}

/* Goes on after a failure, so that as much as possible is gone. */
static void remove_children(struct removal *m, int fd, int depth)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (own < 0)
		return note(m, ".", -errno);
	dir = fdopendir(own);
	if (!dir) {
		close(own);
		return note(m, ".", -ENOMEM);
	}
	rewinddir(dir);		/* the copy shares fd's position, which an earlier round left at the end */
	while ((entry = readdir(dir)))
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			remove_entry(m, fd, entry->d_name, depth);
}

static void remove_top(struct removal *m, int dir_fd, const char *path)
{
	AUTO(close) int fd = -1;

	if (unlinkat(dir_fd, path, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR && errno != EPERM)
		return note(m, "", -errno);
	/* Whoever names the tree decides where it lies; only below it nothing is crossed or followed. */
	fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return note(m, "", errno == ENOTDIR ? -EPERM : -errno);
	m->top_fd = fd;
	do {
		m->moved = false;
		remove_children(m, fd, 0);
	} while (m->moved && !m->first);
	if (unlinkat(dir_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		note(m, "", -errno);
}

int tree_remove_where(int dir_fd, const char *path, char **ret_where)
{
	AUTO(buf_clear) struct buf at = {};
	struct removal m = { .top_fd = -1 };

	remove_top(&m, dir_fd, path);
	buf_clear(&m.path);
	if (m.first && ret_where) {
		buf_adds(&at, path);
		if (*m.where)
			buf_addf(&at, "/%s", m.where);
		*ret_where = buf_steal(&at);
	}
	free(m.where);
	return m.first;
}

int tree_remove(int dir_fd, const char *path) { return tree_remove_where(dir_fd, path, NULL); }
