#include "spec/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buf.h"

#define HEX64	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DOCKER_SYNTAX "expected syntax is \"docker://[REGISTRY_HOST[:REGISTRY_PORT]/]IMAGE_NAME[:TAG]\""

static void test_kinds(void **state)
{
	static const struct { const char *in; enum reference_kind kind; const char *value; } cases[] = {
		{ "sha512-aa", REFERENCE_HASH, "sha512-aa" }, { "sha512:aa", REFERENCE_HASH, "sha512-aa" },
		{ "sha256-aa", REFERENCE_HASH, "sha256-aa" }, { "sha256:" HEX64, REFERENCE_HASH, "sha256-" HEX64 },
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
		{ "sha256-a", "image ID too short" },
		{ "sha256:", "unexpected empty hash value" },
		{ "sha256:" HEX64 "0", "badly formatted hash string: \"sha256-" HEX64 "0\"" },
		{ "docker://", "invalid docker URL \"docker://\"; " DOCKER_SYNTAX ": the image has no name" },
		{ "docker:///a", "invalid docker URL \"docker:///a\"; " DOCKER_SYNTAX ": bad image name \"/a\"" },
		{ "docker://BusyBox", "invalid docker URL \"docker://BusyBox\"; " DOCKER_SYNTAX
				      ": image name \"BusyBox\" must be lower case" },
		{ "docker:a@sha256:1", "invalid docker URL \"docker:a@sha256:1\"; " DOCKER_SYNTAX
				       ": bad digest \"sha256:1\"" },
		{ "docker-daemon:a:b", "images of a docker daemon are not supported: 'docker-daemon:a:b' (try \"docker "
				       "save\" and docker-archive:FILE)" },
		{ "oci:", "invalid image string \"oci:\": no path is given" },
		{ "oci::tag", "invalid image string \"oci::tag\": no path is given" },
		{ "oci:dir:", "invalid image string \"oci:dir:\": bad tag \"\"" },
		{ "oci:dir:a b", "invalid image string \"oci:dir:a b\": bad tag \"a b\"" },
		{ "oci:dir@sha256:abc", "invalid image string \"oci:dir@sha256:abc\": bad digest \"sha256:abc\"" },
		{ "oci://h/app", "invalid image string \"oci://h/app\": a path follows the colon, and an image of a "
				 "registry is docker://HOST/NAME" },
		{ "docker-archive:f.tar:BusyBox", "invalid image string \"docker-archive:f.tar:BusyBox\": image name "
						  "\"BusyBox\" must be lower case" },
		{ "docker-archive:f.tar:a@sha256:" HEX64, "invalid image string \"docker-archive:f.tar:a@sha256:" HEX64
		  "\": a docker-archive knows its images by name, not by digest" },
		{ "cimd:", "malformed distribution uri: \"cimd:\"" },
		{ "cimd:appc", "malformed distribution uri: \"cimd:appc\"" },
		{ "cimd:appc:v=0", "malformed distribution uri: \"cimd:appc:v=0\"" },
		{ "cimd:appc:v=0:", "malformed distribution uri: \"cimd:appc:v=0:\"" },
		{ "cimd::v=0:a", "malformed distribution uri: \"cimd::v=0:a\"" },
		{ "cimd:appc:0:a", "malformed distribution version: 0" },
		{ "cimd:appc:v=1:a", "malformed distribution version: v=1" },
		{ "cimd:appc:v=-0:a", "malformed distribution version: v=-0" },
		{ "cimd:oci:v=0:a", "wrong distribution type: \"oci\"" },
		{ "cimd:appc:v=0:A", "cannot parse URI: \"cimd:appc:v=0:A\": invalid image name \"A\": ACIdentifier must "
				     "contain only lower case alphanumeric characters plus \"-._~/\": \"A\"" },
		{ "cimd:appc:v=0:a?b=1&b=2", "cannot parse URI: \"cimd:appc:v=0:a?b=1&b=2\": label b with multiple values "
					     "[\"1\" \"2\"]" },
		{ "cimd:appc:v=0:a?b=1%2c", "cannot parse URI: \"cimd:appc:v=0:a?b=1%2c\": bad label \"b=1%2c\"" },
		{ "cimd:appc:v=0:a?b=%4", "cannot parse URI: \"cimd:appc:v=0:a?b=%4\": bad label \"b=%4\"" },
		{ "cimd:docker:v=0:A", "cannot parse URI: \"cimd:docker:v=0:A\": bad docker URL \"A\": invalid docker URL "
				       "\"docker://A\"; " DOCKER_SYNTAX ": image name \"A\" must be lower case" },
		{ "cimd:aci-archive:v=0:ftp%3A%2F%2Fh%2Fx.aci", "cannot parse URI: \"cimd:aci-archive:v=0:ftp%3A%2F%2Fh%2Fx"
		  ".aci\": unsupported scheme: \"ftp\"" },
		{ "cimd:aci-archive:v=0:%2Fx.aci", "cannot parse URI: \"cimd:aci-archive:v=0:%2Fx.aci\": invalid image "
						   "string \"%2Fx.aci\"" },
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
		{ "a,version=", "invalid image name \"a,version=\": the version is empty" },
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

/* What is there of registry, repository, path, tag and digest, and what the source is called. */
static char *foreign(const struct reference *r)
{
	const struct { const char *name, *value; } parts[] = {
		{ "r=", r->registry }, { "n=", r->repository }, { "p=", r->path }, { "t=", r->tag }, { "d=", r->digest },
	};
	AUTO(free) char *source = reference_source(r);
	struct buf out = {};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].value)
			buf_addf(&out, "%s%s ", parts[i].name, parts[i].value);
	buf_adds(&out, source);
	return buf_steal(&out);
}

