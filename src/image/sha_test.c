#include "image/sha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* FIPS 180-4's own examples. */
#define ABC_256 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_512 "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
#define EMPTY_256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_known_digests(void **state)
{
	static const struct { const char *like, *data, *digest; } cases[] = {
		{ "sha256:", "abc", ABC_256 }, { "sha512:", "abc", ABC_512 }, { "sha256:", "", EMPTY_256 },
		{ ABC_512, "abc", ABC_512 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(free) char *digest = sha_digest(cases[i].like, cases[i].data, strlen(cases[i].data));

		assert_string_equal(digest, cases[i].digest);
	}
}

static void test_in_pieces(void **state)
{
	AUTO(sha_free) struct sha *s = sha_new(ABC_256);
	AUTO(free) char *digest = NULL;

	sha_add(s, "a", 1);
	sha_add(s, "", 0);
	sha_add(s, "bc", 2);
	digest = sha_finish(s);
	assert_string_equal(digest, ABC_256);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_digests),
		cmocka_unit_test(test_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
