/* Our reader against jansson: the same documents are accepted, and they mean the same. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_oracle.h"

static const char *const documents[] = {
	"", " ", "null", "true", "[true,false,null]", "nulll", "tru", "TRUE", "0", "-0", "00", "1.", ".1", "1.5",
	"-1.5e-10", "1e+", "1E5", "--1", "+1", "1 1", "1,", "\"\"", "\"a\"b", "'a'", "\"\\", "\"\\\"", "\"\\q\"",
	"\"\\/\\b\\f\\n\\r\\t\"", "\"\t\"", "\"\n\"", "\"\x7f\"", "\"\\u0000\"", "\"\\u00\"", "\"\\u00e9\\u20ac\"",
	"\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00\\ud83d\"", "\"\\ud83dx\"", "\"é€😀\"", "\"\xc3\"",
	"\"\xc3\x28\"", "\"\xe2\x28\xa1\"", "\"\xf0\x9f\x98\"", "\"\xc0\xaf\"", "\"\xe0\x80\xaf\"",
	"\"\xed\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xfe\"",
	"\"\xef\xbf\xbf\"", "\xef\xbb\xbf[]", "[]", "[ ]", "[1,2,3]", "[1,,2]", "[1,]", "[,]", "[", "]", "[[]", "[]]",
	"[1:2]", "{}", "{ }", "{\"a\":1}", "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1 }", "{a:1}",
	"{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"\":1}", "{\"a\":{\"a\":{\"a\":[{\"a\":\"b\"}]}}}", "{\"a\":1",
	"{\"a\":1}}", "{1:2}", "{\"a\" : [ 1 , \"b\" ] , \"c\" : { } }", "[1]\n", "\r\n[\t1 ]", "[1]\f", "[1]\v", "/**/[]",
	"[] // x", "#\n[]", "[NaN]", "[Infinity]", "[-]", "[0x1]", "[1e5,1E-5,1.0]", "[922]",
	"\x01", "[\"a\\u0301\"]", "{\"k\":[],\"l\":[{}],\"m\":\"\"}",
};

/* Reads text both ways. What we write of it must mean to the oracle what the text did. */
static void compare(const char *text, size_t len)
{
	AUTO(free) char *want = json_oracle_compact(text, len), *ours = NULL, *got = NULL;
	AUTO(json_free) struct json *json = NULL;
	struct json_writer *w;
	int r;

	r = json_parse(text, len, &json, NULL);
	if ((r == 0) != !!want)
		fail_msg("we say %d, the oracle says %s: %.*s", r, want ? want : "no", (int)len, text);
	if (r < 0)
		return;
	w = json_writer_new(false);
	json_write_value(w, NULL, json_root(json));
	ours = json_writer_finish(w);
	got = json_oracle_compact(ours, strlen(ours));
	assert_non_null(got);
	assert_string_equal(got, want);
}

static void test_documents(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(documents); i++)
		compare(documents[i], strlen(documents[i]));
}

/* Each document with one byte replaced, added or taken away, at every place. */
static void test_mutations(void **state)
{
	static const char bytes[] = "{}[]\",:0-1.e+ntfu/ \n\\\x01\x7f\x80\xc3\xa9\xed\xa0\xf0\xff";

	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		size_t len = strlen(documents[i]);
		AUTO(free) char *copy = xmalloc(len + 1);

		for (size_t at = 0; at < len; at++) {
			memcpy(copy, documents[i], at);
			memcpy(copy + at, documents[i] + at + 1, len - at - 1);
			compare(copy, len - 1);
		}
		for (size_t at = 0; at <= len; at++) {
			for (const char *b = bytes; *b; b++) {
				memcpy(copy, documents[i], len);
				if (at < len) {
					copy[at] = *b;
					compare(copy, len);
				}
				memcpy(copy + at + 1, documents[i] + at, len - at);
				copy[at] = *b;
				compare(copy, len + 1);
			}
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
