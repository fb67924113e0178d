#ifndef IMAGE_CLIENT_H
#define IMAGE_CLIENT_H
#include "image/fetch.h"
#include "image/keystore.h"
#include "image/trust.h"
#include "spec/reference.h"
#include "store/store.h"
/*
 * Talking to rkt-fetch, the only program that speaks to the network and reads
 * signatures, compressed archives and OpenPGP keys. It runs as an unprivileged
 * user with no_new_privs and is given: one request, a file without a name to
 * download into, a pipe for the uncompressed archive.
 *
 * The signature is verified over the very bytes that are then decompressed from
 * the same open file. What is stored is the stream that rkt-unpack hashed.
 */

/*
 * Gets, verifies and stores one image. Shows progress on a terminal, tells who
 * signed it on stderr ("signature verified:"), asks about unknown keys where
 * discovery offers some and stdin is a terminal.
 *
 * -ERR_NO_SIGNATURE, -ERR_BAD_SIGNATURE, -ERR_NOT_FOUND (discovery or server has
 * none), -ERR_BAD_INPUT (archive or manifest), or an errno. On failure the
 * store is as before.
 */
int fetch_image(const struct fetch_config *config, struct store *store, const struct fetch_image *image,
		struct image_info *ret, struct err *err);

/* Is the file an ACI (REFERENCE_FILE), or an archive of images (REFERENCE_ARCHIVE)? By what is in it. */
int fetch_kind(const struct fetch_config *config, const char *path, enum reference_kind *ret, struct err *err);

void found_keys_free(struct found_key *keys, size_t n);

/*
 * Reads keys from files and URLs, or, with none given, from meta discovery of prefix. *ret, one for each location in
 * their order, is the caller's, for found_keys_free(). -ERR_NOT_FOUND: a server, or discovery, has none.
 * -ERR_BAD_INPUT: what is there is no public key. -EINVAL: there is neither a location nor a prefix, or one is neither
 * a file nor a URL. -EPROTO: http, which was not allowed, or rkt-fetch died. Else an errno.
 */
int fetch_keys(const struct fetch_config *config, const char *prefix, char *const *locations,
	       struct found_key **ret, size_t *ret_n, struct err *err);
#endif
