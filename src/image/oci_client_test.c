#include "image/oci_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void layout_paths(void **state)
{
	static const char *const good[] = { "oci-layout", "index.json", "blobs/sha256/" HEX64,
					    "blobs/sha512/" HEX64 HEX64 };
	static const char *const bad[] = {
		"", "/etc/shadow", "blobs", "blobs/", "blobs/sha256", "blobs/sha256/", "blobs/sha256/..", "../index.json",
		"blobs/sha256/" HEX64 "/x", "blobs/sha256/../" HEX64, "blobs/sha256:" HEX64, "blobs/sha1/" HEX64,
		"blobs//sha256/" HEX64, "blobs/sha256/" HEX64 HEX64, "index.json/", "./index.json", "blobs:sha256/" HEX64,
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(oci_layout_path_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(oci_layout_path_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(layout_paths) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
