#include "image/sha.h"

#include <assert.h>
#include <openssl/evp.h>

#include "base/mem.h"

struct sha {
	EVP_MD_CTX *ctx;
	const char *prefix;
};

struct sha *sha_new(const char *like)
{
	bool is_512 = str_starts(like, "sha512:");
	struct sha *s = xcalloc(1, sizeof(*s));

	assert(is_512 || str_starts(like, "sha256:"));
	s->prefix = is_512 ? "sha512:" : "sha256:";
	s->ctx = EVP_MD_CTX_new();
	/* Of both algorithms libcrypto has its own copy, so memory is what can fail, here and below. */
	if (!s->ctx || EVP_DigestInit_ex(s->ctx, is_512 ? EVP_sha512() : EVP_sha256(), NULL) != 1)
		mem_oom();
	return s;
}

void sha_add(struct sha *s, const void *data, size_t len)
{
	if (EVP_DigestUpdate(s->ctx, data, len) != 1)
		mem_oom();
}

char *sha_finish(struct sha *s)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char hex[2 * EVP_MAX_MD_SIZE + 1];

	if (EVP_DigestFinal_ex(s->ctx, bytes, &n) != 1)
		mem_oom();
	str_hex(hex, bytes, n);
	return xasprintf("%s%s", s->prefix, hex);
}

void sha_free(struct sha *s)
{
	if (s)
		EVP_MD_CTX_free(s->ctx);
	free(s);
}

char *sha_digest(const char *like, const void *data, size_t len)
{
	AUTO(sha_free) struct sha *s = sha_new(like);

	sha_add(s, data, len);
	return sha_finish(s);
}
