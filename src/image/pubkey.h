#ifndef IMAGE_PUBKEY_H
#define IMAGE_PUBKEY_H
#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
/*
 * Public keys of X.509 and signatures by them, by libcrypto, whose headers take names of base/err.h: so they are
 * included behind this one alone. ECDSA (P-256, P-384, P-521), Ed25519, and RSA of 2048 to 8192 bits (PKCS #1 v1.5, what
 * key services sign with).
 */
enum { PUBKEY_NAME_LEN = 64 };

struct pubkey;

/*
 * Reads one PEM block "PUBLIC KEY" (SubjectPublicKeyInfo) with nothing but blanks around it. NULL: it is none, or of
 * another kind; *ret_why says so and lasts forever.
 */
struct pubkey *pubkey_read(const char *pem, size_t len, const char **ret_why);
void pubkey_free(struct pubkey *k);
DEFINE_AUTO(struct pubkey *, pubkey_free)

/* SHA-256 of its DER form in hex. */
void pubkey_name(const struct pubkey *k, char ret[PUBKEY_NAME_LEN + 1]);

/* Is it a signature over the data, by SHA-256 or the hash that belongs to the key's size? */
bool pubkey_verifies(const struct pubkey *k, const void *data, size_t len, const void *signature,
		     size_t signature_len);
#endif
