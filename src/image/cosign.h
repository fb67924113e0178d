#ifndef IMAGE_COSIGN_H
#define IMAGE_COSIGN_H
#include "image/wire.h"
/*
 * Signatures of cosign (sigstore/cosign, specs/SIGNATURE_SPEC.md and BUNDLE_SPEC.md) by ECDSA, Ed25519 and RSA keys
 * that are trusted here. They come in two forms:
 *
 *   a payload in containers/image's "simple signing" form that names the digest of a manifest, and a signature over
 *   it (cosign before version 3, podman and skopeo);
 *   a bundle: an in-toto statement about a digest in a signed DSSE envelope, as JSON (cosign since version 3).
 *
 * No transparency log is asked, and certificates are passed over.
 */
enum { COSIGN_KEY_MAX = 16 << 10, COSIGN_PAYLOAD_MAX = 64 << 10, COSIGN_BUNDLE_MAX = 1 << 20 };
#define COSIGN_TYPE_PAYLOAD	"application/vnd.dev.cosign.simplesigning.v1+json"
#define COSIGN_TYPE_BUNDLE	"application/vnd.dev.sigstore.bundle."	/* a version and "+json" follow */
#define COSIGN_ANNOTATION	"dev.cosignproject.cosign/signature"
#define COSIGN_PREDICATE	"https://sigstore.dev/cosign/sign/v1"	/* what a statement says that is a signature */

/*
 * Reads a public key (PEM, SubjectPublicKeyInfo). *ret: "cosign-" and the SHA-256 of its DER form in hex, what
 * the key is filed under. -ERR_BAD_INPUT: no such key, or one of another kind.
 */
int cosign_key_read(const char *pem, size_t len, char **ret, struct err *err);

/* The keys that may sign. */
struct cosign_keys;

/*
 * Reads them; each must be the one that it is filed under. *ret holds copies, for cosign_keys_free(). -ERR_BAD_INPUT:
 * one is no key, or another than its fingerprint says.
 */
int cosign_keys_new(const struct wire_trusted *keys, size_t n, struct cosign_keys **ret, struct err *err);
void cosign_keys_free(struct cosign_keys *k);
DEFINE_AUTO(struct cosign_keys *, cosign_keys_free)

/* What a signature must speak of. */
struct cosign_image {
	const char *digest;			/* "sha256:…" of the manifest or index */
	const char *registry, *repository;	/* as the reference, or else the file, has them; NULL: it has no name */
	const char *tag;			/* likewise; NULL: a digest was asked for, or there is none */
};

/*
 * Is the signature (base64) over the payload by one of the keys, and does the payload name this digest and this
 * repository? A payload that names none is for any; one that names a tag too is for that tag alone, if the image has one. *ret: the key's fingerprint, the caller frees it.
 * -ERR_BAD_SIGNATURE.
 */
int cosign_check(const struct cosign_keys *keys, const char *payload, size_t len, const char *signature,
		 const struct cosign_image *image, char **ret, struct err *err);

/* The same for a bundle. Its statement names no repository, so the digest alone counts. */
int cosign_check_bundle(const struct cosign_keys *keys, const char *bundle, size_t len,
			const struct cosign_image *image, char **ret, struct err *err);

/* What is signed, once somebody has: for the two above, and for their tests. */
int cosign_payload_check(const char *payload, size_t len, const struct cosign_image *image, struct err *err);
int cosign_statement_check(const char *statement, size_t len, const struct cosign_image *image, struct err *err);
#endif
