#include "store/hash.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/mem.h"

struct hash {
	EVP_MD_CTX *context;
	enum hash_kind kind;
};

static const struct {
	const char *library, *prefix;
	unsigned len;
} kinds[] = {
	[HASH_SHA256] = { "SHA256", "sha256-", 32 },
	[HASH_SHA512] = { "SHA512", "sha512-", 64 },
};

static EVP_MD *algorithms[HASH_KINDS];

int hash_init(void)
{
	/* Without the system's configuration: nothing of it may load code into this process. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -ENOSYS;
	for (unsigned i = 0; i < HASH_KINDS; i++) {
		if (!algorithms[i])
			algorithms[i] = EVP_MD_fetch(NULL, kinds[i].library, NULL);
		if (!algorithms[i])
			return -ENOSYS;
	}
	return 0;
}

struct hash *hash_new(enum hash_kind kind)
{
	struct hash *h = xcalloc(1, sizeof(*h));

	h->kind = kind;
	h->context = EVP_MD_CTX_new();
	if (!h->context || EVP_DigestInit_ex(h->context, algorithms[kind], NULL) != 1)
		mem_oom();
	return h;
}

int hash_add(struct hash *h, const void *data, size_t len)
{
	return EVP_DigestUpdate(h->context, data, len) == 1 ? 0 : -EIO;
}

int hash_end(struct hash *h, char *ret_name)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_DigestFinal_ex(h->context, bytes, &len) != 1 || len != kinds[h->kind].len)
		return -EIO;
	ret_name = mempcpy(ret_name, kinds[h->kind].prefix, strlen(kinds[h->kind].prefix));
	str_hex(ret_name, bytes, len);
	return 0;
}

void hash_free(struct hash *h)
{
	if (h)
		EVP_MD_CTX_free(h->context);
	free(h);
}
