#include "image/cosign.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/fd.h"
#include "image/fingerprint.h"

/* The keys and signatures in SEEDS_DIR are openssl's. */
#define P256	"cosign-99f485f9b1db47f0bf97d94b44c8849617235f583924a8ee4b9958e4b295899a"
#define OTHER	"cosign-647b2003cafe4b33557a121e27167e0d500f850155c78987e0fc0d3366c833f2"
#define DIGEST	"sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
#define WRONG	"sha256:0000000000000000000000000000000000000000000000000000000000000000"

#define STRANGER "cosign: signature made by unknown entity"
#define BAD	 "cosign: invalid signature: "

static const struct cosign_image busybox = {
	.digest = DIGEST, .registry = "registry-1.docker.io", .repository = "library/busybox", .tag = "latest",
};

static char *seed(const char *name, const char *ending)
{
	AUTO(free) char *path = xasprintf(SEEDS_DIR "/cosign/%s%s", name, ending);
	char *data = NULL;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data, NULL), 0);
	return data;
}

static struct cosign_keys *keys_of(const char *name)
{
	AUTO(free) char *pem = seed(name, ".pub");
	AUTO(free) char *fingerprint = NULL;
	struct wire_trusted trusted = { .armor = pem };
	struct cosign_keys *keys = NULL;

	assert_int_equal(cosign_key_read(pem, strlen(pem), &fingerprint, NULL), 0);
	assert_int_equal(fingerprint_kind(fingerprint), TRUST_COSIGN);
	trusted.fingerprint = fingerprint;
	assert_int_equal(cosign_keys_new(&trusted, 1, &keys, NULL), 0);
	return keys;
}

static void reading_keys(void **state)
{
	static const char *const bad[] = { "rsa1024", "p224", "k256", "explicit" };
	AUTO(free) char *pem = seed("p256", ".pub");
	AUTO(free) char *crlf = xasprintf("\r\n %s\r\n", pem);
	AUTO(free) char *two = xasprintf("%s%s", pem, pem);
	AUTO(free) char *junk = xasprintf("junk\n%s", pem);
	AUTO(free) char *fingerprint = NULL;
	AUTO(free) char *again = NULL;
	AUTO(err_clear) struct err err = {};
	char *none = NULL;

	assert_int_equal(cosign_key_read(pem, strlen(pem), &fingerprint, NULL), 0);
	assert_string_equal(fingerprint, P256);	/* what "openssl pkey -pubin -outform DER | sha256sum" says */
	assert_int_equal(cosign_key_read(crlf, strlen(crlf), &again, NULL), 0);
	assert_string_equal(again, P256);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(free) char *text = seed(bad[i], ".pub");

		assert_int_equal(cosign_key_read(text, strlen(text), &none, &err), -ERR_BAD_INPUT);
		assert_non_null(strstr(err.chain[0], "not supported"));
	}
	assert_int_equal(cosign_key_read("", 0, &none, &err), -ERR_BAD_INPUT);
	assert_int_equal(cosign_key_read(two, strlen(two), &none, &err), -ERR_BAD_INPUT);
	assert_int_equal(cosign_key_read(junk, strlen(junk), &none, &err), -ERR_BAD_INPUT);
	assert_int_equal(cosign_key_read(pem, strlen(pem) - 10, &none, &err), -ERR_BAD_INPUT);
	assert_int_equal(cosign_key_read(pem, strlen(pem) + 1, &none, &err), -ERR_BAD_INPUT);	/* a NUL */
	assert_int_equal(cosign_key_read(pem, COSIGN_KEY_MAX + 1, &none, &err), -ERR_BAD_INPUT);
	pem[60] ^= 1;
	assert_int_equal(cosign_key_read(pem, strlen(pem), &none, &err), -ERR_BAD_INPUT);
	assert_null(none);
}

