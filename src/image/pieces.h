#ifndef IMAGE_PIECES_H
#define IMAGE_PIECES_H
#include <stdbool.h>

#include "image/source.h"
/*
 * The files that an image consists of, wherever they lie: each a file of its
 * own, or a part of one, as in a tar.
 */
struct piece {
	int fd;
	int64_t offset, size;
	bool owned;			/* piece_clear() closes fd */
};

struct pieces {
	/* The file called so. May be called by several threads. -ERR_NOT_FOUND. */
	int (*open)(struct pieces *p, const char *path, struct piece *ret, struct err *err);
	void (*free)(struct pieces *p);
};

/* All of it. -E2BIG: more than max bytes. */
int piece_read(const struct piece *p, size_t max, struct buf *ret, struct err *err);
int piece_read_document(const struct piece *p, struct buf *ret, struct err *err);	/* max: the limit document-bytes */

/* Copies a blob, from its start, into the sink: size and digest are held against the descriptor. */
int piece_copy(const struct piece *p, const struct oci_descriptor *d, const struct blob_sink *sink, struct err *err);

void piece_clear(struct piece *p);
static inline void piece_clear_auto(struct piece *p) { piece_clear(p); }
#endif
