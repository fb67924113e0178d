#include "store/cas.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"

int cas_open(int cas_fd, const char *path, int flags, mode_t mode)
{
	if (cas_fd < 0)
		return -ENOENT;
	/* openat2(2) refuses flags that mean nothing. */
	if (!(flags & O_PATH))
		flags |= O_NONBLOCK | O_NOCTTY;
	return path_open_beneath(cas_fd, path, flags | O_NOFOLLOW, mode);
}

/* The directory that the last component lies in. */
static int open_parent(int cas_fd, const char *path, const char **ret_last)
{
	AUTO(free) char *parent = NULL;

	*ret_last = path_last(path);
	if (*ret_last == path)
		return cas_open(cas_fd, ".", O_PATH | O_DIRECTORY, 0);
	parent = xstrndup(path, (size_t)(*ret_last - path) - 1);
	return cas_open(cas_fd, parent, O_PATH | O_DIRECTORY, 0);
}

int cas_make_dir(int cas_fd, const char *path, mode_t mode)
{
	const char *last;
	AUTO(close) int dir_fd = open_parent(cas_fd, path, &last);

	return dir_fd < 0 ? dir_fd : dir_make(dir_fd, last, mode);
}

int cas_sync_dir(int cas_fd, const char *path)
{
	AUTO(close) int fd = cas_open(cas_fd, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	return fsync(fd) < 0 ? -errno : 0;
}

int cas_rename(int cas_fd, const char *from, const char *to)
{
	const char *from_last, *to_last;
	AUTO(close) int from_fd = open_parent(cas_fd, from, &from_last);
	AUTO(close) int to_fd = open_parent(cas_fd, to, &to_last);

	if (from_fd < 0 || to_fd < 0)
		return from_fd < 0 ? from_fd : to_fd;
	return renameat(from_fd, from_last, to_fd, to_last) < 0 ? -errno : 0;
}

int cas_symlink(int cas_fd, const char *target, const char *path)
{
	const char *last;
	AUTO(close) int dir_fd = open_parent(cas_fd, path, &last);

	if (dir_fd < 0)
		return dir_fd;
	return symlinkat(target, dir_fd, last) < 0 ? -errno : 0;
}

int cas_unlink(int cas_fd, const char *path, int flags)
{
	const char *last;
	AUTO(close) int dir_fd = open_parent(cas_fd, path, &last);

	if (dir_fd < 0)
		return dir_fd;
	return unlinkat(dir_fd, last, flags) < 0 ? -errno : 0;
}

int cas_look(int cas_fd, const char *path)
{
	const char *last;
	AUTO(close) int dir_fd = open_parent(cas_fd, path, &last);

	if (dir_fd < 0)
		return dir_fd;
	return faccessat(dir_fd, last, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

bool cas_is_named(int cas_fd, const char *path, int fd)
{
	AUTO(close) int now_fd = cas_open(cas_fd, path, O_PATH, 0);

	return now_fd >= 0 && fd_is_same(fd, now_fd);
}
