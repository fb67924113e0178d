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

/* Reads keys from files and URLs, or, with none given, from meta discovery of prefix. */
int fetch_keys(const struct fetch_config *config, const char *prefix, char *const *locations,
	       struct found_key **ret, size_t *ret_n, struct err *err);
#endif