static void test_foreign(void **state)
{
#define HUB "registry-1.docker.io"
#define BUSYBOX "r=" HUB " n=library/busybox t=latest docker://" HUB "/library/busybox:latest"
#define DIGEST "sha256:" HEX64
	static const struct { const char *in; enum reference_kind kind; const char *out; } cases[] = {
		{ "docker://busybox", REFERENCE_REGISTRY, BUSYBOX },
		{ "docker:busybox", REFERENCE_REGISTRY, BUSYBOX },
		{ "DOCKER://docker.io/library/busybox:latest", REFERENCE_REGISTRY, BUSYBOX },
		{ "cimd:docker:v=0:busybox:latest", REFERENCE_REGISTRY, BUSYBOX },
		{ "docker://x.aci", REFERENCE_REGISTRY, "r=" HUB " n=library/x.aci t=latest docker://" HUB
		  "/library/x.aci:latest" },
		{ "docker://h:5/a@" DIGEST, REFERENCE_REGISTRY, "r=h:5 n=a d=" DIGEST " docker://h:5/a@" DIGEST },
		{ "docker://h:5/a:1@" DIGEST, REFERENCE_REGISTRY, "r=h:5 n=a t=1 d=" DIGEST " docker://h:5/a@" DIGEST },
		{ "oci:/d", REFERENCE_LAYOUT, "p=/d oci:/d" },
		{ "oci:/d/./e/", REFERENCE_LAYOUT, "p=/d/./e/ oci:/d/e" },
		{ "oci:/d:1", REFERENCE_LAYOUT, "p=/d t=1 oci:/d:1" },
		{ "oci:/d:docker.io/a/b:1", REFERENCE_LAYOUT, "p=/d t=docker.io/a/b:1 oci:/d:docker.io/a/b:1" },
		{ "oci:/d@" DIGEST, REFERENCE_LAYOUT, "p=/d d=" DIGEST " oci:/d@" DIGEST },
		{ "oci:/d:1@" DIGEST, REFERENCE_LAYOUT, "p=/d t=1 d=" DIGEST " oci:/d:1@" DIGEST },
		{ "oci-archive:/f.tar:x", REFERENCE_ARCHIVE, "p=/f.tar t=x oci-archive:/f.tar:x" },
		{ "oci-archive:/f.aci", REFERENCE_ARCHIVE, "p=/f.aci oci-archive:/f.aci" },
		{ "docker-archive:/f.tar", REFERENCE_ARCHIVE, "p=/f.tar docker-archive:/f.tar" },
		{ "docker-archive:/f.tar:h:5/a:1", REFERENCE_ARCHIVE, "p=/f.tar t=h:5/a:1 docker-archive:/f.tar:h:5/a:1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(reference_clear) struct reference ref = {};
		AUTO(free) char *out = NULL;

		assert_int_equal(reference_parse(cases[i].in, &ref, NULL), 0);
		assert_int_equal(ref.kind, cases[i].kind);
		out = foreign(&ref);
		assert_string_equal(out, cases[i].out);
	}
}

static void test_sources(void **state)
{
	static const struct { const char *in, *source; } cases[] = {
		{ "a:1", NULL }, { "sha512-aa", NULL }, { "https://h/x.aci", "https://h/x.aci" },
		{ "/a//b/../c.aci", "/a/c.aci" }, { "file:///x.aci", "/x.aci" },
		{ "x.aci", "/tmp/x.aci" }, { "../x", "/x" }, { "oci:d:1", "oci:/tmp/d:1" },
	};

	assert_int_equal(chdir("/tmp"), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(reference_clear) struct reference ref = {};
		AUTO(free) char *source = NULL;

		assert_int_equal(reference_parse(cases[i].in, &ref, NULL), 0);
		source = reference_source(&ref);
		if (cases[i].source)
			assert_string_equal(source, cases[i].source);
		else
			assert_null(source);
	}
}

/* The kernel knows no path as long as this one, but who is there is there. */
static void test_source_far_down(void **state)
{
	enum { DEPTH = 30 };
	char top[] = "/tmp/rkt-reference-XXXXXX", name[201];
	AUTO(reference_clear) struct reference ref = {};
	AUTO(free) char *source = NULL;

	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_non_null(mkdtemp(top));
	assert_int_equal(chdir(top), 0);
	for (int i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdir(name, 0700), 0);
		assert_int_equal(chdir(name), 0);
	}
	assert_int_equal(reference_parse("oci:d:1", &ref, NULL), 0);
	source = reference_source(&ref);
	for (int i = 0; i < DEPTH; i++) {
		assert_int_equal(chdir(".."), 0);
		assert_int_equal(rmdir(name), 0);
	}
	assert_int_equal(chdir("/tmp"), 0);
	assert_int_equal(rmdir(top), 0);
	assert_true(str_starts(source, "oci:/tmp/rkt-reference-"));
	assert_true(str_ends(source, "ddd/d:1"));
	assert_true(strlen(source) > DEPTH * sizeof(name));
}

