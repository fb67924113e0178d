#ifndef OS_LOOP_H
#define OS_LOOP_H
#include "base/err.h"
/*
 * A file as a block device, for reading. The device lets go of the file when its last user is gone, and the
 * first is *ret_fd. *ret_path ("/dev/loop7") is the caller's.
 */
int loop_attach(int file_fd, int *ret_fd, char **ret_path, struct err *err);
#endif
