#include "image/pubkey.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/base64.h"

#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----"
#define PEM_END	  "-----END PUBLIC KEY-----"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192 };

struct pubkey {
	EVP_PKEY *key;
	const struct kind *kind;
	char name[PUBKEY_NAME_LEN + 1];
};

/* cosign signs by SHA-256 whatever the key is; since its version 3 by the hash of the curve's size. */
static const struct kind {
	int id;
	const char *group;		/* of EC keys */
	const EVP_MD *(*hashes[2])(void);	/* none: the signature brings its own */
} kinds[] = {
	{ EVP_PKEY_EC, "prime256v1", { EVP_sha256 } },
	{ EVP_PKEY_EC, "secp384r1", { EVP_sha256, EVP_sha384 } },
	{ EVP_PKEY_EC, "secp521r1", { EVP_sha256, EVP_sha512 } },
	{ EVP_PKEY_ED25519, NULL, {} },
	{ EVP_PKEY_RSA, NULL, { EVP_sha256 } },
};

/* A curve that is spelled out is none that we know, whatever it resembles (CVE-2020-0601). */
static bool is_spelled_out(EVP_PKEY *key)
{
	int spelled_out = 1;

	return EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelled_out) != 1 ||
	       spelled_out;
}

static bool is_kind(EVP_PKEY *key, const struct kind *kind)
{
	char group[32] = "";

	if (EVP_PKEY_get_base_id(key) != kind->id)
		return false;
	if (kind->id == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN && EVP_PKEY_get_bits(key) <= RSA_BITS_MAX;
	if (!kind->group)
		return true;
	return EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && str_eq(group, kind->group) &&
	       !is_spelled_out(key);
}

static const struct kind *kind_of(EVP_PKEY *key)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (is_kind(key, &kinds[i]))
			return &kinds[i];
	return NULL;
}

static bool is_blank(char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; }

/* The DER bytes of the one block. */
static bool read_pem(const char *pem, size_t len, struct buf *ret)
{
	AUTO(free) char *text = xstrndup(pem, len);
	AUTO(buf_clear) struct buf digits = {};
	char *at = text, *end;

	if (strlen(text) != len)
		return false;
	while (is_blank(*at))
		at++;
	end = strstr(at, PEM_END);
	if (!str_starts(at, PEM_BEGIN) || !end)
		return false;
	for (const char *after = end + strlen(PEM_END); *after; after++)
		if (!is_blank(*after))
			return false;
	for (at += strlen(PEM_BEGIN); at < end; at++)
		if (!is_blank(*at))
			buf_addc(&digits, *at);
	return digits.len && base64_decode(digits.data, digits.len, ret) == 0;
}

static EVP_PKEY *read_der(const struct buf *der)
{
	const unsigned char *at = (const unsigned char *)der->data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der->len);

	if (!key || at == (const unsigned char *)der->data + der->len)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool name_key(const struct buf *der, char ret[PUBKEY_NAME_LEN + 1])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_Digest(der->data, der->len, hash, &n, EVP_sha256(), NULL) != 1 || 2 * n != PUBKEY_NAME_LEN)
		return false;
	str_hex(ret, hash, n);
	return true;
}

struct pubkey *pubkey_read(const char *pem, size_t len, const char **ret_why)
{
	AUTO(pubkey_free) struct pubkey *k = xcalloc(1, sizeof(*k));
	AUTO(buf_clear) struct buf der = {};

	*ret_why = "not a public key in PEM form (\"" PEM_BEGIN "\")";
	if (!read_pem(pem, len, &der))
		return NULL;
	k->key = read_der(&der);
	if (!k->key)
		return NULL;
	*ret_why = "a public key of a kind or size that is not supported (ECDSA P-256, P-384, P-521, Ed25519, or RSA "
		   "of 2048 to 8192 bits)";
	k->kind = kind_of(k->key);
	if (!k->kind)
		return NULL;
	*ret_why = "the library of ciphers has no SHA-256";
	return name_key(&der, k->name) ? TAKE(k) : NULL;
}

void pubkey_free(struct pubkey *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	free(k);
}

void pubkey_name(const struct pubkey *k, char ret[PUBKEY_NAME_LEN + 1]) { memcpy(ret, k->name, sizeof(k->name)); }

static bool verifies(const struct pubkey *k, const EVP_MD *hash, const void *data, size_t len,
		     const void *signature, size_t signature_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, hash, NULL, k->key) == 1 &&
		    EVP_DigestVerify(ctx, signature, signature_len, data, len) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

bool pubkey_verifies(const struct pubkey *k, const void *data, size_t len, const void *signature,
		     size_t signature_len)
{
	if (!k->kind->hashes[0])
		return verifies(k, NULL, data, len, signature, signature_len);
	for (size_t i = 0; i < ARRAY_LEN(k->kind->hashes) && k->kind->hashes[i]; i++)
		if (verifies(k, k->kind->hashes[i](), data, len, signature, signature_len))
			return true;
	return false;
}
