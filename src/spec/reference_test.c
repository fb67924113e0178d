#include "spec/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_kinds(void **state)
{
	static const struct { const char *in; enum reference_kind kind; const char *value; } cases[] = {
		{ "sha512-aa", REFERENCE_HASH, "sha512-aa" },
		{ "example.com/app", REFERENCE_NAME, "example.com/app" },
		{ "example.com/app:1.0", REFERENCE_NAME, "example.com/app" },
		{ "my-app:v1", REFERENCE_NAME, "my-app" },
		{ "app", REFERENCE_NAME, "app" },
		{ "a.aci.b", REFERENCE_NAME, "a.aci.b" },
		{ "x.aci", REFERENCE_FILE, "x.aci" },
		{ "dir/x.aci", REFERENCE_FILE, "dir/x.aci" },
		{ "./x", REFERENCE_FILE, "./x" }, { "../x", REFERENCE_FILE, "../x" }, { "/x", REFERENCE_FILE, "/x" },
		{ "/a:b", REFERENCE_FILE, "/a:b" },
		{ "file:///tmp/x.aci", REFERENCE_FILE, "/tmp/x.aci" },
		{ "file://localhost/x.aci", REFERENCE_FILE, "/x.aci" },
		{ "FILE:///a%20b%2fc.aci", REFERENCE_FILE, "/a b/c.aci" },
		{ "http://h/x.aci", REFERENCE_URL, "http://h/x.aci" },
		{ "https://h:8443/a/x.aci?token=1#f", REFERENCE_URL, "https://h:8443/a/x.aci?token=1#f" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(reference_clear) struct reference ref = {};
		const char *value;

		assert_int_equal(reference_parse(cases[i].in, &ref, NULL), 0);
		assert_int_equal(ref.kind, cases[i].kind);
		assert_string_equal(ref.text, cases[i].in);
		value = ref.kind == REFERENCE_HASH ? ref.hash : ref.kind == REFERENCE_NAME ? ref.name
			: ref.kind == REFERENCE_FILE ? ref.path : ref.url;
		assert_string_equal(value, cases[i].value);
	}
}

static void test_refuses(void **state)
{
	static const struct { const char *in, *words; } cases[] = {
		{ "", "image name is empty" },
		{ "sha512-", "unexpected empty hash value" },
		{ "sha512-a", "image ID too short" },
		{ "sha512-zz", "badly formatted hash string: \"sha512-zz\"" },
		{ "sha512-aa.aci", "badly formatted hash string: \"sha512-aa.aci\"" },
		{ "docker://busybox", "docker images are not supported: 'docker://busybox'" },
		{ "docker:busybox", "docker images are not supported: 'docker:busybox'" },
		{ "Docker://x.aci", "docker images are not supported: 'Docker://x.aci'" },
		{ "oci:dir", "OCI images are not supported: 'oci:dir'" },
		{ "oci-archive:f.aci", "OCI images are not supported: 'oci-archive:f.aci'" },
		{ "cimd:docker:v=0:x", "cimd images are not supported: 'cimd:docker:v=0:x'" },
		{ "ftp://h/x.aci", "ftp:// images are not supported: 'ftp://h/x.aci'" },
		{ "http://h/x.tar", "invalid image string \"http://h/x.tar\"" },
		{ "http://h/x?y.aci", "invalid image string \"http://h/x?y.aci\"" },
		{ "http://h.aci", "invalid image string \"http://h.aci\"" },
		{ "http:///x.aci", "invalid image string \"http:///x.aci\"" },
		{ "http:x.aci", "invalid image string \"http:x.aci\"" },
		{ "https://h/a b.aci", "invalid image string \"https://h/a b.aci\"" },
		{ "https://h/a\n.aci", "invalid image string \"https://h/a\\x0a.aci\"" },
		{ "file://host/x.aci", "invalid image string \"file://host/x.aci\"" },
		{ "file:x.aci", "invalid image string \"file:x.aci\"" },
		{ "file:///x", "invalid image string \"file:///x\"" },
		{ "file:///%00.aci", "invalid image string \"file:///%00.aci\"" },
		{ "file:///%g0.aci", "invalid image string \"file:///%g0.aci\"" },
		{ "file:///x?.aci", "invalid image string \"file:///x?.aci\"" },
		{ "a:1:2", "malformed app string - colon may appear at most once: \"a:1:2\"" },
		{ "a,b=c:d", "malformed app string - colon may appear only right after the app name: \"a,b=c:d\"" },
		{ "a:", "malformed app string - no version after the colon: \"a:\"" },
		{ "a:,b=c", "malformed app string - no version after the colon: \"a:,b=c\"" },
		{ "a,b", "malformed string \"name=a,b\" - has a label without a value: b" },
		{ "a,=b", "malformed string \"name=a,=b\" - has a label without a name: =b" },
		{ "a,b=1,b=2", "label b with multiple values [\"1\" \"2\"]" },
		{ "a:1,version=2", "label version with multiple values [\"1\" \"2\"]" },
		{ "a,name=b", "label name with multiple values [\"a\" \"b\"]" },
		{ "a,B=1", "invalid image name \"a,B=1\": labels[0]: ACIdentifier must contain only lower case "
			   "alphanumeric characters plus \"-._~/\": \"B\"" },
		{ "a,os=freebsd", "invalid image name \"a,os=freebsd\": bad os \"freebsd\" (must be one of: [linux])" },
		{ "a b", "invalid image name \"a b\": ACIdentifier must contain only lower case alphanumeric "
			 "characters plus \"-._~/\": \"a b\"" },
		{ "a/", "invalid image name \"a/\": ACIdentifier must start and end with a lower case alphanumeric "
			"character: \"a/\"" },
		{ "a/../b", "invalid image name \"a/../b\": ACIdentifier must not have two of \"-._~/\" in a row: "
			    "\"a/../b\"" },
		{ "a:1\n2", "invalid image name \"a:1\\x0a2\": labels[0]: value of \"version\" holds a control character" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		struct reference ref = {}, empty = {};

		assert_int_equal(reference_parse(cases[i].in, &ref, &err), -ERR_BAD_INPUT);
		words = err_text(&err);
		assert_string_equal(words, cases[i].words);
		assert_memory_equal(&ref, &empty, sizeof(ref));
	}
}

/* What comes out is what is shown, and reads back the same. */
static void test_app_strings(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "a", "a" }, { "a:1.0+git", "a:1.0+git" }, { "a,version=2", "a:2" },
		{ "a,x=1,arch=amd64,b=c=d,os=linux,version=3", "a:3,os=linux,arch=amd64,b=c=d,x=1" },
		{ "example.com/a/b:latest,os=linux", "example.com/a/b:latest,os=linux" },
		{ "a,empty=", "a,empty=" }, { "a:%41&b", "a:%41&b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *name = NULL, *text = NULL;
		struct label *labels = NULL;
		size_t n = 0;

		assert_int_equal(app_string_parse(cases[i].in, &name, &labels, &n, NULL), 0);
		if (label_get(labels, n, "version"))
			assert_string_equal(labels[0].name, "version");
		text = app_string_format(name, labels, n);
		assert_string_equal(text, cases[i].out);
		labels_free(labels, n);
	}
}

static void test_default_labels(void **state)
{
	struct label *labels = NULL;
	size_t n = 0;

	label_set(&labels, &n, "version", "1");
	assert_int_equal(reference_default_labels(&labels, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_string_equal(label_get(labels, n, "os"), "linux");
	assert_string_equal(label_get(labels, n, "arch"), host_arch());
	label_set(&labels, &n, "arch", "vax");
	assert_int_equal(reference_default_labels(&labels, &n, NULL), -ERR_BAD_INPUT);
	labels_free(labels, n);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_app_strings),
		cmocka_unit_test(test_default_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
