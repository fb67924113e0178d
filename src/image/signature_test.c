#include "image/signature.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"

#define GOOD "6ea08694c56bd508eb889dd306e7f67d54c9b5c5"
#define RSA  "a9ca8c6db73c20ee4481d1a259d32e6fe446e729"
#define WEAK "a226f7e76bb22a30a110d72b958e031a76912a8c"
#define GONE "0fb5c9023840dff3cdfdd723f7429f4136a2c5d8"
#define SUB  "a39541bee4bc6545b3c6facacbac057254e95758"
#define OLD  "787ed0ba9a713937869e9f992fadf970f7a4a428"

#define BAD_HASH "openpgp: invalid signature: hash tag doesn't match"
#define NOBODY	 "openpgp: signature made by unknown entity (key " RSA ")"
#define NO_FILE	 "keystore: no valid signatures found in signature file"

/* SEEDS_DIR holds what the fuzzers start from; the same files are read here. */
static char *seed(const char *name, size_t *ret_len)
{
	AUTO(free) char *path = xasprintf(SEEDS_DIR "/%s", name);
	char *data = NULL;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data, ret_len), 0);
	return data;
}

static struct verifier *verifier(const char *key, const char *fingerprint)
{
	AUTO(free) char *name = xasprintf("pgp_key/%s.asc", key);
	AUTO(free) char *file = xstrdup(fingerprint);
	AUTO(free) char *armor = seed(name, NULL);
	struct wire_trusted trusted = { file, armor };
	struct verifier *v = NULL;

	assert_int_equal(verifier_new(&trusted, 1, &v, NULL), 0);
	return v;
}

static const struct {
	const char *key, *fingerprint, *signature;
	const char *words;	/* NULL: it verifies */
} cases[] = {
	{ "good", GOOD, "good.asc", NULL },
	{ "good", GOOD, "good.sig", NULL },
	{ "good", GOOD, "both.sig", NULL },
	{ "rsa",  RSA,  "both.sig", NULL },
	{ "rsa",  RSA,  "rsa.asc",  NULL },
	{ "sub",  SUB,  "sub.asc",  NULL },
	{ "two",  GOOD, "rsa.asc",  NOBODY },		/* only a file's first key counts */
	{ "good", GOOD, "rsa.asc",  NOBODY },
	{ "good", GOOD, "other.asc", BAD_HASH },
	{ "good", GOOD, "expired.sig", "openpgp: invalid signature: it has expired" },
	{ "good", GOOD, "sha1.sig", "openpgp: invalid signature: hash SHA1 is too weak" },
	{ "rsa",  RSA,  "md5.sig",  "openpgp: invalid signature: hash MD5 is too weak" },
	{ "weak", WEAK, "weak.asc", "openpgp: invalid signature: key " WEAK " has fewer than 2048 bits" },
	{ "gone", GONE, "gone.asc", "openpgp: invalid signature: key " GONE " was revoked" },
	{ "old",  OLD,  "old.asc",  "openpgp: invalid signature: key " OLD " has expired" },
	{ "good", GOOD, "text.sig", NO_FILE },		/* type 0x01 */
	{ "good", GOOD, "inline.asc", NO_FILE },
	{ "good", GOOD, "clear.asc", NO_FILE },
	{ "good", GOOD, "data", NO_FILE },
};

static void verification(void **state)
{
	AUTO(close) int fd = open(SEEDS_DIR "/pgp_signature/data", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(verifier_free) struct verifier *v = verifier(cases[i].key, cases[i].fingerprint);
		AUTO(free) char *name = xasprintf("pgp_signature/%s", cases[i].signature);
		AUTO(signer_clear) struct signer signer = {};
		AUTO(err_clear) struct err err = {};
		size_t len = 0;
		AUTO(free) char *signature = seed(name, &len);
		int r = verifier_check(v, fd, signature, len, &signer, &err);

		print_message("%s by %s\n", cases[i].signature, cases[i].key);
		assert_int_equal(r, cases[i].words ? -ERR_BAD_SIGNATURE : 0);
		if (cases[i].words) {
			assert_string_equal(err.chain[0], cases[i].words);
			assert_null(signer.fingerprint);
		} else {
			assert_string_equal(signer.fingerprint, cases[i].fingerprint);
			assert_non_null(strchr(signer.identities[0], '@'));
		}
	}
}

static void text(void **state)
{
	AUTO(verifier_free) struct verifier *v = verifier("good", GOOD);
	AUTO(signer_clear) struct signer signer = {};
	AUTO(err_clear) struct err err = {};
	size_t len = 0;
	AUTO(free) char *signature = seed("pgp_signature/good.asc", &len);
	AUTO(free) char *data = seed("pgp_signature/data", NULL);

	assert_int_equal(verifier_check_text(v, data, signature, len, &signer, NULL), 0);
	assert_string_equal(signer.fingerprint, GOOD);
	signer_clear(&signer);
	*data ^= 1;
	assert_int_equal(verifier_check_text(v, data, signature, len, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], BAD_HASH);
	assert_int_equal(verifier_check_text(v, data, "", 0, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], NO_FILE);
	assert_null(signer.fingerprint);
}

