#include "image/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void answers(void **state)
{
	static const struct { const char *text, *value; } cases[] = {
		{ "{\"token\":\"abc.d-e_f~g+/=\",\"expires_in\":300}", "Bearer abc.d-e_f~g+/=" },
		{ "{\"access_token\":\"x\"}", "Bearer x" },
		{ "{\"token\":\"\",\"access_token\":\"x\"}", "Bearer x" },
		{ "{\"token\":\"a\",\"access_token\":\"b\"}", "Bearer a" },
		{ "{\"token\":\"\"}", NULL },
		{ "{}", NULL },
		{ "{\"token\":\"a b\"}", NULL },
		{ "{\"token\":\"a\\r\\nHost: b\"}", NULL },
		{ "{\"token\":\"\xc3\xa9\"}", NULL },
		{ "{\"token\":3}", NULL },
		{ "<html>", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *value = NULL;
		int r = token_read(cases[i].text, strlen(cases[i].text), &value, NULL);

		assert_int_equal(r, cases[i].value ? 0 : -ERR_BAD_INPUT);
		assert_true(str_eq(value, cases[i].value));
	}
}

static void too_long(void **state)
{
	AUTO(free) char *digits = xcalloc(1, TOKEN_MAX + 2);

	memset(digits, 'x', TOKEN_MAX);
	for (int i = 0; i < 2; i++) {
		AUTO(free) char *text = xasprintf("{\"token\":\"%s\"}", digits);
		AUTO(free) char *value = NULL;

		assert_int_equal(token_read(text, strlen(text), &value, NULL), i ? -ERR_BAD_INPUT : 0);
		digits[TOKEN_MAX] = 'x';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(answers), cmocka_unit_test(too_long) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
