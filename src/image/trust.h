#ifndef IMAGE_TRUST_H
#define IMAGE_TRUST_H
#include "image/fetch.h"

/* Keys and the person: what is shown and asked (inventory §3). */

/* What is told where nobody can be asked: how to go on with a fetch, or with rkt trust. */
enum key_review { KEY_ASK, KEY_ASK_IN_TRUST, KEY_SKIP_REVIEW };

/*
 * Shows one key, asks unless told not to, and stores it (inventory §3, the
 * dialogue word for word). prefix NULL: as a root key. 0: trusted, 1: declined.
 */
int key_review_and_add(const struct fetch_config *config, const struct found_key *key, const char *prefix,
		       enum key_review review, struct err *err);

/*
 * Asks, unless told not to, and notes that OCI images below prefix are accepted though nobody signed them. 0: noted,
 * 1: declined.
 */
int unsigned_review_and_accept(const struct fetch_config *config, const char *prefix, enum key_review review,
			       struct err *err);

/* "gpg key fingerprint is: …" or "cosign key fingerprint is: …" with its subkeys and identities, a line each. The caller frees it. */
char *key_text(const struct found_key *key);

/* "XXXX XXXX XXXX XXXX XXXX  XXXX …" of 40 hex digits; of cosign's keys the 64 digits as sha256sum prints them. */
char *fingerprint_text(const char *fingerprint);

/* Can we ask? Both sides of the conversation must be a terminal. */
bool can_ask(void);

/* "image: signature verified:" and who it was, on stderr. */
void tell_signer(char *const *identities);

/* Warns of checks that were turned off. no_signature: this image needs none anyway. */
void warn_about_checks(const struct fetch_config *config, bool no_signature);

/* How else a key for that name can become trusted, on stderr. */
void tell_how_to_trust(const char *prefix);
#endif
