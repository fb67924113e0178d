#ifndef IMAGE_FINGERPRINT_H
#define IMAGE_FINGERPRINT_H
/* Why an image is trusted, as one word: what names a key in the keystore, in facts and between rkt and rkt-fetch. */

enum trust_kind {
	TRUST_NONE,
	TRUST_OPENPGP,		/* 40 lower-case hex digits: a primary key */
	TRUST_COSIGN,		/* "cosign-" and 64: SHA-256 of a public key's DER form */
	TRUST_UNSIGNED,		/* FINGERPRINT_ACCEPTED: nobody signed it, and that is accepted for its name */
	TRUST_KINDS,
};
enum { FINGERPRINT_OPENPGP_LEN = 40, FINGERPRINT_COSIGN_HEX = 64 };
#define FINGERPRINT_COSIGN	"cosign-"
#define FINGERPRINT_ACCEPTED	"accepted"

/* TRUST_NONE: no such word, or NULL. */
enum trust_kind fingerprint_kind(const char *s);
#endif
