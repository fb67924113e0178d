#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static void test_split_and_join(void **state)
{
	static const struct { const char *in; size_t n; const char *joined; } cases[] = {
		{ "", 0, "" }, { "a", 1, "a" }, { "a,b", 2, "a--b" }, { ",", 2, "--" }, { "a,", 2, "a--" },
		{ ",a", 2, "--a" }, { "a,,b", 3, "a----b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(strv_free) char **parts = strv_split(cases[i].in, ',');
		AUTO(free) char *joined = strv_join(parts, "--");

		assert_non_null(parts);
		assert_int_equal(strv_len(parts), cases[i].n);
		assert_string_equal(joined, cases[i].joined);
	}
}

static void test_strv(void **state)
{
	AUTO(strv_free) char **strv = NULL, **copy = NULL;
	AUTO(free) char *empty = strv_join(NULL, ",");

	assert_string_equal(empty, "");
	assert_int_equal(strv_len(NULL), 0);
	assert_null(strv_copy(NULL));
	assert_false(strv_has(NULL, "a"));
	strv_add(&strv, "a");
	strv_take(&strv, xstrdup("b"));
	copy = strv_copy(strv);
	strv_add(&strv, "c");
	assert_int_equal(strv_len(strv), 3);
	assert_int_equal(strv_len(copy), 2);
	assert_true(strv_has(strv, "c") && copy[0] != strv[0]);
	assert_false(strv_has(copy, "c"));
}

static void test_strings(void **state)
{
	AUTO(free) char *text = xasprintf("%s-%d", "a", 5), *part = xstrndup("abc", 2);

	assert_string_equal(text, "a-5");
	assert_string_equal(part, "ab");
	assert_null(xstrdup(NULL));
	assert_true(str_eq(NULL, NULL) && str_eq("a", "a"));
	assert_false(str_eq("a", NULL) || str_eq(NULL, "") || str_eq("a", "b"));
	assert_true(str_starts("abc", "ab") && str_starts("abc", ""));
	assert_false(str_starts("a", "ab"));
	assert_true(str_ends("abc", "bc") && str_ends("abc", ""));
	assert_false(str_ends("c", "bc") || str_ends("abc", "ab"));
}

static void test_unsigned(void **state)
{
	static const struct { const char *in; unsigned long long max; int r; unsigned long long v; } cases[] = {
		{ "0", 10, 0, 0 }, { "10", 10, 0, 10 }, { "007", 10, 0, 7 }, { "11", 10, -ERANGE, 0 },
		{ "18446744073709551615", ULLONG_MAX, 0, ULLONG_MAX }, { "18446744073709551616", ULLONG_MAX, -ERANGE, 0 },
		{ "99999999999999999999999", ULLONG_MAX, -ERANGE, 0 }, { "", 10, -EINVAL, 0 }, { "-1", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 }, { " 1", 10, -EINVAL, 0 }, { "1 ", 10, -EINVAL, 0 }, { "0x1", 10, -EINVAL, 0 },
		{ "1e1", 10, -EINVAL, 0 }, { "99999999999999999999999x", 10, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned long long v = 0;

		assert_int_equal(str_to_u64(cases[i].in, cases[i].max, &v), cases[i].r);
		assert_true(v == cases[i].v);
	}
}

static void test_signed(void **state)
{
	static const struct { const char *in; long long min, max; int r; long long v; } cases[] = {
		{ "-5", -5, 5, 0, -5 }, { "5", -5, 5, 0, 5 }, { "-6", -5, 5, -ERANGE, 0 }, { "6", -5, 5, -ERANGE, 0 },
		{ "-0", -5, 5, 0, 0 }, { "-9223372036854775808", LLONG_MIN, LLONG_MAX, 0, LLONG_MIN },
		{ "9223372036854775807", LLONG_MIN, LLONG_MAX, 0, LLONG_MAX },
		{ "9223372036854775808", LLONG_MIN, LLONG_MAX, -ERANGE, 0 },
		{ "-9223372036854775809", LLONG_MIN, LLONG_MAX, -ERANGE, 0 },
		{ "-", -5, 5, -EINVAL, 0 }, { "", -5, 5, -EINVAL, 0 }, { "--1", -5, 5, -EINVAL, 0 },
		{ "+1", -5, 5, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		long long v = 0;

		assert_int_equal(str_to_i64(cases[i].in, cases[i].min, cases[i].max, &v), cases[i].r);
		assert_true(v == cases[i].v);
	}
}

static void test_sizes(void **state)
{
	AUTO(free) char *zeroed = xcalloc(3, 5), *none = xmalloc(0);

	assert_non_null(none);
	for (int i = 0; i < 15; i++)
		assert_int_equal(zeroed[i], 0);
}

/* A size that overflows ends the program, and says so. */
static void test_oom(void **state)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (!pid) {
		volatile size_t half = SIZE_MAX / 2;

		close(STDERR_FILENO);
		free(xreallocarray(NULL, half, 3));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 254);
}

static void test_hex(void **state)
{
	char text[8] = "xxxxxxx";

	assert_ptr_equal(str_hex(text, "\0\x9f\xa0", 3), text + 6);
	assert_string_equal(text, "009fa0");
	assert_ptr_equal(str_hex(text, NULL, 0), text);
	assert_string_equal(text, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_and_join),
		cmocka_unit_test(test_strv),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_unsigned),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_oom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
