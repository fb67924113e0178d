#include "spec/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

/* Every member there is, each with a value that is right. */
static const char whole[] =
	"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/app\","
	"\"labels\":[{\"name\":\"version\",\"value\":\"1.0.0\"},{\"name\":\"os\",\"value\":\"linux\"},"
	"{\"name\":\"arch\",\"value\":\"amd64\"}],"
	"\"app\":{\"exec\":[\"/bin/app\",\"--flag\"],"
	"\"eventHandlers\":[{\"name\":\"pre-start\",\"exec\":[\"/bin/pre\"]},{\"name\":\"post-stop\",\"exec\":[\"/bin/post\"]}],"
	"\"user\":\"100\",\"group\":\"300\",\"supplementaryGIDs\":[400,500],\"workingDirectory\":\"/opt/work\","
	"\"environment\":[{\"name\":\"A\",\"value\":\"1\\n2\"},{\"name\":\"b.c-d\",\"value\":\"\"}],"
	"\"mountPoints\":[{\"name\":\"work\",\"path\":\"/var/lib/work\",\"readOnly\":false}],"
	"\"ports\":[{\"name\":\"health\",\"protocol\":\"tcp\",\"port\":4000,\"count\":2,\"socketActivated\":true}],"
	"\"isolators\":[{\"name\":\"resource/cpu\",\"value\":{\"request\":\"250m\",\"limit\":\"500m\"}},"
	"{\"name\":\"os/linux/capabilities-retain-set\",\"value\":{\"set\":[\"CAP_KILL\"]}}],"
	"\"userAnnotations\":{\"a\":\"b\"},\"userLabels\":{\"c\":\"d=e\"}},"
	"\"annotations\":[{\"name\":\"created\",\"value\":\"2014-10-27T19:32:27.67021798Z\"},"
	"{\"name\":\"homepage\",\"value\":\"https://example.com\"}],"
	"\"dependencies\":[{\"imageName\":\"example.com/base\",\"imageID\":\"sha512-abcdef01\","
	"\"labels\":[{\"name\":\"os\",\"value\":\"linux\"}],\"size\":22017258}],"
	"\"pathWhitelist\":[\"/etc/ca\",\"/usr/bin\"]}";

#define IMAGE(rest) "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/a\"" rest "}"
#define APP(rest) IMAGE(",\"app\":{\"user\":\"0\",\"group\":\"0\"" rest "}")

static void test_reads_and_writes_all(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(image_manifest_clear) struct image_manifest m = {};
	AUTO(free) char *text = NULL;

	assert_int_equal(image_manifest_read(whole, strlen(whole), &m, &err), 0);
	assert_string_equal(m.name, "example.com/app");
	assert_string_equal(label_get(m.labels, m.n_labels, "version"), "1.0.0");
	assert_int_equal(strv_len(m.app->exec), 2);
	assert_string_equal(m.app->env[0].value, "1\n2");
	assert_int_equal(m.app->ports[0].count, 2);
	assert_true(m.app->mount_points[0].read_only.set && !m.app->mount_points[0].read_only.value);
	assert_string_equal(m.app->isolators[1].value, "{\"set\":[\"CAP_KILL\"]}");
	assert_string_equal(m.app->user_labels[0], "c=d=e");
	assert_int_equal(m.dependencies[0].size, 22017258);
	text = json_encode_text(image_manifest_fields, &m, false);
	assert_string_equal(text, whole);
}

static void test_defaults(void **state)
{
	static const char text[] = APP(",\"ports\":[{\"name\":\"a\",\"protocol\":\"udp\",\"port\":65535},"
				       "{\"name\":\"b\",\"protocol\":\"udp\",\"port\":1,\"count\":65535}]");
	AUTO(image_manifest_clear) struct image_manifest m = {}, bare = {};

	assert_int_equal(image_manifest_read(text, strlen(text), &m, NULL), 0);
	assert_int_equal(m.app->ports[0].count, 1);
	assert_int_equal(m.app->ports[1].count, 65535);
	assert_null(m.app->exec);
	assert_int_equal(image_manifest_read(IMAGE(""), strlen(IMAGE("")), &bare, NULL), 0);
	assert_null(bare.app);
}

