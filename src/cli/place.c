#include "cli/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

#define TEMPORARY ".rkt-output"

int place_open(const char *path, struct place *ret, struct err *err)
{
	AUTO(free) char *clean = path_clean(path), *parent = xstrdup(clean);
	const char *name = path_last(clean);
	char *slash = strrchr(parent, '/');
	int r;

	if (!*name || str_eq(name, ".") || str_eq(name, ".."))
		return err_set(err, -EINVAL, "'%s' names no file in a directory", path);
	if (slash)
		slash[slash == parent] = 0;
	/* Links above are followed: the path is the caller's own. */
	r = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r < 0)
		return err_sys(err, -errno, "cannot open the directory of '%s'", path);
	ret->dir_fd = r;
	ret->name = xstrdup(name);
	/* Not by the name itself, which may be as long as names can be. */
	ret->temporary = name_random(TEMPORARY);
	return 0;
}

int place_exists(const struct place *p)
{
	struct stat st;

	if (fstatat(p->dir_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

static bool is_directory(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* A crash between the two leaves the old one under its temporary name, and none under its own. */
static int put_in_two_steps(const struct place *p)
{
	AUTO(free) char *aside = name_random(TEMPORARY);

	if (renameat(p->dir_fd, p->name, p->dir_fd, aside) < 0)
		return -errno;
	if (renameat(p->dir_fd, p->temporary, p->dir_fd, p->name) < 0) {
		int r = -errno;

		(void)renameat(p->dir_fd, aside, p->dir_fd, p->name);
		return r;
	}
	(void)tree_remove(p->dir_fd, aside);
	return 0;
}

/* Where the file system can neither exchange names nor refuse to replace one, as NFS. */
static int put_plainly(const struct place *p, bool overwrite)
{
	bool is_dir = is_directory(p->dir_fd, p->temporary);
	int exists = place_exists(p);

	if (exists < 0)
		return exists;
	if (exists && !overwrite)
		return -EEXIST;
	if (!overwrite && !is_dir) {
		if (linkat(p->dir_fd, p->temporary, p->dir_fd, p->name, 0) == 0)
			return 0;	/* the other name goes away with the place */
		if (errno == EEXIST)
			return -errno;
	}
	if (exists && (is_dir || is_directory(p->dir_fd, p->name)))
		return put_in_two_steps(p);
	return renameat(p->dir_fd, p->temporary, p->dir_fd, p->name) < 0 ? -errno : 0;
}

static int put(const struct place *p, bool overwrite)
{
	if (renameat2(p->dir_fd, p->temporary, p->dir_fd, p->name, RENAME_NOREPLACE) == 0)
		return 0;
	/* Exchanged, so that a directory can be replaced; the old one goes away with the temporary name. */
	if (errno == EEXIST && overwrite &&
	    renameat2(p->dir_fd, p->temporary, p->dir_fd, p->name, RENAME_EXCHANGE) == 0)
		return 0;
	return errno == EINVAL ? put_plainly(p, overwrite) : -errno;
}

/* All of a directory with its file system: its files are too many to go through. */
static int sync_temporary(const struct place *p)
{
	AUTO(close) int fd = -1;

	if (is_directory(p->dir_fd, p->temporary))
		return syncfs(p->dir_fd) < 0 ? -errno : 0;
	fd = openat(p->dir_fd, p->temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int place_commit(struct place *p, bool overwrite, struct err *err)
{
	int r = sync_temporary(p);

	if (r >= 0)
		r = put(p, overwrite);
	if (r >= 0)
		r = dir_sync(p->dir_fd, ".");
	return r < 0 ? err_sys(err, r, "cannot put '%s' in place", p->name) : 0;
}

void place_close(struct place *p)
{
	if (p->temporary)
		(void)tree_remove(p->dir_fd, p->temporary);
	free(p->temporary);
	free(p->name);
	if (p->dir_fd >= 0)
		close(p->dir_fd);
	*p = PLACE_NONE;
}
