#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void test_grows(void **state)
{
	AUTO(buf_clear) struct buf b = {};

	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%03d", i);
	assert_int_equal(b.len, 3000);
	assert_int_equal(strlen(b.data), 3000);
	assert_memory_equal(b.data + 2997, "999", 3);
	buf_add(&b, "\0x", 2);
	assert_int_equal(b.len, 3002);
	assert_int_equal(b.data[3002], 0);
}

static void test_reserve(void **state)
{
	AUTO(buf_clear) struct buf b = {};

	buf_adds(&b, "ab");
	memset(buf_reserve(&b, 500), 'x', 500);
	assert_memory_equal(b.data, "abx", 3);
	assert_int_equal(b.len, 2);
	b.len += 500;
	buf_addc(&b, '!');
	assert_string_equal(b.data + 501, "x!");
}

static void test_steal(void **state)
{
	struct buf b = {};
	AUTO(free) char *empty = buf_steal(&b), *text = NULL;

	assert_string_equal(empty, "");
	buf_adds(&b, "text");
	text = buf_steal(&b);
	assert_string_equal(text, "text");
	assert_true(!b.data && !b.len && !b.room);
}

static void test_printable(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "", "" }, { "plain é€😀 text", "plain é€😀 text" }, { "a\x1b[31m\n\t", "a\\x1b[31m\\x0a\\x09" },
		{ "\x7f", "\\x7f" }, { "\xc2\x9b", "\\xc2\\x9b" }, { "\xe2\x80\xae", "\\xe2\\x80\\xae" },
		{ "\xff\xc3", "\\xff\\xc3" }, { "\xc0\x80", "\\xc0\\x80" }, { "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *out = str_printable(cases[i].in);

		assert_string_equal(out, cases[i].out);
	}
}

static void test_utf8(void **state)
{
	static const struct { const char *in; size_t len, want; uint32_t c; } cases[] = {
		{ "a", 1, 1, 'a' }, { "", 1, 1, 0 }, { "", 0, 0, 0 }, { "é", 2, 2, 0xe9 }, { "é", 1, 0, 0 },
		{ "€", 3, 3, 0x20ac }, { "€", 2, 0, 0 }, { "😀", 4, 4, 0x1f600 }, { "😀", 3, 0, 0 },
		{ "\x80", 1, 0, 0 }, { "\xc1\xbf", 2, 0, 0 }, { "\xe0\x9f\xbf", 3, 0, 0 }, { "\xed\x9f\xbf", 3, 3, 0xd7ff },
		{ "\xed\xa0\x80", 3, 0, 0 }, { "\xee\x80\x80", 3, 3, 0xe000 }, { "\xf0\x8f\xbf\xbf", 4, 0, 0 },
		{ "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff }, { "\xf4\x90\x80\x80", 4, 0, 0 }, { "\xf5\x80\x80\x80", 4, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t c = 0;

		assert_int_equal(utf8_next(cases[i].in, cases[i].len, &c), cases[i].want);
		assert_int_equal(c, cases[i].c);
	}
	assert_true(utf8_is_valid("") && utf8_is_valid("aé€😀"));
	assert_false(utf8_is_valid("a\xe9") || utf8_is_valid("\xe2\x82"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_steal),
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
