#include "stage0/stage0.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_words(struct err *err, const char *words)
{
	AUTO(free) char *told = err_text(err);

	assert_string_equal(told, words);
}

static void test_insecure(void **state)
{
	static const struct { const char *list; unsigned bits; const char *shown; } good[] = {
		{ "none", 0, "none" },
		{ "", 0, "none" },
		{ "image", INSECURE_IMAGE, "image" },
		{ "TLS,Image", INSECURE_IMAGE | INSECURE_TLS, "image,tls" },
		{ "ondisk", INSECURE_ONDISK, "ondisk" },
		{ "all-fetch", INSECURE_ALL_FETCH, "image,tls,http,pubkey" },
		{ "all-run", INSECURE_ALL_RUN, "capabilities,paths,seccomp" },
		{ "all", INSECURE_ALL, "image,tls,ondisk,http,pubkey,capabilities,paths,seccomp" },
		{ "none,seccomp", INSECURE_SECCOMP, "seccomp" },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(free) char *shown = NULL;
		unsigned bits = 12345;

		assert_int_equal(insecure_parse(good[i].list, &bits, NULL), 0);
		assert_int_equal(bits, good[i].bits);
		shown = insecure_format(bits);
		assert_string_equal(shown, good[i].shown);
	}
}

static void test_insecure_faults(void **state)
{
	static const struct { const char *list, *words; } bad[] = {
		{ "bogus", "unknown option \"bogus\"" },
		{ "image,", "unknown option \"\"" },
		{ "image, tls", "unknown option \" tls\"" },
		{ "image,tls,IMAGE", "duplicated option \"image\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(err_clear) struct err err = {};
		unsigned bits = 0;

		assert_int_equal(insecure_parse(bad[i].list, &bits, &err), -ERR_USAGE);
		assert_words(&err, bad[i].words);
		assert_int_equal(bits, 0);
	}
}

static void test_profile(void **state)
{
	AUTO(err_clear) struct err err = {};
	enum profile p = PROFILE_RKT;

	assert_int_equal(profile_parse("hardened", &p, NULL), 0);
	assert_int_equal(p, PROFILE_HARDENED);
	assert_int_equal(profile_parse("rkt", &p, NULL), 0);
	assert_string_equal(profile_name(p), "rkt");
	assert_int_equal(profile_parse("Hardened", &p, &err), -ERR_USAGE);
	assert_words(&err, "unknown security profile \"Hardened\": it is one of hardened, rkt");
	assert_int_equal(p, PROFILE_RKT);
}

static void test_pull_policy(void **state)
{
	static const struct { const char *word; enum pull_policy policy; } good[] = {
		{ "new", PULL_NEW }, { "update", PULL_UPDATE }, { "never", PULL_NEVER },
	};
	AUTO(err_clear) struct err err = {};
	enum pull_policy policy = PULL_NEW;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(pull_policy_parse(good[i].word, &policy, NULL), 0);
		assert_int_equal(policy, good[i].policy);
	}
	assert_int_equal(pull_policy_parse("always", &policy, &err), -ERR_USAGE);
	assert_words(&err, "unknown pull policy \"always\": it is one of never, new, update");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_insecure),
		cmocka_unit_test(test_insecure_faults),
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_pull_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
