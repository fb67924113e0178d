#include "image/signature.h"

#include <ctype.h>
#include <rnp/rnp.h>
#include <rnp/rnp_err.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { RSA_BITS_MIN = 2048, IDENTITIES_MAX = 64, SUBKEYS_MAX = 64 };

#define KEY_BEGIN "-----BEGIN PGP PUBLIC KEY BLOCK-----"

static void rnp_text_free(char *s) { if (s) rnp_buffer_destroy(s); }
static void rnp_key_free(rnp_key_handle_t key) { if (key) rnp_key_handle_destroy(key); }
static void rnp_uid_free(rnp_uid_handle_t uid) { if (uid) rnp_uid_handle_destroy(uid); }
static void rnp_input_free(rnp_input_t in) { if (in) rnp_input_destroy(in); }
static void rnp_signature_free(rnp_signature_handle_t s) { if (s) rnp_signature_handle_destroy(s); }
static void rnp_verify_free(rnp_op_verify_t op) { if (op) rnp_op_verify_destroy(op); }
DEFINE_AUTO(char *, rnp_text_free)
DEFINE_AUTO(rnp_key_handle_t, rnp_key_free)
DEFINE_AUTO(rnp_uid_handle_t, rnp_uid_free)
DEFINE_AUTO(rnp_input_t, rnp_input_free)
DEFINE_AUTO(rnp_signature_handle_t, rnp_signature_free)
DEFINE_AUTO(rnp_op_verify_t, rnp_verify_free)

struct verifier {
	rnp_ffi_t ffi;
};

static int verifier_open(struct verifier **ret, struct err *err)
{
	struct verifier *v = xcalloc(1, sizeof(*v));

	/* The library tells its doubts on stderr, which belongs to the person. */
	setenv("RNP_LOG_CONSOLE", "0", 1);
	if (rnp_ffi_create(&v->ffi, "GPG", "GPG") != RNP_SUCCESS) {
		free(v);
		return err_set(err, -ENOMEM, "cannot start the OpenPGP library");
	}
	*ret = v;
	return 0;
}

void verifier_free(struct verifier *v)
{
	if (!v)
		return;
	rnp_ffi_destroy(v->ffi);
	free(v);
}

static char *lower(const char *s)
{
	char *copy = xstrdup(s);

	for (char *p = copy; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return copy;
}

static char *key_fingerprint(rnp_key_handle_t key)
{
	AUTO(rnp_text_free) char *text = NULL;

	return rnp_key_get_fprint(key, &text) == RNP_SUCCESS ? lower(text) : xstrdup("");
}

/*
 * Imports the first entity of the text; *ret_fingerprint is its primary key's.
 * The library's answer lists what it took as JSON, the primary key first.
 */
static int import(struct verifier *v, const char *text, size_t len, char **ret_fingerprint, struct err *err)
{
	AUTO(rnp_input_free) rnp_input_t in = NULL;
	AUTO(rnp_text_free) char *taken = NULL;
	AUTO(json_free) struct json *json = NULL;
	const struct json_value *list;
	const char *fingerprint;
	rnp_result_t r;

	if (!len)
		return err_set(err, -ERR_BAD_INPUT, "missing opengpg entity");
	if (rnp_input_from_memory(&in, (const uint8_t *)text, len, false) != RNP_SUCCESS)
		return err_set(err, -ENOMEM, "cannot read the key");
	r = rnp_import_keys(v->ffi, in, RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SINGLE, &taken);
	if (r == RNP_ERROR_EOF)
		return err_set(err, -ERR_BAD_INPUT, "missing opengpg entity");
	if (r != RNP_SUCCESS || !taken)
		return err_set(err, -ERR_BAD_INPUT, "not an OpenPGP public key");
	if (json_parse(taken, strlen(taken), &json, err) < 0)
		return err_wrap(err, -ERR_BAD_INPUT, "cannot read what the OpenPGP library says");
	list = json_get(json_root(json), "keys");
	fingerprint = list && list->child ? json_get_text(list->child, "fingerprint") : NULL;
	if (!fingerprint)
		return err_set(err, -ERR_BAD_INPUT, "missing opengpg entity");
	*ret_fingerprint = lower(fingerprint);
	return 0;
}

int verifier_new(const struct wire_trusted *keys, size_t n, struct verifier **ret, struct err *err)
{
	AUTO(verifier_free) struct verifier *v = NULL;
	int r = verifier_open(&v, err);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		AUTO(free) char *fingerprint = NULL;

		r = import(v, keys[i].armor, strlen(keys[i].armor), &fingerprint, err);
		if (r < 0)
			return err_wrap(err, r, "cannot read trusted key '%s'", keys[i].fingerprint);
		if (!str_eq(fingerprint, keys[i].fingerprint))
			return err_set(err, -ERR_BAD_INPUT, "fingerprint mismatch: \"%s\":\"%s\"",
				       keys[i].fingerprint, fingerprint);
	}
	if (r >= 0)
		*ret = TAKE(v);
	return r;
}

