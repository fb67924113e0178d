#ifndef STORE_EROFS_H
#define STORE_EROFS_H
#include "store/merge.h"
/*
 * An EROFS image that holds names and metadata only and refers to the archives
 * themselves for the bytes of files: each archive is an extra device of the
 * file system (Linux, Documentation/filesystems/erofs.rst). Blocks are 512
 * bytes, as tar's are, so that any file of an archive is one chunk. Such an
 * image needs Linux 6.5 (blocks smaller than a page), and 6.12 to be mounted
 * from files rather than loop devices.
 *
 * The same nodes give the same bytes.
 */
enum { EROFS_ARCHIVES_MAX = 4096 };

/*
 * Writes the file system of m (merge_finish() was called) into the file fd, in
 * place of what it holds; it is open to read and write. sizes: of the n archives that inodes
 * name, 0 and up; the kernel wants them as devices in that order. Bytes that no
 * whole block of an archive holds (of sparse files with odd parts) are read and
 * kept in the image. -E2BIG: more than the format or a limit allows.
 */
int erofs_write(int fd, const struct merge *m, const int64_t *sizes, size_t n, const struct merge_source *source,
		int64_t *ret_size, struct err *err);
#endif
