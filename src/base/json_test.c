#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

struct item { char *name; int64_t n; };
struct doc {
	char *kind;
	char **words;
	int64_t *ids; size_t n_ids;
	bool on;
	int64_t count;
	struct json_opt_bool maybe;
	struct json_opt_int size;
	struct item in_place, *pointed;
	struct item *items; size_t n_items;
	char **map;
	char *raw;
};

static const struct json_field item_fields[] = {
	{ "name", JSON_STRING, offsetof(struct item, name), JSON_REQUIRED },
	{ "n", JSON_INT, offsetof(struct item, n), JSON_OMIT_EMPTY },
	{}
};
#define AT(member) offsetof(struct doc, member)
static const struct json_field doc_fields[] = {
	{ "kind", JSON_STRING, AT(kind), JSON_REQUIRED },
	{ "words", JSON_STRV, AT(words), JSON_OMIT_EMPTY },
	{ "ids", JSON_INTV, AT(ids), JSON_OMIT_EMPTY },
	{ "on", JSON_BOOL, AT(on), JSON_OMIT_EMPTY },
	{ "count", JSON_INT, AT(count), JSON_OMIT_EMPTY },
	{ "maybe", JSON_OPT_BOOL, AT(maybe), JSON_OMIT_EMPTY },
	{ "size", JSON_OPT_INT, AT(size), 0 },
	{ "inPlace", JSON_OBJECT, AT(in_place), 0, item_fields, sizeof(struct item) },
	{ "pointed", JSON_PTR, AT(pointed), JSON_OMIT_EMPTY, item_fields, sizeof(struct item) },
	{ "items", JSON_LIST, AT(items), JSON_OMIT_EMPTY, item_fields, sizeof(struct item) },
	{ "map", JSON_MAP, AT(map), JSON_OMIT_EMPTY },
	{ "raw", JSON_RAW, AT(raw), JSON_OMIT_EMPTY },
	{}
};

static char *compact(const struct json_value *v)
{
	struct json_writer *w = json_writer_new(false);

	json_write_value(w, NULL, v);
	return json_writer_finish(w);
}

static void test_accepts(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ " null ", "null" }, { "true", "true" }, { "\tfalse\r\n", "false" }, { "\"\"", "\"\"" },
		{ "0", "0" }, { "-0", "-0" }, { "-12.50e+03", "-12.50e+03" },
		{ "123456789012345678901234567890", "123456789012345678901234567890" },
		{ "[]", "[]" }, { "{}", "{}" }, { "[ 1 , [ ] , { } ]", "[1,[],{}]" },
		{ "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"\":0}", "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"\":0}" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
		{ "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "\"Aé€😀\"" },
		{ "\"é€😀\"", "\"é€😀\"" }, { "\"<&>\x7f\"", "\"<&>\\u007f\"" },
		{ "\"\\u009b\\u202e\"", "\"\\u009b\\u202e\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(json_free) struct json *json = NULL;
		AUTO(free) char *out = NULL;

		assert_int_equal(json_parse(cases[i].in, strlen(cases[i].in), &json, &err), 0);
		out = compact(json_root(json));
		assert_string_equal(out, cases[i].out);
	}
}

