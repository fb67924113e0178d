#include "os/caps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_numbers(void **state)
{
	int n = -1;

	assert_int_equal(caps_number("CAP_CHOWN", &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(caps_number("CAP_SYS_ADMIN", &n, NULL), 0);
	assert_int_equal(n, 21);
	assert_int_equal(caps_number("cap_checkpoint_restore", &n, NULL), 0);
	assert_int_equal(n, 40);
	assert_int_equal(caps_number("NET_RAW", &n, NULL), 0);
	assert_int_equal(n, 13);
}

static void test_names_are_whole(void **state)
{
	for (int i = 0; i <= 40; i++) {
		int n = -1;

		assert_non_null(caps_name(i));
		assert_int_equal(caps_number(caps_name(i), &n, NULL), 0);
		assert_int_equal(n, i);
	}
	assert_null(caps_name(41));
	assert_null(caps_name(-1));
}

static void test_unknown(void **state)
{
	static const char *const bad[] = { "CAP_", "", "CAP_CHOW", "CAP_CHOWNX", "21", "CAP_CAP_CHOWN", "all" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *want = xasprintf("unknown capability '%s'", bad[i]);
		AUTO(free) char *text = NULL;
		int n = 7;

		assert_int_equal(caps_number(bad[i], &n, &err), -ERR_BAD_INPUT);
		text = err_text(&err);
		assert_string_equal(text, want);
		assert_int_equal(n, 7);
	}
}

static void test_lists(void **state)
{
	char *good[] = { (char *)"CAP_KILL", (char *)"CAP_SYSLOG", NULL };
	char *bad[] = { (char *)"CAP_KILL", (char *)"CAP_NOTHING", NULL };
	caps_t set = 0;

	assert_int_equal(caps_parse(good, &set, NULL), 0);
	assert_int_equal(set, CAPS_BIT(5) | CAPS_BIT(34));
	assert_int_equal(caps_parse(NULL, &set, NULL), 0);
	assert_int_equal(caps_parse(bad, &set, NULL), -ERR_BAD_INPUT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_names_are_whole),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
