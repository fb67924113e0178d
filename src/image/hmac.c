#include "image/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/mem.h"

void sha256_text(const char *text, char ret_hex[SHA256_HEX + 1])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)text, strlen(text), digest);
	str_hex(ret_hex, digest, sizeof(digest));
}

bool hmac_chain(const char *secret, const char *const words[], size_t n, char ret_hex[SHA256_HEX + 1])
{
	unsigned char key[SHA256_DIGEST_LENGTH] = {}, next[SHA256_DIGEST_LENGTH];

	for (size_t i = 0; i < n; i++) {
		const void *with = i ? (const void *)key : secret;
		size_t len = i ? sizeof(key) : strlen(secret);

		if (!HMAC(EVP_sha256(), with, (int)len, (const unsigned char *)words[i], strlen(words[i]), next, NULL))
			return false;
		memcpy(key, next, sizeof(key));
	}
	str_hex(ret_hex, key, sizeof(key));
	return true;
}
