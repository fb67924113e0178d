#include "spec/oci.h"

#include <assert.h>
#include <string.h>

static const struct { const char *prefix; size_t digits; } algorithms[] = {
	{ "sha256:", 64 }, { "sha512:", 128 },
};

bool oci_digest_valid(const char *digest)
{
	for (size_t i = 0; digest && i < ARRAY_LEN(algorithms); i++) {
		const char *hex = digest + strlen(algorithms[i].prefix);

		if (str_starts(digest, algorithms[i].prefix))
			return strspn(hex, "0123456789abcdef") == algorithms[i].digits && !hex[algorithms[i].digits];
	}
	return false;
}

char *oci_digest_key(const char *digest)
{
	char *key = xstrndup(digest, IMAGE_KEY_LEN);

	assert(oci_digest_valid(digest));
	*strchr(key, ':') = '-';
	return key;
}
