#ifndef BASE_PATH_H
#define BASE_PATH_H
#include <stdbool.h>
#include <sys/types.h>

#include "base/auto.h"
/*
 * Paths that come from an image, a volume or a manifest. They are resolved by
 * the kernel inside a root that is held as an fd (openat2(2), Linux 5.6+:
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), never by joining strings.
 */

/* Opens path with root_fd as its "/"; flags as for open(2), O_CLOEXEC is added. Returns the fd or -errno. */
int path_open_in(int root_fd, const char *path, int flags);

/*
 * Opens a relative path whose every component must be there as it is written: no symlink, and no way out of
 * root_fd. mode counts with O_CREAT and O_TMPFILE. Returns the fd or -errno (-ELOOP: a symlink; -EXDEV).
 */
int path_open_beneath(int root_fd, const char *path, int flags, mode_t mode);

/*
 * Opens the directory that path names inside the root, making what is missing
 * with that mode. A symlink on the way is followed inside the root; a dangling
 * one is an error. Returns an O_PATH fd or -errno.
 */
int path_make_dir_in(int root_fd, const char *path, mode_t mode);

/* The same for a file: its directories, then an empty regular file where nothing is. */
int path_make_file_in(int root_fd, const char *path, mode_t mode);

/* Absolute, without "//", "/./", "/../" or a "/" at the end ("/" itself is clean). */
bool path_is_clean(const char *path);

/* The cleaned form of an absolute or relative path, by its words alone; the caller frees it. */
char *path_clean(const char *path);

/*
 * prefix is name, or an ancestor of it at a "/" boundary: example.com/foo is a
 * prefix of example.com/foo/bar, not of example.com/foobar.
 */
bool path_has_prefix(const char *name, const char *prefix);

/* The part after the last "/". Points into path. */
const char *path_last(const char *path);
#endif
