#include "spec/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef int check_fn(const char *s, struct err *err);

static void expect(check_fn *check, const char *const *good, const char *const *bad)
{
	for (; *good; good++)
		if (check(*good, NULL) != 0)
			fail_msg("'%s' was refused", *good);
	for (; *bad; bad++) {
		AUTO(err_clear) struct err err = {};

		if (check(*bad, &err) != -ERR_BAD_INPUT)
			fail_msg("'%s' was taken", *bad);
		assert_true(err.chain && *err.chain[0]);
	}
}

static char long_name[4096];

static void test_names(void **state)
{
	memset(long_name, 'a', sizeof(long_name) - 1);
	expect(ac_identifier_check, (const char *const[]){ "a", "0", "a-b.c_d~e/f", "example.com/a", NULL },
	       (const char *const[]){ "", "A", "a b", "-a", "a-", "a--b", "a/../b", "/a", "a\n", "é", "a:b", "a,b",
				      long_name, NULL });
	expect(ac_name_check, (const char *const[]){ "a", "0", "a-b-c1", NULL },
	       (const char *const[]){ "", "A", "a.b", "a/b", "..", "-", "-a", "a-", "a--b", "a_b", "a\n", long_name,
				      NULL });
	expect(env_name_check, (const char *const[]){ "A", "_", "a.b-c_1", NULL },
	       (const char *const[]){ "", "1A", ".a", "-a", "A=B", "A B", "Ä", "A\n", NULL });
	assert_int_equal(ac_identifier_check(NULL, NULL), -ERR_BAD_INPUT);
	assert_int_equal(ac_name_check(NULL, NULL), -ERR_BAD_INPUT);
}

static void test_name_from(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "example.com/my_app", "my-app" }, { "a", "a" }, { "x/A..B--c", "a-b-c" }, { "x/-a-", "a" },
		{ "x/___", NULL }, { "x/", NULL }, { "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *name = ac_name_from(cases[i].in);

		if (cases[i].out)
			assert_string_equal(name, cases[i].out);
		else
			assert_null(name);
	}
	for (size_t len = 150; len < 300; len++) {
		AUTO(free) char *in = xmalloc(len + 1), *name = NULL;

		for (size_t i = 0; i < len; i++)
			in[i] = i % 2 ? '-' : 'a';
		in[len] = 0;
		name = ac_name_from(in);
		assert_int_equal(ac_name_check(name, NULL), 0);
	}
}

static void test_versions(void **state)
{
	expect(ac_version_check,
	       (const char *const[]){ "0.8.11", "1.30.0", "2.0.0-dev", "1.0.0-rc.1+git.abc", "1.0.0+001", "0.0.1", NULL },
	       (const char *const[]){ "", "0.0.0", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+",
				      "1.2.3-a..b", "v1.2.3", "1.2.3 ", "1..3", "-1.2.3", "1.2.3-a_b", NULL });
}

static void test_dates(void **state)
{
	expect(date_check,
	       (const char *const[]){ "2014-10-27T19:32:27.67021798Z", "2016-02-29T00:00:00Z", "2000-12-31T23:59:60Z",
				      "2014-10-27T19:32:27+02:00", "2014-10-27T19:32:27.5-11:30", NULL },
	       (const char *const[]){ "", "2014", "2014-10-27", "2014-10-27 19:32:27Z", "2014-10-27T19:32:27",
				      "2014-13-01T00:00:00Z", "2014-00-01T00:00:00Z", "2015-02-29T00:00:00Z",
				      "2100-02-29T00:00:00Z", "2014-10-32T00:00:00Z", "2014-10-27T24:00:00Z",
				      "2014-10-27T19:60:00Z", "2014-10-27T19:32:27.Z", "2014-10-27T19:32:27+24:00",
				      "2014-10-27T19:32:27+2:00", "2014-10-27T19:32:27Zx", "2014-10-27t19:32:27z", NULL });
}

static void test_image_ids(void **state)
{
	char full[IMAGE_ID_LEN + 2];

	memset(full, 'a', sizeof(full));
	full[IMAGE_ID_LEN] = 0;
	memcpy(full, "sha512-", 7);
	expect(image_id_check, (const char *const[]){ "sha512-aa", "sha512-0123456789abcdef", full, NULL },
	       (const char *const[]){ "", "sha512", "sha512-", "sha512-a", "sha512-AA", "sha512-ag", "sha256-aa",
				      "-aa", "aa", "sha512-aa/..", NULL });
	full[IMAGE_ID_LEN] = 'a';
	full[IMAGE_ID_LEN + 1] = 0;
	assert_int_equal(image_id_check(full, NULL), -ERR_BAD_INPUT);
}

static void test_os_arch(void **state)
{
	assert_int_equal(os_arch_check("linux", "amd64", NULL), 0);
	assert_int_equal(os_arch_check("linux", host_arch(), NULL), 0);
	assert_int_equal(os_arch_check("linux", NULL, NULL), 0);
	assert_int_equal(os_arch_check(NULL, NULL, NULL), 0);
	assert_int_equal(os_arch_check("darwin", "amd64", NULL), -ERR_BAD_INPUT);
	assert_int_equal(os_arch_check("linux", "x86_64", NULL), -ERR_BAD_INPUT);
	assert_int_equal(os_arch_check(NULL, "", NULL), -ERR_BAD_INPUT);
}

