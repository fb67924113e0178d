#include "os/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef LOOP_CONFIGURE	/* Linux 5.8 */
#define LOOP_CONFIGURE 0x4C0A
struct loop_config {
	uint32_t fd, block_size;
	struct loop_info64 info;
	uint64_t reserved[8];
};
#endif

enum { RACES_MAX = 64 };

/* -EBUSY: somebody else took the device since it was said to be free. */
static int attach_free(int control_fd, int file_fd, int *ret_fd, char **ret_path)
{
	struct loop_config config = {
		.fd = (uint32_t)file_fd, .block_size = 512,
		.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
	};
	int number = ioctl(control_fd, LOOP_CTL_GET_FREE);
	AUTO(free) char *path = number < 0 ? NULL : xasprintf("/dev/loop%d", number);
	AUTO(close) int fd = -1;

	if (!path)
		return -errno;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	*ret_path = TAKE(path);
	return 0;
}

int loop_attach(int file_fd, int *ret_fd, char **ret_path, struct err *err)
{
	AUTO(close) int control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int r, tries = 0;

	if (control_fd < 0)
		return err_sys(err, -errno, "cannot open '/dev/loop-control'");
	do
		r = attach_free(control_fd, file_fd, ret_fd, ret_path);
	while (r == -EBUSY && ++tries < RACES_MAX);
	return r < 0 ? err_sys(err, r, "cannot set up a loop device") : 0;
}