/* Every user ID that the key vouches for, fit for a terminal and for JSON. */
static char **key_identities(rnp_key_handle_t key)
{
	char **list = NULL;
	size_t n = 0;

	if (rnp_key_get_uid_count(key, &n) != RNP_SUCCESS)
		return NULL;
	for (size_t i = 0; i < n && i < IDENTITIES_MAX; i++) {
		AUTO(rnp_uid_free) rnp_uid_handle_t uid = NULL;
		AUTO(rnp_text_free) char *text = NULL;
		uint32_t type = 0;
		bool valid = false;

		if (rnp_key_get_uid_handle_at(key, i, &uid) == RNP_SUCCESS &&
		    rnp_uid_get_type(uid, &type) == RNP_SUCCESS && type == RNP_USER_ID &&
		    rnp_uid_is_valid(uid, &valid) == RNP_SUCCESS && valid &&
		    rnp_key_get_uid_at(key, i, &text) == RNP_SUCCESS)
			strv_take(&list, str_printable(text));
	}
	return list;
}

static int locate(struct verifier *v, const char *fingerprint, rnp_key_handle_t *ret)
{
	return rnp_locate_key(v->ffi, "fingerprint", fingerprint, ret) == RNP_SUCCESS && *ret ? 0 : -ERR_NOT_FOUND;
}

/* The primary key of a key or subkey; a handle of its own. */
static int locate_primary(struct verifier *v, rnp_key_handle_t key, rnp_key_handle_t *ret)
{
	AUTO(rnp_text_free) char *primary = NULL;
	AUTO(free) char *own = NULL;
	bool sub = false;

	if (rnp_key_is_sub(key, &sub) != RNP_SUCCESS)
		return -ERR_NOT_FOUND;
	if (sub)
		return rnp_key_get_primary_fprint(key, &primary) == RNP_SUCCESS ? locate(v, primary, ret)
										: -ERR_NOT_FOUND;
	own = key_fingerprint(key);
	return locate(v, own, ret);
}

/* --- policy --------------------------------------------------------------- */

static int refuse(struct err *err, rnp_key_handle_t key, const char *why)
{
	AUTO(free) char *fingerprint = key_fingerprint(key);

	return err_set(err, -ERR_BAD_SIGNATURE, "openpgp: invalid signature: key %s %s", fingerprint, why);
}

static int check_key(rnp_key_handle_t key, struct err *err)
{
	AUTO(rnp_text_free) char *algorithm = NULL;
	bool revoked = true, expired = true, valid = false;
	uint32_t bits = 0;

	if (rnp_key_is_revoked(key, &revoked) != RNP_SUCCESS || revoked)
		return refuse(err, key, "was revoked");
	if (rnp_key_is_expired(key, &expired) != RNP_SUCCESS || expired)
		return refuse(err, key, "has expired");
	if (rnp_key_is_valid(key, &valid) != RNP_SUCCESS || !valid)
		return refuse(err, key, "is not valid");
	if (rnp_key_get_alg(key, &algorithm) != RNP_SUCCESS || rnp_key_get_bits(key, &bits) != RNP_SUCCESS)
		return refuse(err, key, "cannot be judged");
	if ((str_starts(algorithm, "RSA") || str_eq(algorithm, "DSA")) && bits < RSA_BITS_MIN)
		return refuse(err, key, "has fewer than 2048 bits");
	return 0;
}

static const char *const good_hashes[] = { "SHA224", "SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-512" };

static int check_hash(rnp_op_verify_signature_t signature, struct err *err)
{
	AUTO(rnp_text_free) char *hash = NULL;

	if (rnp_op_verify_signature_get_hash(signature, &hash) != RNP_SUCCESS)
		return err_set(err, -ERR_BAD_SIGNATURE, "openpgp: invalid signature: no hash");
	for (size_t i = 0; i < ARRAY_LEN(good_hashes); i++)
		if (strcasecmp(hash, good_hashes[i]) == 0)
			return 0;
	return err_set(err, -ERR_BAD_SIGNATURE, "openpgp: invalid signature: hash %s is too weak", hash);
}

