#ifndef OS_VERITY_H
#define OS_VERITY_H
/*
 * fs-verity (Linux, Documentation/filesystems/fsverity.rst): from the moment a
 * file is sealed the kernel refuses to change it, and to read a page of it that
 * is not what it was. All fail with -errno alone.
 */
enum { VERITY_TEXT = 7 + 64 };

/* Seals the file, which is open to read and for nobody to write. -EOPNOTSUPP: the file system cannot do it. */
int verity_seal(int fd);

/* "sha256:" and the digits of what it was sealed with. -ENODATA: it is not sealed. */
int verity_measure(int fd, char ret[VERITY_TEXT + 1]);
#endif