static void before_the_data(void **state)
{
	AUTO(verifier_free) struct verifier *v = verifier("good", GOOD);
	AUTO(err_clear) struct err err = {};
	size_t len = 0, rsa_len = 0;
	AUTO(free) char *good = seed("pgp_signature/good.asc", &len);
	AUTO(free) char *rsa = seed("pgp_signature/rsa.asc", &rsa_len);

	assert_int_equal(verifier_knows(v, good, len, NULL), 0);
	assert_int_equal(verifier_knows(v, rsa, rsa_len, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], NOBODY);
	assert_int_equal(verifier_knows(v, "", 0, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], NO_FILE);
}

static void filed_under_a_wrong_name(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *armor = seed("pgp_key/good.asc", NULL);
	struct wire_trusted trusted = { (char[]){ RSA }, armor };
	struct verifier *v = NULL;

	assert_int_equal(verifier_new(&trusted, 1, &v, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "fingerprint mismatch: \"" RSA "\":\"" GOOD "\"");
	assert_null(v);
}

/* The file of a good signature with something around or in it. */
static int packets_of(const char *before, const char *after, size_t cut)
{
	size_t len = 0, packets_len = 0;
	AUTO(free) char *good = seed("pgp_signature/good.asc", &len);
	AUTO(free) char *text = NULL;
	unsigned char *packets = NULL;
	int r;

	good[len - cut] = 0;
	text = xasprintf("%s%s%s", before, good, after);
	r = signature_packets(text, strlen(text), &packets, &packets_len, NULL);
	free(packets);
	return r;
}

static void armor(void **state)
{
	assert_int_equal(packets_of("", "", 0), 0);
	assert_int_equal(packets_of("\n  \n", "\n\n", 0), 0);
	assert_int_equal(packets_of("junk\n", "", 0), -ERR_BAD_SIGNATURE);
	assert_int_equal(packets_of("", "junk\n", 0), -ERR_BAD_SIGNATURE);
	assert_int_equal(packets_of("", "", 5), -ERR_BAD_SIGNATURE);	/* no end line */
	assert_int_equal(packets_of("", "", 100), -ERR_BAD_SIGNATURE);
}

static void bad_packets(void **state)
{
	static const struct { const char *data; size_t len; } bad[] = {
		{ "\x88", 1 },			/* no length */
		{ "\x88\x04\x04\x00", 4 },	/* shorter than it says */
		{ "\x88\x03\x04\x00\x16", 5 },	/* shorter than any signature */
		{ "\x88\x04\x03\x00\x16\x08", 6 },	/* version 3 */
		{ "\x88\x04\x04\x01\x16\x08", 6 },	/* text */
		{ "\x8b\x04\x00\x16\x08", 5 },	/* length to the end of the file */
		{ "\xc2\xe1\x04\x00", 4 },	/* partial body */
		{ "\xcb\x04\x04\x00\x16\x08", 6 },	/* literal data */
		{ "\xc2\xff\xff\xff\xff\xff\x04\x00", 8 },
	};
	AUTO(free) unsigned char *good = NULL;
	size_t len = 0;

	assert_int_equal(signature_packets("\x88\x04\x04\x00\x16\x08", 6, &good, &len, NULL), 0);
	assert_int_equal(len, 6);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		unsigned char *packets = NULL;

		assert_int_equal(signature_packets(bad[i].data, bad[i].len, &packets, &len, NULL),
				 -ERR_BAD_SIGNATURE);
	}
}

static void reading_keys(void **state)
{
	AUTO(err_clear) struct err err = {};
	struct wire_reply reply = { .keys = xcalloc(1, sizeof(struct wire_key)), .n_keys = 1 };
	struct wire_key none = {};
	size_t len = 0;
	AUTO(free) char *text = seed("pgp_key/sub.asc", &len);

	assert_int_equal(key_read(text, len, &reply.keys[0], NULL), 0);
	assert_string_equal(reply.keys[0].fingerprint, SUB);
	assert_string_equal(reply.keys[0].identities[0], "Sub Signer <sub@example.com>");
	assert_int_equal(strv_len(reply.keys[0].identities), 1);
	assert_string_equal(reply.keys[0].subkeys[0], "070995e1d6ac62b19c6b8676321c0bced1f3e33b");
	assert_string_equal(reply.keys[0].armor, text);
	wire_reply_clear(&reply);

	assert_int_equal(key_read("", 0, &none, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "missing opengpg entity");
	assert_int_equal(key_read("hello", 5, &none, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "not an armored OpenPGP public key");
	text[len / 2] = '!';
	assert_int_equal(key_read(text, len, &none, &err), -ERR_BAD_INPUT);
	assert_null(none.fingerprint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verification), cmocka_unit_test(text), cmocka_unit_test(before_the_data),
		cmocka_unit_test(filed_under_a_wrong_name), cmocka_unit_test(armor),
		cmocka_unit_test(bad_packets), cmocka_unit_test(reading_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
