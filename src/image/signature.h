#ifndef IMAGE_SIGNATURE_H
#define IMAGE_SIGNATURE_H
#include <stddef.h>

#include "image/wire.h"
/*
 * OpenPGP, by librnp, with a policy of our own on top: only detached signatures
 * of type 0x00, version 4, over exactly the bytes of the image; no MD5 or SHA-1;
 * no RSA or DSA key below 2048 bits; no revoked or expired key.
 */
enum { SIGNATURE_MAX = 64 << 10, KEY_MAX = 1 << 20 };

/* The keys that may sign. */
struct verifier;

/* Reads them; each must have the fingerprint that it is filed under. */
int verifier_new(const struct wire_trusted *keys, size_t n, struct verifier **ret, struct err *err);
void verifier_free(struct verifier *v);
DEFINE_AUTO(struct verifier *, verifier_free)

struct signer {
	char *fingerprint;	/* of the primary key, 40 lower-case hex */
	char **identities;	/* fit for a terminal */
};
void signer_clear(struct signer *s);
static inline void signer_clear_auto(struct signer *s) { signer_clear(s); }

/* Before there is any data: is it a signature, and by a key that may sign? Saves the download if not. */
int verifier_knows(struct verifier *v, const char *signature, size_t len, struct err *err);

/* Does it sign all bytes of data_fd? -ERR_BAD_SIGNATURE: no. */
int verifier_check(struct verifier *v, int data_fd, const char *signature, size_t len, struct signer *ret,
		   struct err *err);

/* The same for a few bytes that are here already. */
int verifier_check_text(struct verifier *v, const char *data, const char *signature, size_t len,
			struct signer *ret, struct err *err);

/*
 * Strips the armor of a signature, if it has one. -ERR_BAD_SIGNATURE: what is
 * there is not one or more detached signatures and nothing else.
 */
int signature_packets(const char *text, size_t len, unsigned char **ret, size_t *ret_len, struct err *err);

/* Reads the first key of an armored file. Fills all of ret but location. */
int key_read(const char *text, size_t len, struct wire_key *ret, struct err *err);
#endif
