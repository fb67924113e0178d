#ifndef STORE_EROFS_H
#define STORE_EROFS_H
#include "store/merge.h"
/*
 * An EROFS image that holds names and metadata only and refers to the archives
 * themselves for the bytes of files: each archive is an extra device of the
 * file system (Documentation/filesystems/erofs.rst; on-disk format:
 * fs/erofs/erofs_fs.h of Linux 6.12). Blocks are 512 bytes, as tar's are, so
 * that any file of an archive is one chunk. Such an image needs Linux 6.5 (blocks smaller than a page),
 * and 6.12 to be mounted from files rather than loop devices.
 *
 * The same nodes give the same bytes.
 */
struct erofs_archive { int64_t size; };

/*
 * Writes the file system of m (merge_finish() was called) into the empty file fd. Bytes that lie at no block
 * boundary (sparse files) are read with read() and kept in the image. -E2BIG: more than the format holds.
 */
int erofs_write(int fd, struct merge *m, const struct erofs_archive *archives, size_t n,
		int (*read)(void *arg, unsigned archive, int64_t offset, size_t len, const void **ret,
			    struct err *err),
		void *arg, struct err *err);
#endif
