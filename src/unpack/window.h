#ifndef UNPACK_WINDOW_H
#define UNPACK_WINDOW_H
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
/*
 * A file, mapped piece by piece from its start to its end: read without a
 * copy, and with no more memory than a piece. What is not looked at is not
 * read. If the disk fails, or somebody cuts the file meanwhile, the process
 * gets a SIGBUS.
 */
struct window {
	int fd;			/* the caller's */
	int64_t size, at;	/* of the file, of the next piece */
	void *piece;
	size_t len;
};

int window_open(int fd, struct window *ret, struct err *err);

/* The next piece, which stays until the next call. *ret_len 0: the end. */
int window_next(struct window *w, const void **ret, size_t *ret_len, struct err *err);

void window_close(struct window *w);
static inline void window_close_auto(struct window *w) { window_close(w); }
#endif
