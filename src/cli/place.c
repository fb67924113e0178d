#include "cli/place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"

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
	ret->temporary = name_random(name);
	return 0;
}

int place_exists(const struct place *p)
{
	struct stat st;

	if (fstatat(p->dir_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

int place_commit(struct place *p, bool overwrite, struct err *err)
{
	if (renameat2(p->dir_fd, p->temporary, p->dir_fd, p->name, RENAME_NOREPLACE) < 0) {
		/* Exchanged, so that a directory can be replaced; the old one goes away with the temporary name. */
		if (errno != EEXIST || !overwrite ||
		    renameat2(p->dir_fd, p->temporary, p->dir_fd, p->name, RENAME_EXCHANGE) < 0)
			return err_sys(err, -errno, "cannot put '%s' in place", p->name);
	}
	return 0;
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
