#include "image/cosign.h"

#include <string.h>

#include "base/base64.h"
#include "image/fingerprint.h"
#include "image/pubkey.h"
#include "spec/registry.h"

enum { ENVELOPE_SIGNATURES_MAX = 16 };

#define PAYLOAD_KIND	"cosign container image signature"
#define ENVELOPE_TYPE	"application/vnd.in-toto+json"
#define STATEMENT_TYPE	"https://in-toto.io/Statement/v1"

/* --- keys ------------------------------------------------------------------ */

struct cosign_keys {
	struct pubkey **keys;
	size_t n;
};

static int read_key(const char *pem, size_t len, struct pubkey **ret, char **ret_fingerprint, struct err *err)
{
	char name[PUBKEY_NAME_LEN + 1];
	const char *why = NULL;

	if (len > COSIGN_KEY_MAX)
		return err_set(err, -ERR_BAD_INPUT, "a public key of more than %d bytes", COSIGN_KEY_MAX);
	*ret = pubkey_read(pem, len, &why);
	if (!*ret)
		return err_set(err, -ERR_BAD_INPUT, "%s", why);
	pubkey_name(*ret, name);
	*ret_fingerprint = xasprintf(FINGERPRINT_COSIGN "%s", name);
	return 0;
}

int cosign_key_read(const char *pem, size_t len, char **ret, struct err *err)
{
	AUTO(pubkey_free) struct pubkey *key = NULL;

	return read_key(pem, len, &key, ret, err);
}

int cosign_keys_new(const struct wire_trusted *keys, size_t n, struct cosign_keys **ret, struct err *err)
{
	AUTO(cosign_keys_free) struct cosign_keys *k = xcalloc(1, sizeof(*k));

	k->keys = xcalloc(n + 1, sizeof(struct pubkey *));
	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *fingerprint = NULL;
		int r = read_key(keys[i].armor, strlen(keys[i].armor), &k->keys[i], &fingerprint, err);

		if (r < 0)
			return err_wrap(err, r, "cannot read trusted key '%s'", keys[i].fingerprint);
		k->n = i + 1;
		if (!str_eq(fingerprint, keys[i].fingerprint))
			return err_set(err, -ERR_BAD_INPUT, "fingerprint mismatch: \"%s\":\"%s\"",
				       keys[i].fingerprint, fingerprint);
	}
	*ret = TAKE(k);
	return 0;
}

void cosign_keys_free(struct cosign_keys *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		pubkey_free(k->keys[i]);
	free(k->keys);
	free(k);
}

/* --- signatures -------------------------------------------------------------- */

static int refuse(struct err *err, const char *why)
{
	return err_set(err, -ERR_BAD_SIGNATURE, "cosign: invalid signature: %s", why);
}

/* Which key signed the data? Nothing in it is looked at before that is known. */
static int find_signer(const struct cosign_keys *k, const void *data, size_t len, const char *signature, char **ret,
		       struct err *err)
{
	AUTO(buf_clear) struct buf bytes = {};
	char name[PUBKEY_NAME_LEN + 1];

	if (base64_decode(signature, strlen(signature), &bytes) < 0 || !bytes.len)
		return refuse(err, "not base64");
	for (size_t i = 0; i < k->n; i++) {
		if (!pubkey_verifies(k->keys[i], data, len, bytes.data, bytes.len))
			continue;
		pubkey_name(k->keys[i], name);
		*ret = xasprintf(FINGERPRINT_COSIGN "%s", name);
		return 0;
	}
	return err_set(err, -ERR_BAD_SIGNATURE, "cosign: signature made by unknown entity");
}

/* --- payloads ---------------------------------------------------------------- */

/* What is critical must be understood, so there may be nothing else in it. */
static bool has_only(const struct json_value *v, const char *const names[])
{
	if (!v || v->kind != JSON_DICT)
		return false;
	for (const struct json_value *m = v->child; m; m = m->next) {
		size_t i = 0;

		while (names[i] && !str_eq(m->key, names[i]))
			i++;
		if (!names[i])
			return false;
	}
	return true;
}

static int other_repository(const char *signed_for, const struct cosign_image *image, struct err *err)
{
	return err_set(err, -ERR_BAD_SIGNATURE, "cosign: the signature is for \"%s\", not for \"%s/%s%s%s\"", signed_for,
		       image->registry, image->repository, image->tag ? ":" : "", image->tag ?: "");
}

/*
 * A digest behind the name is passed over: the image's own is compared elsewhere. What was signed for one name is
 * no word on an image of none: it could be given out for any.
 */
static int check_reference(const char *signed_for, const struct cosign_image *image, struct err *err)
{
	AUTO(registry_name_clear) struct registry_name name = {};

	if (!signed_for || !*signed_for)
		return 0;
	if (!image->repository)
		return err_set(err, -ERR_BAD_SIGNATURE, "cosign: the signature is for \"%s\", and nothing in the file says that "
			       "the image is called so", signed_for);
	if (registry_name_parse(signed_for, &name, NULL) < 0 || !str_eq(name.registry, image->registry) ||
	    !str_eq(name.repository, image->repository) ||
	    (name.tag && image->tag && !str_eq(name.tag, image->tag)))
		return other_repository(signed_for, image, err);
	return 0;
}

