#ifndef STORE_CAS_H
#define STORE_CAS_H
#include <stdbool.h>
#include <sys/types.h>
/*
 * Files below cas by their paths. The group rkt may write to most directories
 * there, so no component of a path may be a symlink (-ELOOP, -ENOTDIR): root
 * would write or remove elsewhere what somebody else chose. cas_fd is that
 * directory; -1, a store that is not there yet, has nothing in it (-ENOENT).
 * All fail with -errno alone.
 */

/* Flags as for open(2); never blocks, never becomes a terminal. mode with O_CREAT. Returns the fd or -errno. */
int cas_open(int cas_fd, const char *path, int flags, mode_t mode);

int cas_make_dir(int cas_fd, const char *path, mode_t mode);	/* 0: made. -EEXIST: something is there. */
int cas_sync_dir(int cas_fd, const char *path);
int cas_rename(int cas_fd, const char *from, const char *to);
int cas_symlink(int cas_fd, const char *target, const char *path);

/* The last component may be a symlink. */
int cas_unlink(int cas_fd, const char *path, int flags);
int cas_look(int cas_fd, const char *path);			/* 0: something is there. -ENOENT: surely not */

/* Is this open file still that of the path? Who had the lock on it before may have taken it away. */
bool cas_is_named(int cas_fd, const char *path, int fd);
#endif