static void test_labels(void **state)
{
	struct label *labels = NULL, *copy;
	size_t n = 0;

	assert_null(label_get(labels, n, "a"));
	assert_null(labels_copy(labels, n));
	label_set(&labels, &n, "a", "1");
	label_set(&labels, &n, "b", "2");
	copy = labels_copy(labels, n);
	label_set(&labels, &n, "a", label_get(labels, n, "a"));	/* its own value */
	label_set(&labels, &n, "b", "3");
	assert_int_equal(n, 2);
	assert_string_equal(label_get(labels, n, "a"), "1");
	assert_string_equal(label_get(labels, n, "b"), "3");
	assert_string_equal(label_get(copy, 2, "b"), "2");
	labels_free(labels, n);
	labels_free(copy, 2);
}

static void test_quantities(void **state)
{
	static const struct { const char *in; int r; int64_t whole, milli; } cases[] = {
		{ "0", 0, 0, 0 }, { "1", 0, 1, 1000 }, { "500m", 0, 1, 500 }, { "1500m", 0, 2, 1500 },
		{ "0.5", 0, 1, 500 }, { ".25", 0, 1, 250 }, { "1.0001", 0, 2, 1001 }, { "0.0000001", 0, 1, 1 },
		{ "16Mi", 0, 16777216, 16777216000 }, { "16M", 0, 16000000, 16000000000 },
		{ "1k", 0, 1000, 1000000 }, { "1K", 0, 1000, 1000000 }, { "1Ki", 0, 1024, 1024000 },
		{ "1.5Gi", 0, 1610612736, 1610612736000 }, { "1e3", 0, 1000, 1000000 }, { "1E3", 0, 1000, 1000000 },
		{ "1e+3", 0, 1000, 1000000 }, { "25e-1", 0, 3, 2500 }, { "1e-1000", 0, 1, 1 }, { "0e999", 0, 0, 0 },
		{ "0.001Ki", 0, 2, 1024 }, { "2P", 0, 2000000000000000, 2000000000000000000 },
		{ "0.000000000000000000000000000001", 0, 1, 1 }, { "000000000000000000000000000001", 0, 1, 1000 },
		{ "9.2233720368547758E", -ERANGE, 0, 0 }, { "1Ei", -ERANGE, 0, 0 }, { "8Ei", -ERANGE, 0, 0 },
		{ "99999999999999999999", -ERANGE, 0, 0 }, { "1e1000", -ERANGE, 0, 0 }, { "1e1001", -ERANGE, 0, 0 },
		{ "-1", -ERANGE, 0, 0 }, { "1e99999999999999999999", -ERANGE, 0, 0 },
		{ "", -ERR_BAD_INPUT, 0, 0 }, { "-", -ERR_BAD_INPUT, 0, 0 }, { "+1", -ERR_BAD_INPUT, 0, 0 },
		{ "M", -ERR_BAD_INPUT, 0, 0 }, { ".", -ERR_BAD_INPUT, 0, 0 }, { "1.", -ERR_BAD_INPUT, 0, 0 },
		{ "1..2", -ERR_BAD_INPUT, 0, 0 }, { "1 M", -ERR_BAD_INPUT, 0, 0 }, { "1MB", -ERR_BAD_INPUT, 0, 0 },
		{ "1mi", -ERR_BAD_INPUT, 0, 0 }, { "0x10", -ERR_BAD_INPUT, 0, 0 }, { "1e", -ERR_BAD_INPUT, 0, 0 },
		{ "1e+-3", -ERR_BAD_INPUT, 0, 0 }, { "1e1.5", -ERR_BAD_INPUT, 0, 0 }, { "1,5", -ERR_BAD_INPUT, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		int64_t n = -1;

		assert_int_equal(quantity_parse_milli(cases[i].in, &n, &err), cases[i].r);
		if (cases[i].r < 0) {
			assert_true(n == -1 && err.chain && *err.chain[0]);
			continue;
		}
		assert_true(n == cases[i].milli);
		assert_int_equal(quantity_parse(cases[i].in, &n, NULL), 0);
		assert_true(n == cases[i].whole);
	}
}

static void test_quantity_edges(void **state)
{
	int64_t n;

	assert_int_equal(quantity_parse("9223372036854775807", &n, NULL), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(quantity_parse("9223372036854775808", &n, NULL), -ERANGE);
	assert_int_equal(quantity_parse("9223372036854775806.5", &n, NULL), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(quantity_parse("9223372036854775807.5", &n, NULL), -ERANGE);
	assert_int_equal(quantity_parse("7.999999999999999999999999Ei", &n, NULL), -ERANGE);
	assert_int_equal(quantity_parse("7.9Ei", &n, NULL), 0);
	assert_true(n == INT64_C(9108079886394091111));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_from),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_image_ids),
		cmocka_unit_test(test_os_arch),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_quantity_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