static void test_distribution_points(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "cimd:appc:v=0:coreos.com/etcd", "coreos.com/etcd" },
		{ "cimd:appc:v=0:coreos.com/etcd?", "coreos.com/etcd" },
		{ "cimd:appc:v=0:coreos.com/etcd?arch=amd64&os=linux&version=v2.2.0",
		  "coreos.com/etcd:v2.2.0,os=linux,arch=amd64" },
		{ "cimd:appc:v=0:a:1?b=%41+c", "a:1,b=A c" },
	};
	AUTO(reference_clear) struct reference file = {}, url = {};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(reference_clear) struct reference ref = {};
		AUTO(free) char *out = NULL;

		assert_int_equal(reference_parse(cases[i].in, &ref, NULL), 0);
		assert_int_equal(ref.kind, REFERENCE_NAME);
		out = app_string_format(ref.name, ref.labels, ref.n_labels);
		assert_string_equal(out, cases[i].out);
	}
	assert_int_equal(reference_parse("cimd:aci-archive:v=0:file%3A%2F%2F%2Fabs%2Fx.aci", &file, NULL), 0);
	assert_int_equal(file.kind, REFERENCE_FILE);
	assert_string_equal(file.path, "/abs/x.aci");
	assert_int_equal(reference_parse("cimd:aci-archive:v=0:https%3A%2F%2Fh%2Fx.aci%3Fa", &url, NULL), 0);
	assert_int_equal(url.kind, REFERENCE_URL);
	assert_string_equal(url.url, "https://h/x.aci?a");
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
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_source_far_down),
		cmocka_unit_test(test_distribution_points),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_app_strings),
		cmocka_unit_test(test_default_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