/* --- verification ----------------------------------------------------------- */

enum data { DATA_MISSING, DATA_COMPLETE };

/* Says which key it was as far as the signature does, for who wants to look for it. */
static int unknown_entity(rnp_op_verify_signature_t signature, struct err *err)
{
	AUTO(rnp_signature_free) rnp_signature_handle_t handle = NULL;
	AUTO(rnp_text_free) char *key = NULL;

	if (signature && rnp_op_verify_signature_get_handle(signature, &handle) != RNP_SUCCESS)
		handle = NULL;	/* the library leaves what it has freed there */
	if (!handle || (rnp_signature_get_key_fprint(handle, &key) != RNP_SUCCESS &&
			rnp_signature_get_keyid(handle, &key) != RNP_SUCCESS) || !key)
		return err_set(err, -ERR_BAD_SIGNATURE, "openpgp: signature made by unknown entity");
	for (char *c = key; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return err_set(err, -ERR_BAD_SIGNATURE, "openpgp: signature made by unknown entity (key %s)", key);
}

/* Judges one signature after the library has gone over the data. 0: good. */
static int judge(struct verifier *v, rnp_op_verify_signature_t signature, enum data data, struct signer *ret,
		 struct err *err)
{
	AUTO(rnp_key_free) rnp_key_handle_t key = NULL;
	AUTO(rnp_key_free) rnp_key_handle_t primary = NULL;
	rnp_result_t status;
	int r;

	if (rnp_op_verify_signature_get_key(signature, &key) != RNP_SUCCESS || !key ||
	    locate_primary(v, key, &primary) < 0)
		return unknown_entity(signature, err);
	r = check_hash(signature, err);
	if (r >= 0)
		r = check_key(primary, err);
	if (r >= 0)
		r = check_key(key, err);
	if (r < 0 || data == DATA_MISSING)
		return r;
	status = rnp_op_verify_signature_get_status(signature);
	if (status == RNP_ERROR_SIGNATURE_EXPIRED)
		return err_set(err, -ERR_BAD_SIGNATURE, "openpgp: invalid signature: it has expired");
	if (status != RNP_SUCCESS)
		return err_set(err, -ERR_BAD_SIGNATURE, "openpgp: invalid signature: hash tag doesn't match");
	if (ret) {
		ret->fingerprint = key_fingerprint(primary);
		ret->identities = key_identities(primary);
	}
	return 0;
}

/* One good signature is enough. Of several bad ones the last by a key we know tells why. */
static int judge_all(struct verifier *v, rnp_op_verify_t op, enum data data, struct signer *ret, struct err *err)
{
	AUTO(err_clear) struct err why = {};
	rnp_op_verify_signature_t signature = NULL;
	size_t n = 0;
	bool known = false;

	if (rnp_op_verify_get_signature_count(op, &n) != RNP_SUCCESS || !n)
		return err_set(err, -ERR_BAD_SIGNATURE, "keystore: no valid signatures found in signature file");
	for (size_t i = 0; i < n; i++) {
		AUTO(rnp_key_free) rnp_key_handle_t key = NULL;

		if (rnp_op_verify_get_signature_at(op, i, &signature) != RNP_SUCCESS)
			continue;
		if (rnp_op_verify_signature_get_key(signature, &key) != RNP_SUCCESS || !key)
			continue;
		known = true;
		if (judge(v, signature, data, ret, &why) == 0)
			return 0;
	}
	if (!known)
		return unknown_entity(signature, err);
	return err_set(err, -ERR_BAD_SIGNATURE, "%s", why.chain ? why.chain[0] : "openpgp: invalid signature");
}

/* What a file holds, read by position, so that nobody's file offset matters. fd -1: nothing. */
struct file_data {
	int fd;
	off_t at;
	bool failed;
};

static bool file_data_read(void *arg, void *data, size_t len, size_t *ret_len)
{
	struct file_data *f = arg;
	ssize_t n = 0;

	do
		n = f->fd < 0 ? 0 : pread(f->fd, data, len, f->at);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		f->failed = true;
		return false;
	}
	f->at += n;
	*ret_len = (size_t)n;
	return true;
}

static int no_library(struct err *err) { return err_set(err, -ENOMEM, "cannot start the OpenPGP library"); }

