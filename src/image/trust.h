#ifndef IMAGE_TRUST_H
#define IMAGE_TRUST_H
#include "image/client.h"

/* Keys and the person: what is shown and asked (inventory §3). */

/* "gpg key fingerprint is: …" with its subkeys and identities, a line each. The caller frees it. */
char *key_text(const struct found_key *key);

/* "XXXX XXXX XXXX XXXX XXXX  XXXX …" of 40 hex digits. */
char *fingerprint_text(const char *fingerprint);

/* Can we ask? Both sides of the conversation must be a terminal. */
bool can_ask(void);

/* How else a key for that name can become trusted, on stderr. */
void tell_how_to_trust(const char *prefix);
#endif
