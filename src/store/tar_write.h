#ifndef STORE_TAR_WRITE_H
#define STORE_TAR_WRITE_H
#include "base/buf.h"
#include "store/member.h"
/*
 * An archive written entry by entry: ustar, with a pax header in front where
 * that cannot say it (long names, large numbers, fractions of seconds,
 * attributes). The same entries give the same bytes.
 */
enum { TAR_BLOCK = 512 };

/*
 * Adds the header of m to out, under the name (and, of a hard link, with the target) given: m's own path counts not
 * here. Of a file, m->size bytes and then tar_padding() zeros have to follow. -ERR_BAD_INPUT: an attribute whose name
 * no pax header can hold.
 */
int tar_write_header(struct buf *out, const char *name, const char *link, const struct member *m, struct err *err);

/* How many zeros follow so many bytes. */
static inline size_t tar_padding(int64_t size) { return (size_t)(-(uint64_t)size % TAR_BLOCK); }

/* What every archive ends with. */
void tar_write_end(struct buf *out);
#endif