static void test_refuses(void **state)
{
	static const struct { const char *in, *words; } cases[] = {
		{ "{}", "ACKind must be set" },
		{ "{\"acKind\":\"PodManifest\",\"acVersion\":\"0.8.11\",\"apps\":[]}", "bad ACKind: PodManifest" },
		{ "{\"acKind\":\"ImageManifest\",\"name\":\"a\"}", "acVersion must be set" },
		{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.0.0\",\"name\":\"a\"}", "acVersion must be set" },
		{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"1\",\"name\":\"a\"}",
		  "acVersion is not a semantic version: \"1\"" },
		{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\"}", "name must be set" },
		{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"A\"}",
		  "name: ACIdentifier must contain only lower case alphanumeric characters plus \"-._~/\": \"A\"" },
		{ IMAGE(",\"name\":\"b\""), "line 1, column 71: duplicate key \"name\"" },
		{ IMAGE(",\"labels\":[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"a\",\"value\":\"1\"}]"),
		  "duplicate labels of name \"a\"" },
		{ IMAGE(",\"labels\":[{\"name\":\"name\",\"value\":\"1\"}]"), "labels[0]: invalid label name: \"name\"" },
		{ IMAGE(",\"labels\":[{\"name\":\"a\"}]"), "labels[0].value: missing" },
		{ IMAGE(",\"labels\":[{\"name\":\"a\",\"value\":\"x\\ny\"}]"),
		  "labels[0]: value of \"a\" holds a control character" },
		{ IMAGE(",\"labels\":[{\"name\":\"os\",\"value\":\"freebsd\"}]"),
		  "bad os \"freebsd\" (must be one of: [linux])" },
		{ IMAGE(",\"labels\":[{\"name\":\"os\",\"value\":\"linux\"},{\"name\":\"arch\",\"value\":\"x\"}]"),
		  "bad arch \"x\" for linux (must be one of: [amd64 i386 aarch64 aarch64_be armv6l armv7l armv7b "
		  "ppc64le ppc64 s390x])" },
		{ IMAGE(",\"annotations\":[{\"name\":\"a\",\"value\":\"\"},{\"name\":\"a\",\"value\":\"\"}]"),
		  "duplicate annotations of name \"a\"" },
		{ IMAGE(",\"annotations\":[{\"name\":\"created\",\"value\":\"yesterday\"}]"),
		  "annotations[0]: bad Date: \"yesterday\"" },
		{ IMAGE(",\"annotations\":[{\"name\":\"homepage\",\"value\":\"ftp://x\"}]"),
		  "annotations[0]: bad URL scheme, must be http/https" },
		{ IMAGE(",\"dependencies\":[{\"labels\":[]}]"), "dependencies[0]: imageName cannot be empty" },
		{ IMAGE(",\"dependencies\":[{\"imageName\":\"a\",\"imageID\":\"md5-00\"}]"),
		  "dependencies[0]: unrecognized hash type: md5" },
		{ IMAGE(",\"dependencies\":[{\"imageName\":\"a\",\"size\":-1}]"), "dependencies[0]: size is negative" },
		{ IMAGE(",\"app\":{\"group\":\"0\"}"), "app: user is required" },
		{ IMAGE(",\"app\":{\"user\":\"0\"}"), "app: group is required" },
		{ IMAGE(",\"app\":[]"), "app: not an object" },
		{ APP(",\"exec\":\"/bin/sh\""), "app.exec: not a list" },
		{ APP(",\"exec\":[\"a\\u0000b\"]"), "line 1, column 111: \\u0000 is not allowed" },
		{ APP(",\"supplementaryGIDs\":[0,4294967295]"), "app: supplementaryGIDs[1]: out of range" },
		{ APP(",\"supplementaryGIDs\":[-1]"), "app: supplementaryGIDs[0]: out of range" },
		{ APP(",\"supplementaryGIDs\":[\"0\"]"), "app.supplementaryGIDs[0]: not a number" },
		{ APP(",\"workingDirectory\":\"tmp\""), "app: workingDirectory must be an absolute path" },
		{ APP(",\"environment\":[{\"name\":\"1A\",\"value\":\"\"}]"),
		  "app: environment[0]: environment variable does not have valid identifier \"1A\"" },
		{ APP(",\"environment\":[{\"name\":\"\",\"value\":\"\"}]"),
		  "app: environment[0]: environment variable name must not be empty" },
		{ APP(",\"environment\":[{\"name\":\"A\",\"value\":\"\"},{\"name\":\"A\",\"value\":\"\"}]"),
		  "app: duplicate environment variable of name \"A\"" },
		{ APP(",\"environment\":[{\"name\":\"A=B\",\"value\":\"\"}]"),
		  "app: environment[0]: environment variable does not have valid identifier \"A=B\"" },
		{ APP(",\"mountPoints\":[{\"name\":\"a\",\"path\":\"../x\"}]"),
		  "app: mountPoints[0]: path must be an absolute path" },
		{ APP(",\"mountPoints\":[{\"name\":\"../a\",\"path\":\"/x\"}]"),
		  "app: mountPoints[0]: ACName must contain only lower case alphanumeric characters plus \"-\": \"../a\"" },
		{ APP(",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":0}]"),
		  "app: ports[0]: port must be in 1-65535 range" },
		{ APP(",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":65536}]"),
		  "app: ports[0]: port must be in 1-65535 range" },
		{ APP(",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":1,\"count\":65536}]"),
		  "app: ports[0]: end of port range must be in 1-65535 range" },
		{ APP(",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":1,\"count\":9223372036854775807}]"),
		  "app: ports[0]: end of port range must be in 1-65535 range" },
		{ APP(",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":1,\"count\":-1}]"),
		  "app: ports[0]: count must be 1 or more" },
		{ APP(",\"ports\":[{\"name\":\"a\",\"protocol\":\"t c\",\"port\":1}]"), "app: ports[0]: bad protocol \"t c\"" },
		{ APP(",\"eventHandlers\":[{\"name\":\"later\",\"exec\":[]}]"),
		  "app: bad eventHandler \"name\": \"later\"" },
		{ APP(",\"eventHandlers\":[{\"name\":\"pre-start\",\"exec\":[]},{\"name\":\"pre-start\",\"exec\":[]}]"),
		  "app: Only one eventHandler of name \"pre-start\" allowed" },
		{ APP(",\"isolators\":[{\"name\":\"os/linux/magic\",\"value\":1}]"),
		  "app: invalid isolator: unknown name \"os/linux/magic\"" },
		{ APP(",\"isolators\":[{\"name\":\"os/linux/cpu-shares\"}]"), "app.isolators[0].value: missing" },
		{ APP(",\"userLabels\":{\"a\":{}}"), "app.userLabels.a: not a string" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		struct image_manifest m = {}, empty = {};

		assert_int_equal(image_manifest_read(cases[i].in, strlen(cases[i].in), &m, &err), -ERR_BAD_INPUT);
		words = err_text(&err);
		assert_string_equal(words, cases[i].words);
		assert_memory_equal(&m, &empty, sizeof(m));
	}
}

