#include "store/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"

enum { BLOCK = 512 };

static int add_children(int dir_fd, const char *name, int64_t *size)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int fd, r;

	r = dir_open(dir_fd, name, &fd);
	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((errno = 0, entry = readdir(dir))) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		r = usage_add(dirfd(dir), entry->d_name, size);
		if (r < 0)
			return r;
	}
	return -errno;
}

int usage_add(int dir_fd, const char *name, int64_t *size)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) {
		*size += (int64_t)st.st_blocks * BLOCK / (int64_t)(st.st_nlink ?: 1);
		return 0;
	}
	*size += (int64_t)st.st_blocks * BLOCK;
	return add_children(dir_fd, name, size);
}
