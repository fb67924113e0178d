#include "image/fingerprint.h"

#include <string.h>

#include "base/mem.h"

static bool is_hex(const char *s, size_t len) { return strlen(s) == len && strspn(s, "0123456789abcdef") == len; }

enum trust_kind fingerprint_kind(const char *s)
{
	if (!s)
		return TRUST_NONE;
	if (is_hex(s, FINGERPRINT_OPENPGP_LEN))
		return TRUST_OPENPGP;
	if (str_starts(s, FINGERPRINT_COSIGN) && is_hex(s + strlen(FINGERPRINT_COSIGN), FINGERPRINT_COSIGN_HEX))
		return TRUST_COSIGN;
	return str_eq(s, FINGERPRINT_ACCEPTED) ? TRUST_UNSIGNED : TRUST_NONE;
}
