#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/limits.h"

static int read_text(const char *text, struct limits *l, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;

	assert_int_equal(json_parse(text, strlen(text), &json, NULL), 0);
	return limits_read(json_root(json), l, err);
}

static void test_rows_are_sound(void **state)
{
	size_t n = 0;

	for (const struct limit *row = limit_rows; row->name; row++, n++) {
		assert_true(row->min > 0 && row->min <= row->def && row->def <= row->max);
		for (const struct limit *other = limit_rows; other != row; other++)
			assert_true(strcmp(other->name, row->name) != 0 && other->at != row->at);
	}
	assert_int_equal(n, sizeof(struct limits) / sizeof(int64_t));	/* none without a row */
}

static void test_defaults(void **state)
{
	limits_set(NULL);
	for (const struct limit *row = limit_rows; row->name; row++)
		assert_true(*limit_at((struct limits *)limits(), row) == row->def);
	assert_null(limits_hand_on());
}

static void test_read(void **state)
{
	struct limits l = {};

	assert_int_equal(read_text("{\"rktKind\":\"limits\",\"rktVersion\":\"v1\",\"image-bytes\":\"10GiB\","
				   "\"content-bytes\":\"1G\",\"page-bytes\":4096,\"layers\":7,"
				   "\"stall-seconds\":\"1m30s\",\"connect-seconds\":5}", &l, NULL), 0);
	assert_true(l.image_bytes == (int64_t)10 << 30 && l.content_bytes == 1000000000 && l.page_bytes == 4096);
	assert_true(l.layers == 7 && l.stall_seconds == 90 && l.connect_seconds == 5 && !l.members);
}

static void test_refuses(void **state)
{
	static const struct { const char *text, *words; } cases[] = {
		{ "{\"image-byte\":1}", "there is no limit \"image-byte\"" },
		{ "{\"layers\":\"7\"}", "the limit \"layers\" is not a whole number" },
		{ "{\"layers\":7.5}", "the limit \"layers\" is not a whole number" },
		{ "{\"layers\":0}", "the limit \"layers\" is not between 1 and 4096" },
		{ "{\"layers\":-1}", "the limit \"layers\" is not between 1 and 4096" },
		{ "{\"layers\":99999999999999999999}", "the limit \"layers\" is not between 1 and 4096" },
		{ "{\"path-bytes\":\"8KiB\"}", "the limit \"path-bytes\" is not between 16B and 4095B" },
		{ "{\"image-bytes\":\"much\"}",
		  "the limit \"image-bytes\" is not a number of bytes, nor a size as in \"64GiB\"" },
		{ "{\"image-bytes\":null}",
		  "the limit \"image-bytes\" is not a number of bytes, nor a size as in \"64GiB\"" },
		{ "{\"stall-seconds\":\"1500ms\"}",
		  "the limit \"stall-seconds\" is not a number of seconds, nor a time as in \"1m30s\"" },
		{ "[]", "not an object" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		struct limits l = {};
		char *words;

		assert_int_equal(read_text(cases[i].text, &l, &err), -ERR_BAD_INPUT);
		words = err_text(&err);
		assert_string_equal(words, cases[i].words);
		free(words);
	}
}

static void test_twice(void **state)
{
	AUTO(err_clear) struct err err = {};
	struct limits l = { .layers = 3 };
	char *words;

	assert_int_equal(read_text("{\"layers\":7}", &l, &err), -ERR_BAD_INPUT);
	words = err_text(&err);
	assert_string_equal(words, "the limit \"layers\" is already specified");
	free(words);
}

static void test_hand_on(void **state)
{
	const struct limits l = { .layers = 7, .image_bytes = (int64_t)1 << 40, .redirects = 10 };
	char *text;

	limits_set(&l);
	text = limits_hand_on();
	assert_string_equal(text, "{\"image-bytes\":1099511627776,\"layers\":7}");
	limits_set(NULL);
	assert_int_equal(limits_take(text, NULL), 0);
	assert_true(limits()->layers == 7 && limits()->image_bytes == (int64_t)1 << 40 && limits()->members == 4000000);
	free(text);
	assert_int_equal(limits_take("{\"layers\":0}", NULL), -ERR_BAD_INPUT);
	assert_true(limits()->layers == 7);	/* a bad text changes nothing */
	assert_int_equal(limits_take(NULL, NULL), 0);
	assert_true(limits()->layers == 500);
}

static void test_override(void **state)
{
	struct limits l = { .layers = 7, .members = 5 };

	limits_override(&l, &(struct limits){ .layers = 8, .redirects = 2 });
	assert_true(l.layers == 8 && l.members == 5 && l.redirects == 2 && !l.image_bytes);
	assert_false(limits_none(&l));
	assert_true(limits_none(&(struct limits){}));
}

static void test_words(void **state)
{
	static const struct { size_t at; const char *words; } cases[] = {
		{ offsetof(struct limits, image_bytes), "the image 'x' is larger than the limit image-bytes (64GiB; limits.d)" },
		{ offsetof(struct limits, path_bytes), "the image 'x' is larger than the limit path-bytes (4095B; limits.d)" },
		{ offsetof(struct limits, layers), "the image 'x' is larger than the limit layers (500; limits.d)" },
		{ offsetof(struct limits, stall_seconds), "the image 'x' is larger than the limit stall-seconds (30s; limits.d)" },
	};

	limits_set(NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		const int64_t *limit = (const int64_t *)((const char *)limits() + cases[i].at);
		char *words;

		assert_int_equal(limit_refuse(&err, limit, "the image '%s' is larger than", "x"), -E2BIG);
		words = err_text(&err);
		assert_string_equal(words, cases[i].words);
		free(words);
	}
}

/* What is shown can be read again. */
static void test_written_is_read(void **state)
{
	struct json_writer *w = json_writer_new(false);
	struct limits l = {};
	char *text;

	json_open_object(w, NULL);
	limits_write(w, limits());
	json_close(w);
	text = json_writer_finish(w);
	assert_int_equal(read_text(text, &l, NULL), 0);
	assert_memory_equal(&l, limits(), sizeof(l));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_sound), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_read), cmocka_unit_test(test_refuses), cmocka_unit_test(test_twice),
		cmocka_unit_test(test_hand_on), cmocka_unit_test(test_override),
		cmocka_unit_test(test_words), cmocka_unit_test(test_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
