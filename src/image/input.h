#ifndef IMAGE_INPUT_H
#define IMAGE_INPUT_H
#include "base/err.h"

/*
 * Opens a file that the person named, to read: any regular file, and without waiting for a FIFO's writer. The
 * descriptor is the caller's, as of all here. -EINVAL: it is no regular file. Else what open(2) said.
 */
int input_open(const char *path, int *ret_fd, struct err *err);

/* Opens a directory that the person named, to open files below it and for nothing else. What open(2) said: -ENOTDIR … */
int input_open_dir(const char *path, int *ret_fd, struct err *err);

/*
 * Opens a regular file below dir_fd that somebody else asks for: through no symlink and not out of it. -ENOENT:
 * it is not there. -EINVAL: it is no regular file. -ELOOP, -EXDEV: it leads elsewhere.
 */
int input_open_below(int dir_fd, const char *path, int *ret_fd);
#endif
