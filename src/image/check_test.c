#include "image/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define L(name, value) { (char[]){ name }, (char[]){ value } }

static void asked(void **state)
{
	struct label has[] = { L("version", "2"), L("os", "linux") };
	struct image_manifest m = { .name = (char[]){ "a.com/x" }, .labels = has, .n_labels = 2 };
	const struct label same[] = { L("os", "linux"), L("version", "2") }, other[] = { L("version", "1") },
			   more[] = { L("arch", "amd64") };
	AUTO(err_clear) struct err err = {};

	assert_int_equal(image_check_asked(&m, "a.com/x", same, 2, NULL), 0);
	assert_int_equal(image_check_asked(&m, "a.com/x", NULL, 0, NULL), 0);
	assert_int_equal(image_check_asked(&m, "a.com/y", same, 2, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0],
			    "error when reading the app name: \"a.com/y\" expected but \"a.com/x\" found");
	assert_int_equal(image_check_asked(&m, "a.com/x", other, 1, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "requested value for label \"version\": \"1\" differs from fetched aci "
					  "label value: \"2\"");
	assert_int_equal(image_check_asked(&m, "a.com/x", more, 1, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "requested label \"arch\" not provided by the image manifest");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(asked) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
