#ifndef OS_EROFS_H
#define OS_EROFS_H
#include "base/err.h"
/*
 * EROFS images with blocks of 512 bytes and with other files as extra devices
 * (Linux, Documentation/filesystems/erofs.rst). Where the kernel cannot mount
 * from files (before 6.12, or not from this file system), loop devices do.
 */
enum erofs_via { EROFS_FILES, EROFS_LOOP };

/*
 * Mounts the image and its devices, files of those names in dir_fd, as a
 * detached mount: read-only, without setuid and devices. It is over when
 * nothing uses it any more, and the loop devices with it. -ENOTBLK: the kernel
 * does not mount from files.
 */
int erofs_mount(enum erofs_via via, int dir_fd, const char *image, char *const *devices, int *ret_fd,
		struct err *err);

/* Does that work here? Really mounts a small image, whose files are made in the empty directory dir_fd and stay. */
int erofs_try(enum erofs_via via, int dir_fd, struct err *err);
#endif
