#ifndef STORE_EROFS_CHECK_H
#define STORE_EROFS_CHECK_H
#include "base/buf.h"
#include "store/merge.h"
/*
 * For tests: reads an index as the kernel does, by other code than that which
 * wrote it, and compares what it finds with the nodes it was made of. Strict:
 * every byte of the image has one use or is zero.
 *
 * Returns 0, or -1 with the first thing that is wrong in words.
 */
int erofs_check(const uint8_t *image, size_t len, const struct merge *m, const struct buf *archives, size_t n,
		char **ret_words);
#endif
