#include "store/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "store/layout.h"

enum { BLOCK = 512 };

static int add_child(void *size, int dir_fd, const char *name) { return usage_add(dir_fd, name, size); }

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
	return store_each(dir_fd, name, add_child, size);
}
