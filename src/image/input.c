#include "image/input.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"

static bool is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int input_open(const char *path, int *ret_fd, struct err *err)
{
	AUTO(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", path);
	if (!is_regular(fd))
		return err_set(err, -EINVAL, "'%s' is not a regular file", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int input_open_dir(const char *path, int *ret_fd, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, -errno, "cannot open the directory '%s'", path);
	*ret_fd = fd;
	return 0;
}

int input_open_below(int dir_fd, const char *path, int *ret_fd)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	AUTO(close) int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	if (fd < 0)
		return -errno;
	if (!is_regular(fd))
		return -EINVAL;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
