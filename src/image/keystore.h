#ifndef IMAGE_KEYSTORE_H
#define IMAGE_KEYSTORE_H
#include <stdbool.h>

#include "base/err.h"
#include "image/fingerprint.h"
/*
 * Whom we trust, as files (inventory §3), in the vendor's and the administrator's
 * configuration directory, below trustedkeys/:
 *
 *   root.d/FPR                        OpenPGP keys for images of every name
 *   prefix.d/PREFIX/FPR               … for PREFIX and what lies below it at a "/"
 *   cosign.d/root.d/FPR.PEM           public keys of cosign, for OCI images only
 *   cosign.d/prefix.d/PREFIX/FPR.PEM
 *   accepted.d/PREFIX/ACCEPTED        OCI images below PREFIX that nobody signed are accepted
 *
 * FPR is a fingerprint (image/fingerprint.h). The parts of a prefix are directories;
 * what rkt 1.30 does not know has upper case in it, which no part of a name has. A
 * later directory overrides an earlier one with the same FPR (system root, local
 * root, then the prefix directories, shortest first, system before local); an empty
 * file masks. Nothing here reads keys: the bytes are data.
 */
struct trusted_key {
	char *fingerprint;
	char *path;		/* for messages */
	char *armor;		/* the file's bytes, a NUL-terminated string */
};

/* The keys that may sign NAME. name NULL: only root keys. Not finding any is success with none. */
int keystore_load(const char *system_dir, const char *local_dir, enum trust_kind kind, const char *name,
		  struct trusted_key **ret, size_t *ret_n, struct err *err);
/*
 * Every key of every prefix, also those that an empty file masks for some name:
 * for an image whose name is not known before it is unpacked. Whether the one
 * that signed it may is then for keystore_trusts() to say.
 */
int keystore_load_all(const char *system_dir, const char *local_dir, enum trust_kind kind,
		      struct trusted_key **ret, size_t *ret_n, struct err *err);
void trusted_keys_free(struct trusted_key *keys, size_t n);

/* As a request has them, which then owns the copies. */
struct wire_trusted *trusted_keys_told(const struct trusted_key *keys, size_t n);

/* Is this key, of whatever kind, still trusted for NAME (D1)? Costs a few stat(2). */
bool keystore_trusts(const char *system_dir, const char *local_dir, const char *name, const char *fingerprint);

/* Are OCI images of that name accepted unsigned? */
bool keystore_accepts(const char *system_dir, const char *local_dir, const char *name);

/* Any unmasked OpenPGP key in prefix.d for NAME or an ancestor (inventory 3.8; root keys do not count). */
bool keystore_has_prefix_key(const char *system_dir, const char *local_dir, const char *name);

/*
 * Stores a key, or with FINGERPRINT_ACCEPTED that unsigned images are accepted (armor is then passed over).
 * prefix NULL: as a root key. The caller frees *ret_path.
 */
int keystore_add(const char *local_dir, const char *prefix, const char *fingerprint, const char *armor,
		 char **ret_path, struct err *err);

/*
 * Takes away what was trusted for this very prefix: the local file goes (0), or, of what the vendor has there, an
 * empty one masks it (1). *ret_path is that file; the caller frees it. -ERR_NOT_FOUND: nothing of that fingerprint is
 * in force there.
 */
int keystore_remove(const char *system_dir, const char *local_dir, const char *prefix, const char *fingerprint,
		    char **ret_path, struct err *err);

/* One file of the keystore. */
struct keystore_entry {
	enum trust_kind kind;
	char *fingerprint, *path;
	char *prefix;		/* NULL: a root key */
	bool empty;		/* it masks */
};

/* All files, the vendor's first, sorted by path otherwise. */
int keystore_list(const char *system_dir, const char *local_dir, struct keystore_entry **ret, size_t *ret_n,
		  struct err *err);
void keystore_entries_free(struct keystore_entry *list, size_t n);
#endif
