#include "image/trust.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/keystore.h"

#define KEY "8d9d2fc756c14fe900814ad6fa1f9c1007ad22e7"

#define COSIGN "cosign-99f485f9b1db47f0bf97d94b44c8849617235f583924a8ee4b9958e4b295899a"

static char *identities[] = { (char[]){ "A B <a@b.com>" }, (char[]){ "evil\x1b[2J\n" }, NULL };
static char *subkeys[] = { (char[]){ KEY }, NULL };
static const struct found_key key = {
	.location = (char[]){ "https://a.com/key" }, .armor = (char[]){ "armor" }, .fingerprint = (char[]){ KEY },
	.subkeys = subkeys, .identities = identities,
};

static void texts(void **state)
{
	AUTO(free) char *text = key_text(&key);

	assert_string_equal(text,
		"gpg key fingerprint is: 8D9D 2FC7 56C1 4FE9 0081  4AD6 FA1F 9C10 07AD 22E7\n"
		"    Subkey fingerprint: 8D9D 2FC7 56C1 4FE9 0081  4AD6 FA1F 9C10 07AD 22E7\n"
		"\tA B <a@b.com>\n"
		"\tevil\\x1b[2J\\x0a\n");
}

static void cosign_texts(void **state)
{
	const struct found_key cosign = { .fingerprint = (char[]){ COSIGN } };
	AUTO(free) char *text = key_text(&cosign);

	assert_string_equal(text, "cosign key fingerprint is: "
				  "99f485f9b1db47f0bf97d94b44c8849617235f583924a8ee4b9958e4b295899a\n");
}

/* Runs the review with stdin from /dev/null and tells whether the key is trusted then. */
static int review(const struct fetch_config *config, enum key_review how, bool *ret_trusted, struct err *err)
{
	AUTO(close) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO(close) int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	int r;

	assert_true(dup2(null, STDIN_FILENO) == STDIN_FILENO);
	r = key_review_and_add(config, &key, "a.com", how, err);
	if (saved >= 0)
		dup2(saved, STDIN_FILENO);
	*ret_trusted = keystore_trusts(NULL, config->local_config, "a.com/x", KEY);
	return r;
}

static void reviews(void **state)
{
	AUTO(free) char *dir = xasprintf("%s/rkt-test-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	AUTO(err_clear) struct err err = {};
	struct fetch_config config = { .local_config = mkdtemp(dir) };
	bool trusted = true;

	assert_non_null(config.local_config);
	assert_int_equal(review(&config, KEY_ASK, &trusted, &err), -ENOTTY);
	assert_string_equal(err.chain[0], "error reviewing key");
	assert_string_equal(err.chain[1], "unable to ask user to review fingerprint due to lack of tty");
	assert_false(trusted);

	config.trust_keys_from_https = true;
	assert_int_equal(review(&config, KEY_ASK, &trusted, &err), 0);
	assert_true(trusted);
	assert_int_equal(tree_remove(AT_FDCWD, dir), 0);

	config.trust_keys_from_https = false;
	assert_int_equal(review(&config, KEY_SKIP_REVIEW, &trusted, &err), 0);
	assert_true(trusted);
	assert_int_equal(tree_remove(AT_FDCWD, dir), 0);
}

static int accept_unsigned(const struct fetch_config *config, enum key_review how, struct err *err)
{
	AUTO(close) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO(close) int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	int r;

	assert_true(dup2(null, STDIN_FILENO) == STDIN_FILENO);
	r = unsigned_review_and_accept(config, "a.com", how, err);
	if (saved >= 0)
		dup2(saved, STDIN_FILENO);
	return r;
}

static void accepting(void **state)
{
	AUTO(free) char *dir = xasprintf("%s/rkt-test-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	AUTO(err_clear) struct err err = {};
	struct fetch_config config = { .local_config = mkdtemp(dir), .trust_keys_from_https = true };

	assert_non_null(config.local_config);
	assert_int_equal(accept_unsigned(&config, KEY_ASK, &err), -ENOTTY);
	assert_string_equal(err.chain[0], "error accepting unsigned images");
	assert_false(keystore_accepts(NULL, dir, "a.com/x"));
	assert_int_equal(accept_unsigned(&config, KEY_SKIP_REVIEW, &err), 0);
	assert_true(keystore_accepts(NULL, dir, "a.com/x"));
	assert_int_equal(tree_remove(AT_FDCWD, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts), cmocka_unit_test(cosign_texts), cmocka_unit_test(reviews),
		cmocka_unit_test(accepting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
