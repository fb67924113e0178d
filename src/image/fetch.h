#ifndef IMAGE_FETCH_H
#define IMAGE_FETCH_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "spec/reference.h"
#include "store/store.h"

/* What all that is done through rkt-fetch has in common. */
enum {	/* --insecure-options that concern fetching */
	FETCH_SKIP_SIGNATURE = 1 << 0,
	FETCH_SKIP_TLS = 1 << 1,
	FETCH_ALLOW_HTTP = 1 << 2,
	FETCH_PUBKEY_HTTP = 1 << 3,
};

/*
 * How the servers of one domain are to know us. domain is host or host:port,
 * exactly as URLs have it; type is "basic", "oauth" or "aws" and says which of
 * the others are set. "docker" is as "basic", for images of a registry alone and
 * under any of its names. Whoever made the list owns the strings.
 */
struct fetch_credential {
	const char *domain, *type;
	const char *user, *password;
	const char *token;
	const char *aws_key_id, *aws_secret, *aws_region;	/* no region: by the host */
};

/* Whom to ask before a registry. */
struct fetch_registry { const char *host; char *const *mirrors; };

struct fetch_config {
	const char *system_config, *local_config;	/* where trustedkeys/ lies */
	const char *libexec_dir;	/* where rkt-fetch and rkt-unpack are */
	unsigned insecure;		/* FETCH_* */
	bool trust_keys_from_https;
	const struct fetch_credential *credentials;	/* sent over https alone, and to their domain alone */
	size_t n_credentials;
	const struct fetch_registry *registries; size_t n_registries;	/* those that have mirrors */
	bool render;			/* unpack too (root only) */
};

/* One image to get. */
struct fetch_image {
	const struct reference *ref;	/* a name, file or URL */
	const char *signature;		/* --signature FILE, NULL: where the signature belongs */
	bool expect_name;		/* for a name: the manifest must carry name and labels asked for */
	const char *must_be_id;		/* full image ID that it must have, NULL: any (a pinned stage1) */
	bool no_signature;		/* this one needs none: pinned by must_be_id or configured by the vendor */
	/*
	 * What the store has in answer to the same question, if that may be used: the server is then asked for it only
	 * once it is no longer fresh, and only for what changed. Asked again after a wait for another rkt. NULL: there is
	 * nothing that would do.
	 */
	int (*stored)(void *arg, struct image_info *ret);
	void *stored_arg;
};

/* A key as rkt-fetch read it. */
struct found_key {
	char *location;			/* file path or URL */
	char *armor;
	char *fingerprint;		/* 40 lower-case hex */
	char **subkeys;			/* their fingerprints */
	char **identities;		/* user IDs */
};

/* Where the helper programs lie: beside the program itself, as in a build tree, or else where they are installed. */
char *helper_dir(void);

/* Opens a helper program of ours (rkt-fetch, rkt-unpack) in libexec_dir for proc_start(). */
int helper_open(const char *libexec_dir, const char *name, int *ret_fd, struct err *err);
#endif
