#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* RFC 4648, section 10, and what has all digits. */
static const struct { const char *plain; size_t len; const char *text; } good[] = {
	{ "", 0, "" }, { "f", 1, "Zg==" }, { "fo", 2, "Zm8=" }, { "foo", 3, "Zm9v" }, { "foob", 4, "Zm9vYg==" },
	{ "fooba", 5, "Zm9vYmE=" }, { "foobar", 6, "Zm9vYmFy" }, { "\0", 1, "AA==" }, { "\xff\xef\xbe", 3, "/+++" },
};

static void both_ways(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(free) char *text = base64_encode(good[i].plain, good[i].len);
		AUTO(buf_clear) struct buf plain = {};

		assert_string_equal(text, good[i].text);
		assert_int_equal(base64_decode(text, strlen(text), &plain), 0);
		assert_int_equal(plain.len, good[i].len);
		if (plain.len)
			assert_memory_equal(plain.data, good[i].plain, plain.len);
	}
}

static void one_form_alone(void **state)
{
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zg===", "====", "=", "Zm9v\n", "Zm 9v===", "Zm9_", "Zm9-", "Z===", "Zg==Zg==",
		"Zm9vZg=v", "Zh==", "Zm9=", "Zm9v!AAA", "Z=g=",
	};
	AUTO(buf_clear) struct buf out = {};

	buf_adds(&out, "before");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &out), -EINVAL);
	assert_int_equal(base64_decode("Zm9\0", 4, &out), -EINVAL);
	assert_string_equal(out.data, "before");
	assert_int_equal(base64_decode("Zm9v", 4, &out), 0);
	assert_string_equal(out.data, "beforefoo");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(both_ways), cmocka_unit_test(one_form_alone) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