static void filed_under_a_wrong_name(void **state)
{
	AUTO(free) char *pem = seed("p256", ".pub");
	AUTO(err_clear) struct err err = {};
	struct wire_trusted trusted = { (char[]){ OTHER }, pem };
	struct cosign_keys *keys = NULL;

	assert_int_equal(cosign_keys_new(&trusted, 1, &keys, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "fingerprint mismatch: \"" OTHER "\":\"" P256 "\"");
	assert_null(keys);
}

static const struct { const char *key, *signature, *words; } cases[] = {
	{ "p256", "p256", NULL },
	{ "p384", "p384", NULL },		/* with SHA-256 */
	{ "p384", "p384-sha384", NULL },
	{ "p521", "p521", NULL },
	{ "ed25519", "ed25519", NULL },
	{ "rsa", "rsa", NULL },
	{ "other", "p256", STRANGER },
	{ "p256", "p384", STRANGER },
	{ "ed25519", "p256", STRANGER },
	{ "p256", "p256-sha1", STRANGER },
};

static void signatures(void **state)
{
	AUTO(free) char *payload = seed("payload", ".json");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(cosign_keys_free) struct cosign_keys *keys = keys_of(cases[i].key);
		AUTO(free) char *signature = seed(cases[i].signature, ".sig");
		AUTO(free) char *signer = NULL;
		AUTO(err_clear) struct err err = {};
		int r = cosign_check(keys, payload, strlen(payload), signature, &busybox, &signer, &err);

		print_message("%s by %s\n", cases[i].signature, cases[i].key);
		assert_int_equal(r, cases[i].words ? -ERR_BAD_SIGNATURE : 0);
		if (cases[i].words)
			assert_string_equal(err.chain[0], cases[i].words);
		assert_int_equal(!!signer, !cases[i].words);
	}
}

static int check_by_p256(const char *payload, const char *signature, char **ret, struct err *err)
{
	AUTO(cosign_keys_free) struct cosign_keys *keys = keys_of("p256");

	return cosign_check(keys, payload, strlen(payload), signature, &busybox, ret, err);
}

static void tampering(void **state)
{
	AUTO(free) char *payload = seed("payload", ".json");
	AUTO(free) char *signature = seed("p256", ".sig");
	AUTO(free) char *blank = xasprintf("%s\n", signature);
	AUTO(free) char *longer = xasprintf("%s ", payload);
	AUTO(free) char *signer = NULL;
	AUTO(err_clear) struct err err = {};

	assert_int_equal(check_by_p256(payload, signature, &signer, &err), 0);
	assert_string_equal(signer, P256);
	assert_int_equal(check_by_p256(longer, signature, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], STRANGER);
	assert_int_equal(check_by_p256(payload, blank, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], BAD "not base64");
	assert_int_equal(check_by_p256(payload, "", &signer, &err), -ERR_BAD_SIGNATURE);
	payload[strlen(payload) / 2] ^= 1;
	assert_int_equal(check_by_p256(payload, signature, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], STRANGER);
}

#define CRITICAL(identity, about, type, more) \
	"{\"critical\":{\"identity\":{" identity "},\"image\":{" about "},\"type\":\"" type "\"" more "},\"optional\":{}}"
#define REFERENCE(name) "\"docker-reference\":\"" name "\""
#define ABOUT(digest)	"\"docker-manifest-digest\":\"" digest "\""
#define TYPE		"cosign container image signature"
#define FOR(name)	CRITICAL(REFERENCE(name), ABOUT(DIGEST), TYPE, "")

static const struct { const char *payload, *words; } payloads[] = {
	{ FOR("index.docker.io/library/busybox"), NULL },
	{ FOR("docker.io/library/busybox:latest"), NULL },
	{ FOR("busybox"), NULL },
	{ FOR("docker.io/library/busybox@" WRONG), NULL },	/* the index that the image is of, say */
	{ FOR(""), NULL },
	{ CRITICAL("", ABOUT(DIGEST), TYPE, ""), NULL },
	{ FOR("docker.io/library/busybox:1.0"), "cosign: the signature is for \"docker.io/library/busybox:1.0\", "
						"not for \"registry-1.docker.io/library/busybox:latest\"" },
	{ FOR("docker.io/evil/busybox"), "cosign: the signature is for \"docker.io/evil/busybox\", not for "
					 "\"registry-1.docker.io/library/busybox:latest\"" },
	{ FOR("docker.io/library/busybox/x"), "is for" },
	{ FOR("quay.io/library/busybox"), "is for" },
	{ FOR("Not A Name"), "is for" },
	{ CRITICAL(REFERENCE("busybox"), ABOUT(WRONG), TYPE, ""), BAD "it is over another image" },
	{ CRITICAL(REFERENCE("busybox"), "", TYPE, ""), BAD "it is over another image" },
	{ CRITICAL(REFERENCE("busybox"), ABOUT(DIGEST), "atomic container signature", ""), "another type" },
	{ CRITICAL(REFERENCE("busybox"), ABOUT(DIGEST), TYPE, ",\"until\":1"), "not the form" },
	{ CRITICAL(REFERENCE("busybox") ",\"x\":1", ABOUT(DIGEST), TYPE, ""), "not the form" },
	{ CRITICAL(REFERENCE("busybox"), ABOUT(DIGEST) ",\"x\":1", TYPE, ""), "not the form" },
	{ CRITICAL("\"docker-reference\":1", ABOUT(DIGEST), TYPE, ""), "not the form" },
	{ "{\"critical\":{\"type\":\"" TYPE "\",\"image\":{" ABOUT(DIGEST) "}}}", "not the form" },
	{ CRITICAL(REFERENCE("busybox"), ABOUT(WRONG) "," ABOUT(DIGEST), TYPE, ""), "no JSON" },	/* twice */
	{ "{\"critical\":{},\"critical\":{}}", "no JSON" },
	{ "[]", "not the form" }, { "null", "not the form" }, { "", "no JSON" },
};

