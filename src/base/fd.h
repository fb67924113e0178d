#ifndef BASE_FD_H
#define BASE_FD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/mem.h"
/*
 * Files and descriptors. Everything opened here is close-on-exec. Calls fail
 * with -errno alone; whoever calls knows the words.
 */

/* Writes it all, over short writes and EINTR. */
int fd_write_all(int fd, const void *data, size_t len);

/* The same at an offset of a file. */
int fd_write_at(int fd, const void *data, size_t len, int64_t at);

/* Reads until len bytes or end of file, whichever is first. */
int fd_read_upto(int fd, void *data, size_t len, size_t *ret_len);

/*
 * Reads a whole small file below dir_fd as a NUL-terminated string, which the
 * caller frees. Only a regular file, never through a last symlink, never
 * blocking. -E2BIG: larger than max. -EINVAL: not a regular file.
 */
int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len);
int fd_read_file(int fd, size_t max, char **ret, size_t *ret_len);	/* the same from its start */

/*
 * Puts a whole file in place: temporary name beside it, fsync, rename, fsync of
 * the directory. After a crash there is the old file or the new one, whole.
 * The mode does not depend on the umask.
 */
int file_write_atomic(int dir_fd, const char *path, const void *data, size_t len, mode_t mode);

/* Creates the file or overwrites it, with no promise about crashes (a fresh pod's files). */
int file_write(int dir_fd, const char *path, const void *data, size_t len, mode_t mode);

/* Makes one directory with that very mode. 0: made. -EEXIST: something is there. */
int dir_make(int dir_fd, const char *path, mode_t mode);

/* Makes every missing directory of the path, each with that very mode. Ours only: follows links. */
int dir_make_all(int dir_fd, const char *path, mode_t mode);

bool fd_is_same(int a, int b);	/* two descriptors of one file */

/* Gives an open file, which may have none, a (further) name. -EEXIST; -EXDEV and the like: not there. */
int fd_link(int fd, int dir_fd, const char *name);

int dir_open(int dir_fd, const char *path, int *ret_fd);	/* a directory, no last symlink */

/* Makes a rename or unlink in this directory last over a power cut. */
int dir_sync(int dir_fd, const char *path);

/*
 * Removes a file or a whole tree below dir_fd, never following a symlink and
 * never crossing into another mount. Gone already is success.
 * Goes on after a failure and returns the first one; *ret_where is then what
 * could not be removed.
 */
int tree_remove(int dir_fd, const char *path);
int tree_remove_where(int dir_fd, const char *path, char **ret_where);

/*
 * Copies what is in one directory, which nobody may write to meanwhile, into another, which is empty, with owners,
 * modes, times, hard links, holes and the attributes that an image may bring, and gives it its owner, mode and
 * time. No symlink is followed; devices and sockets are left out. A failure leaves what was copied until then, and
 * *ret_where says below which path of the directory; the caller frees it.
 */
int tree_copy(int from_fd, int to_fd, char **ret_where);

/*
 * The same name never twice: "<prefix>.<16 random hex digits>", in a buffer
 * that the caller frees.
 */
char *name_random(const char *prefix);

/* Fills from the kernel's pool; ends the program where there is none. */
void random_bytes(void *data, size_t len);

/* Opens 0, 1 and 2 on /dev/null where they are closed, so that no file of ours becomes one. */
int fd_std_fix(void);

/* Lets fd survive exec (on) or not. */
int fd_keep(int fd, bool on);
#endif