/* The library goes over the data; what it found is to be asked signature by signature. */
static int execute(struct verifier *v, rnp_input_t data, const char *text, size_t len, rnp_op_verify_t *ret,
		   struct err *err)
{
	AUTO(rnp_input_free) rnp_input_t signature = NULL;
	AUTO(free) unsigned char *packets = NULL;
	size_t packets_len = 0;
	int r = signature_packets(text, len, &packets, &packets_len, err);

	if (r < 0)
		return r;
	if (rnp_input_from_memory(&signature, packets, packets_len, false) != RNP_SUCCESS ||
	    rnp_op_verify_detached_create(ret, v->ffi, data, signature) != RNP_SUCCESS)
		return no_library(err);
	(void)rnp_op_verify_execute(*ret);
	return 0;
}

static int verify_file(struct verifier *v, int data_fd, const char *text, size_t len, struct signer *ret,
		       struct err *err)
{
	AUTO(rnp_input_free) rnp_input_t in = NULL;
	AUTO(rnp_verify_free) rnp_op_verify_t op = NULL;
	struct file_data data = { .fd = data_fd };
	int r;

	if (rnp_input_from_callback(&in, file_data_read, NULL, &data) != RNP_SUCCESS)
		return no_library(err);
	r = execute(v, in, text, len, &op, err);
	if (data.failed)
		return err_set(err, -EIO, "cannot read the image");
	return r < 0 ? r : judge_all(v, op, data_fd < 0 ? DATA_MISSING : DATA_COMPLETE, ret, err);
}

int verifier_knows(struct verifier *v, const char *signature, size_t len, struct err *err)
{
	return verify_file(v, -1, signature, len, NULL, err);
}

int verifier_check(struct verifier *v, int data_fd, const char *signature, size_t len, struct signer *ret,
		   struct err *err)
{
	return verify_file(v, data_fd, signature, len, ret, err);
}

int verifier_check_text(struct verifier *v, const char *data, const char *signature, size_t len,
			struct signer *ret, struct err *err)
{
	AUTO(rnp_input_free) rnp_input_t in = NULL;
	AUTO(rnp_verify_free) rnp_op_verify_t op = NULL;
	int r;

	if (rnp_input_from_memory(&in, (const uint8_t *)data, strlen(data), false) != RNP_SUCCESS)
		return no_library(err);
	r = execute(v, in, signature, len, &op, err);
	return r < 0 ? r : judge_all(v, op, DATA_COMPLETE, ret, err);
}

void signer_clear(struct signer *s)
{
	free(s->fingerprint);
	strv_free(s->identities);
	*s = (struct signer){};
}

/* --- reading a key ------------------------------------------------------------ */

static char **key_subkeys(rnp_key_handle_t key)
{
	char **list = NULL;
	size_t n = 0;

	if (rnp_key_get_subkey_count(key, &n) != RNP_SUCCESS)
		return NULL;
	for (size_t i = 0; i < n && i < SUBKEYS_MAX; i++) {
		AUTO(rnp_key_free) rnp_key_handle_t sub = NULL;

		if (rnp_key_get_subkey_at(key, i, &sub) == RNP_SUCCESS && sub)
			strv_take(&list, key_fingerprint(sub));
	}
	return list;
}

int key_read(const char *text, size_t len, struct wire_key *ret, struct err *err)
{
	AUTO(verifier_free) struct verifier *v = NULL;
	AUTO(rnp_key_free) rnp_key_handle_t key = NULL;
	AUTO(free) char *fingerprint = NULL;
	size_t skip = strspn(text, " \t\r\n");
	bool primary = false;
	int r;

	if (!len)
		return err_set(err, -ERR_BAD_INPUT, "missing opengpg entity");
	if (strlen(text) != len || !str_starts(text + skip, KEY_BEGIN))
		return err_set(err, -ERR_BAD_INPUT, "not an armored OpenPGP public key");
	r = verifier_open(&v, err);
	if (r < 0)
		return r;
	r = import(v, text, len, &fingerprint, err);
	if (r < 0)
		return r;
	if (strlen(fingerprint) != 40 || locate(v, fingerprint, &key) < 0 ||
	    rnp_key_is_primary(key, &primary) != RNP_SUCCESS || !primary)
		return err_set(err, -ERR_BAD_INPUT, "missing opengpg entity");
	ret->fingerprint = TAKE(fingerprint);
	ret->armor = xstrdup(text);
	ret->identities = key_identities(key);
	ret->subkeys = key_subkeys(key);
	return 0;
}
