#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <stddef.h>

#include "base/auto.h"
#include "base/mem.h"

/* Bytes that grow. Zeroed is empty; data is NUL-terminated once anything was added. */
struct buf {
	char *data;
	size_t len, room;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/*
 * Adds s as a person may see it on a terminal: control bytes (C0, DEL, C1 and
 * the bidirectional overrides) and invalid UTF-8 become \xNN.
 */
void buf_add_printable(struct buf *b, const char *s);

/* Room for len more bytes at data + len; the caller adds to len what it used. */
char *buf_reserve(struct buf *b, size_t len);

/* Hands the string on (never NULL) and leaves b empty. */
char *buf_steal(struct buf *b);

/* A copy of s made by buf_add_printable(). */
char *str_printable(const char *s);

void buf_clear(struct buf *b);
static inline void buf_clear_auto(struct buf *b) { buf_clear(b); }
#endif
