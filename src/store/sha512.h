#ifndef STORE_SHA512_H
#define STORE_SHA512_H
#include <stddef.h>

#include "base/auto.h"
/*
 * SHA-512 by libcrypto, whose headers and base/err.h use one name for two
 * things; so they meet nowhere, and failures here are plain -errnos.
 */
enum { SHA512_HEX = 128 };

struct sha512;

/* Gets the library ready, so that it opens no file later. Not thread-safe; once per process. */
int sha512_init(void);

struct sha512 *sha512_new(void);	/* after sha512_init() */
int sha512_add(struct sha512 *h, const void *data, size_t len);
int sha512_end(struct sha512 *h, char ret_hex[SHA512_HEX + 1]);
void sha512_free(struct sha512 *h);
DEFINE_AUTO(struct sha512 *, sha512_free)
#endif
