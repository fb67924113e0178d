#ifndef STORE_HASH_H
#define STORE_HASH_H
#include <stddef.h>

#include "base/auto.h"
/*
 * SHA-2 by libcrypto, whose headers and base/err.h use one name for two
 * things; so they meet nowhere, and failures here are plain -errnos.
 */
enum hash_kind { HASH_SHA256, HASH_SHA512, HASH_KINDS };
enum { HASH_NAME_MAX = 7 + 128 };

struct hash;

/* Gets the library ready, so that it opens no file later. Not thread-safe; once per process. */
int hash_init(void);

struct hash *hash_new(enum hash_kind kind);	/* after hash_init() */
int hash_add(struct hash *h, const void *data, size_t len);
int hash_end(struct hash *h, char *ret_name);	/* "sha256-" and 64 digits, or "sha512-" and 128 */
void hash_free(struct hash *h);
DEFINE_AUTO(struct hash *, hash_free)
#endif
