#include "store/sha512.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/mem.h"

struct sha512 {
	EVP_MD_CTX *context;
};

static EVP_MD *algorithm;

int sha512_init(void)
{
	if (algorithm)
		return 0;
	/* Without the system's configuration: nothing of it may load code into this process. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -ENOSYS;
	algorithm = EVP_MD_fetch(NULL, "SHA512", NULL);
	return algorithm ? 0 : -ENOSYS;
}

struct sha512 *sha512_new(void)
{
	struct sha512 *h = xcalloc(1, sizeof(*h));

	h->context = EVP_MD_CTX_new();
	if (!h->context || EVP_DigestInit_ex(h->context, algorithm, NULL) != 1)
		mem_oom();
	return h;
}

int sha512_add(struct sha512 *h, const void *data, size_t len)
{
	return EVP_DigestUpdate(h->context, data, len) == 1 ? 0 : -EIO;
}

int sha512_end(struct sha512 *h, char ret_hex[SHA512_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_DigestFinal_ex(h->context, bytes, &len) != 1 || 2 * len != SHA512_HEX)
		return -EIO;
	for (unsigned i = 0; i < len; i++) {
		*ret_hex++ = digits[bytes[i] >> 4];
		*ret_hex++ = digits[bytes[i] & 15];
	}
	*ret_hex = 0;
	return 0;
}

void sha512_free(struct sha512 *h)
{
	if (h)
		EVP_MD_CTX_free(h->context);
	free(h);
}