static void what_is_signed(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
		const char *text = payloads[i].payload;
		AUTO(err_clear) struct err err = {};
		int r = cosign_payload_check(text, strlen(text), &busybox, &err);

		print_message("%s\n", text);
		assert_int_equal(r, payloads[i].words ? -ERR_BAD_SIGNATURE : 0);
		if (payloads[i].words)
			assert_non_null(strstr(err.chain[0], payloads[i].words));
	}
}

static void where_it_came_from(void **state)
{
	static const char named[] = FOR("docker.io/library/busybox:1.0"), nameless[] = FOR("");
	AUTO(err_clear) struct err err = {};
	struct cosign_image image = busybox;

	image.tag = NULL;	/* a digest was asked for: it may have any tag */
	assert_int_equal(cosign_payload_check(named, strlen(named), &image, NULL), 0);
	image.registry = "localhost:5000";
	assert_int_equal(cosign_payload_check(named, strlen(named), &image, NULL), -ERR_BAD_SIGNATURE);
	image.registry = image.repository = NULL;	/* a file that tells no name */
	assert_int_equal(cosign_payload_check(named, strlen(named), &image, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], "cosign: the signature is for \"docker.io/library/busybox:1.0\", and nothing in the "
					  "file says that the image is called so");
	assert_int_equal(cosign_payload_check(nameless, strlen(nameless), &image, NULL), 0);
}

static int bundle(const char *name, const char *from, const char *to, char **ret, struct err *err)
{
	AUTO(cosign_keys_free) struct cosign_keys *keys = keys_of("p256");
	AUTO(free) char *text = seed(name, ".json");
	char *at = strstr(text, from);

	assert_true(at && strlen(from) == strlen(to));
	memcpy(at, to, strlen(to));
	return cosign_check_bundle(keys, text, strlen(text), &busybox, ret, err);
}

static void bundles(void **state)
{
	AUTO(cosign_keys_free) struct cosign_keys *others = keys_of("other");
	AUTO(free) char *text = seed("bundle", ".json");
	AUTO(free) char *signer = NULL;
	AUTO(err_clear) struct err err = {};
	struct cosign_image other = busybox;

	assert_int_equal(bundle("bundle", "v0.3", "v0.3", &signer, &err), 0);
	assert_string_equal(signer, P256);
	assert_int_equal(bundle("bundle", "in-toto+json", "in-toto-json", &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], BAD "its bundle is of another type");
	assert_int_equal(bundle("bundle", "\"sig\"", "\"gis\"", &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], BAD "not base64");
	assert_int_equal(bundle("bundle", "dsseEnvelope", "dsseenvelope", &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], BAD "its bundle has no signed statement");
	assert_int_equal(bundle("bundle", "eyJf", "eyJg", &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], STRANGER);
	assert_int_equal(bundle("attestation", "v0.3", "v0.3", &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], BAD "its statement is of another type");

	free(TAKE(signer));
	assert_int_equal(cosign_check_bundle(others, text, strlen(text), &busybox, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], STRANGER);
	other.digest = WRONG;
	cosign_keys_free(TAKE(others));
	others = keys_of("p256");
	assert_int_equal(cosign_check_bundle(others, text, strlen(text), &other, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_string_equal(err.chain[0], BAD "it is over another image");
	assert_int_equal(cosign_check_bundle(others, "{}", 2, &busybox, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_int_equal(cosign_check_bundle(others, "{", 1, &busybox, &signer, &err), -ERR_BAD_SIGNATURE);
	assert_null(signer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_keys), cmocka_unit_test(filed_under_a_wrong_name), cmocka_unit_test(signatures),
		cmocka_unit_test(tampering), cmocka_unit_test(what_is_signed), cmocka_unit_test(where_it_came_from),
		cmocka_unit_test(bundles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