static void test_refuses(void **state)
{
	static const struct { const char *in, *words; } cases[] = {
		{ "", "line 1, column 1: unexpected end, expected a value" },
		{ " \n ", "line 2, column 2: unexpected end, expected a value" },
		{ "{\"a\":1}\n x", "line 2, column 2: expected the end of the document" },
		{ "[1,]", "line 1, column 4: expected a value" },
		{ "[,1]", "line 1, column 2: expected a value" },
		{ "[1 2]", "line 1, column 4: expected ',' or ']'" },
		{ "{\"a\":1,}", "line 1, column 8: expected a key" },
		{ "{\"a\" 1}", "line 1, column 6: expected ':'" },
		{ "{\"a\":1 \"b\":2}", "line 1, column 8: expected ',' or '}'" },
		{ "{a:1}", "line 1, column 2: expected a key" },
		{ "{1:1}", "line 1, column 2: expected a key" },
		{ "[1}", "line 1, column 3: expected ',' or ']'" },
		{ "{\"a\":1]", "line 1, column 7: expected ',' or '}'" },
		{ "[", "line 1, column 2: unexpected end, expected a value" },
		{ "{\"é\":0,\n \"b\":1,\n  \"b\":2}", "line 3, column 3: duplicate key \"b\"" },
		{ "{\"b\":1,\"\\u0062\":2}", "line 1, column 8: duplicate key \"b\"" },
		{ "{\"é\": 1, x}", "line 1, column 10: expected a key" },
		{ "01", "line 1, column 2: expected the end of the document" },
		{ "-", "line 1, column 2: unexpected end, expected a digit" },
		{ "+1", "line 1, column 1: expected a value" }, { ".5", "line 1, column 1: expected a value" },
		{ "[1.]", "line 1, column 4: expected a digit" }, { "[1e]", "line 1, column 4: expected a digit" },
		{ "0x10", "line 1, column 2: expected the end of the document" },
		{ "NaN", "line 1, column 1: expected a value" }, { "nul", "line 1, column 1: expected a value" },
		{ "truex", "line 1, column 5: expected the end of the document" },
		{ "'a'", "line 1, column 1: expected a value" }, { "/**/1", "line 1, column 1: expected a value" },
		{ "\xef\xbb\xbf{}", "line 1, column 1: expected a value" },
		{ "\"a", "line 1, column 1: string without an end" },
		{ "\"a\nb\"", "line 1, column 3: control character in a string" },
		{ "\"a\\", "line 1, column 3: bad escape" }, { "\"\\x41\"", "line 1, column 2: bad escape" },
		{ "\"\\u12g4\"", "line 1, column 2: bad \\u escape" }, { "\"\\u12", "line 1, column 2: bad \\u escape" },
		{ "\"\\u0000\"", "line 1, column 2: \\u0000 is not allowed" },
		{ "\"\\ud800\"", "line 1, column 2: half of a surrogate pair" },
		{ "\"\\ud800\\u0041\"", "line 1, column 2: half of a surrogate pair" },
		{ "\"\\udc00\"", "line 1, column 2: half of a surrogate pair" },
		{ "\"\xff\"", "line 1, column 2: invalid UTF-8" }, { "\"\xc0\x80\"", "line 1, column 2: invalid UTF-8" },
		{ "\"\xed\xa0\x80\"", "line 1, column 2: invalid UTF-8" },
		{ "\"\xf4\x90\x80\x80\"", "line 1, column 2: invalid UTF-8" },
		{ "\"\xe2\x82\"", "line 1, column 2: invalid UTF-8" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(json_free) struct json *json = NULL;

		assert_int_equal(json_parse(cases[i].in, strlen(cases[i].in), &json, &err), -ERR_BAD_INPUT);
		assert_null(json);
		assert_string_equal(err.chain[0], cases[i].words);
		assert_int_equal(json_parse(cases[i].in, strlen(cases[i].in), &json, NULL), -ERR_BAD_INPUT);
	}
	assert_int_equal(json_parse("\"a\0b\"", 5, &(struct json *){ NULL }, NULL), -ERR_BAD_INPUT);
	assert_int_equal(json_parse("1\0", 2, &(struct json *){ NULL }, NULL), -ERR_BAD_INPUT);
}

/* No byte beyond the length is looked at, wherever the text is cut. */
static void test_cut_anywhere(void **state)
{
	static const char text[] = "{\"a\\u00e9\\ud83d\\ude00\":[true,false,null,-1.5e+7,\"é\",{}]}";

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		AUTO(free) char *cut = xmalloc(len);
		struct json *json = NULL;

		memcpy(cut, text, len);
		assert_int_equal(json_parse(cut, len, &json, NULL), -ERR_BAD_INPUT);
	}
}

static int parse_buf(const struct buf *b, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;

	err_clear(err);
	return json_parse(b->data, b->len, &json, err);
}

static void test_limits(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(buf_clear) struct buf b = {};

	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_adds(&b, "[");
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_adds(&b, "]");
	assert_int_equal(parse_buf(&b, &err), 0);
	buf_clear(&b);
	for (int i = 0; i <= JSON_MAX_DEPTH; i++)
		buf_adds(&b, "{\"a\":");
	assert_int_equal(parse_buf(&b, &err), -E2BIG);
	assert_string_equal(err.chain[0], "line 1, column 321: nested deeper than 64");

	buf_clear(&b);
	buf_adds(&b, "[0");
	for (int i = 2; i < JSON_MAX_VALUES; i++)
		buf_adds(&b, ",0");
	buf_adds(&b, "]");
	assert_int_equal(parse_buf(&b, &err), 0);
	b.data[b.len - 1] = ',';
	buf_adds(&b, "0]");
	assert_int_equal(parse_buf(&b, &err), -E2BIG);

	buf_clear(&b);
	memset(buf_reserve(&b, JSON_MAX_BYTES + 1), ' ', JSON_MAX_BYTES + 1);
	b.data[0] = '1';
	b.len = JSON_MAX_BYTES;
	assert_int_equal(parse_buf(&b, &err), 0);
	b.len++;
	assert_int_equal(parse_buf(&b, &err), -E2BIG);
}