static void test_size_limit(void **state)
{
	AUTO(free) char *text = xmalloc(MANIFEST_MAX_BYTES + 1);
	AUTO(image_manifest_clear) struct image_manifest m = {};
	size_t len = strlen(IMAGE(""));

	memset(text, ' ', MANIFEST_MAX_BYTES + 1);
	memcpy(text, IMAGE(""), len);
	assert_int_equal(image_manifest_read(text, MANIFEST_MAX_BYTES + 1, &m, NULL), -E2BIG);
	assert_int_equal(image_manifest_read(text, MANIFEST_MAX_BYTES, &m, NULL), 0);
}

static void test_copy_and_env(void **state)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	AUTO(app_free) struct app *copy = NULL;
	AUTO(free) char *before = NULL, *after = NULL;

	assert_int_equal(image_manifest_read(whole, strlen(whole), &m, NULL), 0);
	copy = app_copy(m.app);
	before = json_encode_text(app_fields, m.app, false);
	after = json_encode_text(app_fields, copy, false);
	assert_string_equal(before, after);
	app_set_env(copy, "A", "\xff raw");
	app_set_env(copy, "NEW", "3");
	assert_string_equal(app_get_env(m.app, "A"), "1\n2");
	assert_string_equal(app_get_env(copy, "A"), "\xff raw");
	assert_string_equal(app_get_env(copy, "NEW"), "3");
	assert_null(app_get_env(copy, "OLD"));
	assert_int_equal(copy->n_env, 3);
	assert_int_equal(app_check(copy, NULL), -ERR_BAD_INPUT);
	assert_null(app_copy(NULL));
}

