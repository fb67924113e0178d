#include "spec/oci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_digests(void **state)
{
	static const char *const bad[] = {
		"", "sha256", "sha256:", "sha256:abc", "sha256:" HEX64 "0", "sha512:" HEX64, "sha256-" HEX64, "sha1:" HEX64,
		"md5:" HEX64, "SHA256:" HEX64, "sha256:../../0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
		"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", " sha256:" HEX64, "sha256:" HEX64 " ",
	};
	AUTO(free) char *key = oci_digest_key("sha256:" HEX64), *long_key = oci_digest_key("sha512:" HEX64 HEX64);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(oci_digest_valid(bad[i]));
	assert_false(oci_digest_valid(NULL));
	assert_true(oci_digest_valid("sha256:" HEX64));
	assert_true(oci_digest_valid("sha512:" HEX64 HEX64));
	assert_string_equal(key, "sha256-" HEX64);
	assert_string_equal(long_key, "sha512-" HEX64);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
