#ifndef IMAGE_SHA_H
#define IMAGE_SHA_H
#include <stddef.h>

#include "base/auto.h"
/*
 * Digests as OCI writes them ("sha256:HEX", "sha512:HEX") of bytes as they pass
 * by. The caller checks the syntax of what it expects with oci_digest_valid()
 * first, and compares with str_eq().
 */
struct sha;

/* By the algorithm that like, a valid digest or the beginning of one ("sha256:"), names. */
struct sha *sha_new(const char *like);
void sha_add(struct sha *s, const void *data, size_t len);

/* The digest of all that was added; the end of s but for sha_free(). The caller frees the string. */
char *sha_finish(struct sha *s);
void sha_free(struct sha *s);
DEFINE_AUTO(struct sha *, sha_free)

/* Of data in one go. */
char *sha_digest(const char *like, const void *data, size_t len);
#endif