/* Objects beyond the size where keys are compared one by one. */
static void test_many_keys(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(buf_clear) struct buf b = {};
	AUTO(json_free) struct json *json = NULL;

	buf_addc(&b, '{');
	for (int i = 0; i < 100000; i++)
		buf_addf(&b, "\"k%d\":%d,\n", i, i);
	buf_adds(&b, "\"last\":0}");
	assert_int_equal(json_parse(b.data, b.len, &json, &err), 0);
	assert_string_equal(json_get(json_root(json), "k77777")->text, "77777");
	assert_int_equal(json_get(json_root(json), "k77777")->line, 77778);
	b.len--;
	buf_adds(&b, ",\n  \"k500\":1}");
	assert_int_equal(parse_buf(&b, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "line 100002, column 3: duplicate key \"k500\"");
}

static void test_walk(void **state)
{
	static const char text[] = "{\"s\":\"x\",\n\"t\":true,\"n\":[9223372036854775807,-9223372036854775808,"
				   "9223372036854775808,1.0,1e3,\"1\"]}";
	static const int want[] = { 0, 0, -ERANGE, -EINVAL, -EINVAL, -EINVAL };
	AUTO(json_free) struct json *json = NULL;
	const struct json_value *root, *v;
	int64_t n = 0;
	size_t i = 0;

	assert_int_equal(json_parse(text, strlen(text), &json, NULL), 0);
	root = json_root(json);
	assert_string_equal(json_get_text(root, "s"), "x");
	assert_null(json_get_text(root, "t"));
	assert_null(json_get_text(root, "none"));
	assert_null(json_get(json_get(root, "s"), "s"));
	assert_null(json_get(NULL, "s"));
	assert_true(json_get_bool(root, "t"));
	assert_false(json_get_bool(root, "s"));
	assert_int_equal(json_get(root, "t")->line, 2);
	for (v = json_get(root, "n")->child; v; v = v->next)
		assert_int_equal(json_i64(v, &n), want[i++]);
	assert_int_equal(i, ARRAY_LEN(want));
	assert_int_equal(json_i64(json_get(root, "n")->child->next, &n), 0);
	assert_true(n == INT64_MIN);
}

static void test_writer(void **state)
{
	struct json_writer *w = json_writer_new(true);
	AUTO(free) char *text = NULL;

	json_open_object(w, NULL);
	json_write_text(w, "a", "x{[");
	json_open_array(w, "b");
	json_write_i64(w, NULL, INT64_MIN);
	json_write_bool(w, NULL, false);
	json_write_text(w, NULL, NULL);
	json_open_object(w, NULL);
	json_close(w);
	json_close(w);
	json_write_text(w, "c\n", "bad \xff\xc2 utf");
	json_close(w);
	text = json_writer_finish(w);
	assert_string_equal(text, "{\n\t\"a\": \"x{[\",\n\t\"b\": [\n\t\t-9223372036854775808,\n\t\tfalse,\n\t\tnull,\n"
				  "\t\t{}\n\t],\n\t\"c\\n\": \"bad \\ufffd\\ufffd utf\"\n}");
}

static void test_table_round_trip(void **state)
{
	static const char text[] =
		"{\"kind\":\"k\",\"words\":[\"a\",\"\"],\"ids\":[1,-2],\"on\":true,\"count\":7,\"maybe\":false,"
		"\"size\":0,\"inPlace\":{\"name\":\"i\"},\"pointed\":{\"name\":\"p\",\"n\":3},"
		"\"items\":[{\"name\":\"1\"},{\"name\":\"2\",\"n\":2}],\"map\":{\"x\":\"y=z\",\"\":\"\"},"
		"\"raw\":{\"any\":[1.50,null]}}";
	AUTO(free) char *compact_text = NULL, *indented = NULL, *empty = NULL, *copied = NULL;
	AUTO(err_clear) struct err err = {};
	struct doc doc = {}, again = {}, copy = {};

	assert_int_equal(json_decode_text(text, strlen(text), doc_fields, &doc, &err), 0);
	assert_int_equal(doc.n_ids, 2);
	assert_true(doc.maybe.set && !doc.maybe.value && doc.size.set);
	assert_string_equal(doc.map[0], "x=y=z");
	assert_string_equal(doc.raw, "{\"any\":[1.50,null]}");
	compact_text = json_encode_text(doc_fields, &doc, false);
	assert_string_equal(compact_text, text);
	indented = json_encode_text(doc_fields, &doc, true);
	json_duplicate(doc_fields, &doc, &copy);
	json_clear(doc_fields, &doc);
	assert_memory_equal(&doc, &again, sizeof(doc));
	copied = json_encode_text(doc_fields, &copy, false);
	assert_string_equal(copied, text);
	json_clear(doc_fields, &copy);
	assert_int_equal(json_decode_text(indented, strlen(indented), doc_fields, &again, &err), 0);
	free(compact_text);
	compact_text = json_encode_text(doc_fields, &again, false);
	assert_string_equal(compact_text, text);
	json_clear(doc_fields, &again);
	empty = json_encode_text(doc_fields, &doc, false);
	assert_string_equal(empty, "{\"kind\":null,\"inPlace\":{\"name\":null}}");
}

static void test_table_refuses(void **state)
{
	static const struct { const char *in, *words; } cases[] = {
		{ "[]", "not an object" }, { "{", "line 1, column 2: unexpected end, expected a key" },
		{ "{}", "kind: missing" }, { "{\"kind\":null}", "kind: missing" },
		{ "{\"kind\":1}", "kind: not a string" }, { "{\"words\":\"a\",\"kind\":\"k\"}", "words: not a list" },
		{ "{\"kind\":\"k\",\"words\":[\"a\",null]}", "words[1]: not a string" },
		{ "{\"kind\":\"k\",\"ids\":[0,1.5]}", "ids[1]: not a whole number" },
		{ "{\"kind\":\"k\",\"ids\":[0,1,\"\"]}", "ids[2]: not a number" },
		{ "{\"kind\":\"k\",\"on\":1}", "on: not true or false" },
		{ "{\"kind\":\"k\",\"count\":9223372036854775808}", "count: out of range" },
		{ "{\"kind\":\"k\",\"maybe\":\"true\"}", "maybe: not true or false" },
		{ "{\"kind\":\"k\",\"size\":[]}", "size: not a number" },
		{ "{\"kind\":\"k\",\"inPlace\":{}}", "inPlace.name: missing" },
		{ "{\"kind\":\"k\",\"pointed\":[]}", "pointed: not an object" },
		{ "{\"kind\":\"k\",\"items\":[{\"name\":\"a\"},{\"name\":{}}]}", "items[1].name: not a string" },
		{ "{\"kind\":\"k\",\"items\":[null]}", "items[0]: not an object" },
		{ "{\"kind\":\"k\",\"items\":{}}", "items: not a list" },
		{ "{\"kind\":\"k\",\"map\":[]}", "map: not an object" },
		{ "{\"kind\":\"k\",\"map\":{\"a\":1}}", "map.a: not a string" },
		{ "{\"kind\":\"k\",\"map\":{\"a=\":\"\"}}", "map.a=: '=' in a key" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		struct doc doc = {}, empty = {};
		int r;

		r = json_decode_text(cases[i].in, strlen(cases[i].in), doc_fields, &doc, &err);
		assert_int_equal(r, -ERR_BAD_INPUT);
		assert_string_equal(err.chain[0], cases[i].words);
		assert_memory_equal(&doc, &empty, sizeof(doc));
	}
}

static void test_table_null_is_absent(void **state)
{
	static const char text[] = "{\"kind\":\"k\",\"words\":null,\"ids\":null,\"maybe\":null,\"pointed\":null,"
				   "\"items\":null,\"raw\":null,\"unknown\":{\"x\":[]}}";
	struct doc doc = {};

	assert_int_equal(json_decode_text(text, strlen(text), doc_fields, &doc, NULL), 0);
	assert_null(doc.words);
	assert_null(doc.pointed);
	assert_null(doc.raw);
	assert_false(doc.maybe.set);
	json_clear(doc_fields, &doc);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_table_round_trip),
		cmocka_unit_test(test_table_refuses),
		cmocka_unit_test(test_table_null_is_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