int cosign_payload_check(const char *payload, size_t len, const struct cosign_image *image, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	const struct json_value *critical, *identity, *about;

	if (json_parse(payload, len, &json, NULL) < 0)
		return refuse(err, "its payload is no JSON document");
	critical = json_get(json_root(json), "critical");
	identity = json_get(critical, "identity");
	about = json_get(critical, "image");
	if (!has_only(critical, (const char *const[]){ "identity", "image", "type", NULL }) ||
	    !has_only(about, (const char *const[]){ "docker-manifest-digest", NULL }) ||
	    !has_only(identity, (const char *const[]){ "docker-reference", NULL }) ||
	    (identity->child && !json_get_text(identity, "docker-reference")))
		return refuse(err, "its payload has not the form that is expected");
	if (!str_eq(json_get_text(critical, "type"), PAYLOAD_KIND))
		return refuse(err, "its payload is of another type");
	if (!str_eq(json_get_text(about, "docker-manifest-digest"), image->digest))
		return refuse(err, "it is over another image");
	return check_reference(json_get_text(identity, "docker-reference"), image, err);
}

int cosign_check(const struct cosign_keys *keys, const char *payload, size_t len, const char *signature,
		 const struct cosign_image *image, char **ret, struct err *err)
{
	AUTO(free) char *fingerprint = NULL;
	int r;

	if (len > COSIGN_PAYLOAD_MAX)
		return refuse(err, "its payload is too large");
	r = find_signer(keys, payload, len, signature, &fingerprint, err);
	if (r >= 0)
		r = cosign_payload_check(payload, len, image, err);
	if (r >= 0)
		*ret = TAKE(fingerprint);
	return r;
}

/* --- bundles ------------------------------------------------------------------ */

static bool is_about(const struct json_value *subject, const char *digest)
{
	size_t algorithm = strcspn(digest, ":");
	AUTO(free) char *name = xstrndup(digest, algorithm);

	return str_eq(json_get_text(json_get(subject, "digest"), name), digest + algorithm + 1);
}

/* Of all that may be said of an image, only that somebody signed it makes it trusted. */
int cosign_statement_check(const char *statement, size_t len, const struct cosign_image *image, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	const struct json_value *root, *subjects;

	if (json_parse(statement, len, &json, NULL) < 0)
		return refuse(err, "its statement is no JSON document");
	root = json_root(json);
	if (!str_eq(json_get_text(root, "_type"), STATEMENT_TYPE) ||
	    !str_eq(json_get_text(root, "predicateType"), COSIGN_PREDICATE))
		return refuse(err, "its statement is of another type");
	subjects = json_get(root, "subject");
	for (const struct json_value *s = subjects && subjects->kind == JSON_ARRAY ? subjects->child : NULL; s; s = s->next)
		if (is_about(s, image->digest))
			return 0;
	return refuse(err, "it is over another image");
}

/* What is signed of an envelope (DSSE's PAE): its type and its content, each after its length. */
static void signed_bytes(const char *type, const struct buf *content, struct buf *ret)
{
	buf_addf(ret, "DSSEv1 %zu %s %zu ", strlen(type), type, content->len);
	if (content->len)
		buf_add(ret, content->data, content->len);
}

static int check_envelope(const struct cosign_keys *keys, const struct json_value *envelope, struct buf *content,
			  char **ret, struct err *err)
{
	const char *type = json_get_text(envelope, "payloadType"), *text = json_get_text(envelope, "payload");
	const struct json_value *list = json_get(envelope, "signatures");
	AUTO(buf_clear) struct buf data = {};
	int count = 0, r;

	if (!text || !list || list->kind != JSON_ARRAY || !list->child || base64_decode(text, strlen(text), content) < 0)
		return refuse(err, "its bundle has no signed statement");
	if (!str_eq(type, ENVELOPE_TYPE))
		return refuse(err, "its bundle is of another type");
	signed_bytes(type, content, &data);
	for (const struct json_value *s = list->child; s && count++ < ENVELOPE_SIGNATURES_MAX; s = s->next) {
		r = find_signer(keys, data.data, data.len, json_get_text(s, "sig") ?: "", ret, err);
		if (r >= 0)
			return r;
	}
	return -ERR_BAD_SIGNATURE;
}

int cosign_check_bundle(const struct cosign_keys *keys, const char *bundle, size_t len,
			const struct cosign_image *image, char **ret, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	AUTO(buf_clear) struct buf statement = {};
	AUTO(free) char *fingerprint = NULL;
	int r;

	if (len > COSIGN_BUNDLE_MAX)
		return refuse(err, "its bundle is too large");
	if (json_parse(bundle, len, &json, NULL) < 0)
		return refuse(err, "its bundle is no JSON document");
	r = check_envelope(keys, json_get(json_root(json), "dsseEnvelope"), &statement, &fingerprint, err);
	if (r >= 0)
		r = cosign_statement_check(statement.data ?: "", statement.len, image, err);
	if (r >= 0)
		*ret = TAKE(fingerprint);
	return r;
}
