#ifndef IMAGE_CLIENT_H
#define IMAGE_CLIENT_H
#include "image/keystore.h"
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
enum {	/* --insecure-options that concern fetching */
	FETCH_SKIP_SIGNATURE = 1 << 0,
	FETCH_SKIP_TLS = 1 << 1,
	FETCH_ALLOW_HTTP = 1 << 2,
	FETCH_PUBKEY_HTTP = 1 << 3,
};

struct fetch_config {
	const char *system_config, *local_config;	/* where trustedkeys/ lies */
	const char *libexec_dir;	/* where rkt-fetch and rkt-unpack are */
	unsigned insecure;		/* FETCH_* */
	bool trust_keys_from_https;
	bool render;			/* unpack too (root only) */
	/*
	 * A server that sends less than 100 bytes/s for so long is given up. 0: what
	 * the environment's RKT_FETCH_STALL_SECONDS says (at most 3600), else 30.
	 */
	int64_t stall_seconds;
};

/* One image to get. */
struct fetch_image {
	const struct reference *ref;	/* a name, file or URL */
	const char *signature;		/* --signature FILE, NULL: where the signature belongs */
	bool expect_name;		/* for a name: the manifest must carry name and labels asked for */
	const char *must_be_id;		/* full image ID that it must have, NULL: any (a pinned stage1) */
	bool no_signature;		/* this one needs none: pinned by must_be_id or configured by the vendor */
};

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

/* A key as rkt-fetch read it. */
struct found_key {
	char *location;			/* file path or URL */
	char *armor;
	char *fingerprint;		/* 40 lower-case hex */
	char **subkeys;			/* their fingerprints */
	char **identities;		/* user IDs */
};
void found_keys_free(struct found_key *keys, size_t n);

/* Reads keys from files and URLs, or, with none given, from meta discovery of prefix. */
int fetch_keys(const struct fetch_config *config, const char *prefix, char *const *locations,
	       struct found_key **ret, size_t *ret_n, struct err *err);

enum key_review { KEY_ASK, KEY_SKIP_REVIEW };

/*
 * Shows one key, asks unless told not to, and stores it (inventory §3, the
 * dialogue word for word). prefix NULL: as a root key. 0: trusted, 1: declined.
 */
int key_review_and_add(const struct fetch_config *config, const struct found_key *key, const char *prefix,
		       enum key_review review, struct err *err);

/* Opens a helper program of ours (rkt-fetch, rkt-unpack) in libexec_dir for proc_start(). */
int helper_open(const char *libexec_dir, const char *name, int *ret_fd, struct err *err);
#endif
