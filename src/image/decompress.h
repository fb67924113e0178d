#ifndef IMAGE_DECOMPRESS_H
#define IMAGE_DECOMPRESS_H
#include <stdint.h>

#include "base/err.h"
/*
 * An image file made a plain tar: gzip, bzip2, xz, zstd or tar already, told
 * apart by their first bytes. Several members one after the other count as one
 * stream; anything else behind the last is an error, as is a missing end.
 */
enum { DECOMPRESS_RATIO_MAX = 200 };			/* how much larger than its source … */
#define DECOMPRESS_RATIO_FROM ((int64_t)1 << 30)	/* … the output may be from this size on */
#define DECOMPRESS_MAX	      ((int64_t)64 << 30)

/*
 * Reads in_fd from its start to its end. max: ceiling of the output, 0 for
 * DECOMPRESS_MAX. -ERR_BAD_INPUT: not a format we know, truncated or corrupt;
 * err names the offset. -E2BIG: a bomb. -EPIPE: the reader of out_fd gave up.
 */
int decompress(int in_fd, int out_fd, int64_t max, struct err *err);

/* "gzip", "bzip2", "xz", "zstd", "tar", or NULL. */
const char *decompress_format(const void *head, size_t len);
#endif
