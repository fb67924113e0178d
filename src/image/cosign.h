#ifndef IMAGE_COSIGN_H
#define IMAGE_COSIGN_H
#include "image/wire.h"
/*
 * Signatures of cosign (sigstore/cosign, specs/SIGNATURE_SPEC.md): a payload in containers/image's "simple
 * signing" form that names the digest of a manifest, and a signature over the payload by an ECDSA P-256/P-384
 * or Ed25519 key. No transparency log is asked.
 */
enum { COSIGN_KEY_MAX = 16 << 10, COSIGN_PAYLOAD_MAX = 64 << 10 };
#define COSIGN_TYPE_PAYLOAD	"application/vnd.dev.cosign.simplesigning.v1+json"
#define COSIGN_ANNOTATION	"dev.cosignproject.cosign/signature"

/*
 * Reads a public key (PEM, SubjectPublicKeyInfo). *ret: "cosign-" and the SHA-256 of its DER form in hex, what
 * the key is filed under. -ERR_BAD_INPUT: no such key, or one of another kind.
 */
int cosign_key_read(const char *pem, size_t len, char **ret, struct err *err);

/*
 * Does the payload name this manifest ("sha256:…") and this repository ("registry/repository", as the reference
 * has it), and is the signature (base64) over it by one of the keys? *ret: the key's name. -ERR_BAD_SIGNATURE.
 */
int cosign_check(const struct wire_trusted *keys, size_t n, const char *payload, size_t len, const char *signature,
		 const char *digest, const char *repository, char **ret, struct err *err);
#endif
