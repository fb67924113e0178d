#ifndef IMAGE_POLICY_H
#define IMAGE_POLICY_H
#include "image/signature.h"
#include "image/source.h"
/*
 * Who vouches for an OCI image (decision D4). What is signed is the digest of its manifest, or of the index that
 * led to it. A signature counts if it is
 *
 *   cosign's       by a key of request->oci.cosign_keys: below the tag "sha256-HEX.sig", or a bundle that refers to
 *                  the image;
 *   OpenPGP's      by a key of request->trusted: a detached signature over the digest as a line of text,
 *                  "sha256:HEX" with or without "\n", in the file that came along (has_signature) or below the
 *                  tag "sha256-HEX.asc" (a manifest of one layer, POLICY_TYPE_OPENPGP).
 *
 * Where somebody named that file (named_signature), it alone counts. Otherwise they are looked for at the index first and then at the manifest. An image of a registry that nobody signed passes
 * where request->oci.accepted says so and it is known to be that registry's (!unproven), unless a signature came along.
 */
#define POLICY_TYPE_OPENPGP	"application/pgp-signature"

/* An image whose documents have been fetched and compared with their digests. */
struct policy_image {
	struct source *source;		/* where tags are looked up; one without them has no signatures but the file */
	const char *index_digest;	/* "sha256:…" of the index that led to the manifest; NULL: none did */
	const char *manifest_digest;
};

/*
 * 0: it may be used. *ret: who signed it; empty: nobody, and it is accepted so or request->skip_signature is set.
 * -ERR_NO_SIGNATURE: nothing signs it, err says what would help. -ERR_BAD_SIGNATURE: something does, and none of
 * it counts. Anything else: the source could not be asked.
 */
int policy_verify(const struct wire_request *request, const struct policy_image *image, struct signer *ret,
		  struct err *err);
#endif
