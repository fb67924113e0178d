#ifndef IMAGE_KEYSTORE_H
#define IMAGE_KEYSTORE_H
#include "base/err.h"
/*
 * Trusted keys as files (inventory §3), in the vendor's and the administrator's
 * configuration directory:
 *
 *   trustedkeys/root.d/FPR            for images of every name
 *   trustedkeys/prefix.d/PREFIX/FPR   for PREFIX and what lies below it at a "/"
 *
 * FPR is 40 lower-case hex digits. A later directory overrides an earlier one
 * with the same FPR (system root, local root, then the prefix directories,
 * shortest first, system before local); an empty file masks the key. Nothing
 * here parses OpenPGP: the bytes are data.
 */
struct trusted_key {
	char *fingerprint;
	char *path;		/* for messages */
	char *armor;		/* the file's bytes, a NUL-terminated string */
};

/* The keys that may sign NAME. name NULL: only root keys. Not finding any is success with none. */
int keystore_load(const char *system_dir, const char *local_dir, const char *name,
		  struct trusted_key **ret, size_t *ret_n, struct err *err);
/*
 * Every key of every prefix, also those that an empty file masks for some name:
 * for an image whose name is not known before it is unpacked. Whether the one
 * that signed it may is then for keystore_trusts() to say.
 */
int keystore_load_all(const char *system_dir, const char *local_dir, struct trusted_key **ret, size_t *ret_n,
		      struct err *err);
void trusted_keys_free(struct trusted_key *keys, size_t n);

/* Is this key still trusted for NAME (D1)? Costs a few stat(2). */
bool keystore_trusts(const char *system_dir, const char *local_dir, const char *name, const char *fingerprint);

/* Any unmasked key in prefix.d for NAME or an ancestor (inventory 3.8; root keys do not count). */
bool keystore_has_prefix_key(const char *system_dir, const char *local_dir, const char *name);

/* Stores armor; prefix NULL: as a root key. The caller frees *ret_path. */
int keystore_add(const char *local_dir, const char *prefix, const char *fingerprint, const char *armor,
		 char **ret_path, struct err *err);
#endif
