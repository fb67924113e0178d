#ifndef IMAGE_HMAC_H
#define IMAGE_HMAC_H
#include <stdbool.h>
#include <stddef.h>
/*
 * SHA-256 by libcrypto, whose headers take names of base/err.h: so they are
 * included behind this one alone.
 */
enum { SHA256_HEX = 64 };

void sha256_text(const char *text, char ret_hex[SHA256_HEX + 1]);

/*
 * Each word is authenticated with what the word before it gave, the first with
 * secret. false: libcrypto fails.
 */
bool hmac_chain(const char *secret, const char *const words[], size_t n, char ret_hex[SHA256_HEX + 1]);
#endif