/*
 * Odd metadata: the whole manifest with each of its values in turn taken away
 * or replaced. Reading says what is wrong or takes it, and never dies.
 */
struct mutation {
	const struct json_value *at;	/* the value to replace */
	const char *with;		/* its new text. NULL: leave it out */
};

static void write_mutated(struct buf *out, const struct json_value *v, const struct mutation *m)
{
	bool first = true;

	if (v == m->at) {
		buf_adds(out, m->with);
		return;
	}
	if (v->kind != JSON_DICT && v->kind != JSON_ARRAY) {
		struct json_writer *w = json_writer_new(false);
		AUTO(free) char *text = NULL;

		json_write_value(w, NULL, v);
		text = json_writer_finish(w);
		buf_adds(out, text);
		return;
	}
	buf_addc(out, v->kind == JSON_DICT ? '{' : '[');
	for (const struct json_value *c = v->child; c; c = c->next) {
		if (c == m->at && !m->with)
			continue;
		if (!first)
			buf_addc(out, ',');
		first = false;
		if (c->key)
			buf_addf(out, "\"%s\":", c->key);
		write_mutated(out, c, m);
	}
	buf_addc(out, v->kind == JSON_DICT ? '}' : ']');
}

static size_t mutate_each(const struct json_value *root, const struct json_value *v, const char *with)
{
	struct mutation m = { .at = v, .with = with };
	AUTO(buf_clear) struct buf text = {};
	AUTO(err_clear) struct err err = {};
	struct image_manifest manifest = {}, empty = {};
	size_t n = 1;

	if (v != root || with) {
		write_mutated(&text, root, &m);
		if (image_manifest_read(text.data, text.len, &manifest, &err) < 0) {
			assert_non_null(err.chain);
			assert_true(*err.chain[0]);
			assert_memory_equal(&manifest, &empty, sizeof(empty));
		}
		image_manifest_clear(&manifest);
	}
	for (v = v->child; v; v = v->next)
		n += mutate_each(root, v, with);
	return n;
}

static void test_odd_metadata(void **state)
{
	enum { LONG_STRING = 100000 };
	static const char *const values[] = {
		NULL, "null", "[]", "{}", "\"\"", "-1", "0", "1e308", "true", "[null]", "[[]]", "[{}]", "[\"\"]",
		"{\"\":null}", "{\"name\":\"a\"}", "9223372036854775807", "18446744073709551616", "\"\\u0000\"",
	};
	AUTO(json_free) struct json *json = NULL;
	AUTO(free) char *huge = xmalloc(LONG_STRING);
	size_t n = 0;

	assert_int_equal(json_parse(whole, strlen(whole), &json, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		n = mutate_each(json_root(json), json_root(json), values[i]);
	assert_true(n > 80);
	memset(huge, 'a', LONG_STRING);
	huge[0] = huge[LONG_STRING - 2] = '"';
	huge[LONG_STRING - 1] = 0;
	mutate_each(json_root(json), json_root(json), huge);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_and_writes_all),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_copy_and_env),
		cmocka_unit_test(test_odd_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
