#include "spec/pod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char whole[] =
	"{\"acVersion\":\"1.30.0\",\"acKind\":\"PodManifest\",\"apps\":[{\"name\":\"web\","
	"\"image\":{\"name\":\"example.com/web\",\"id\":\"sha512-abcdef\",\"labels\":[{\"name\":\"os\",\"value\":\"linux\"}]},"
	"\"app\":{\"exec\":[\"/web\"],\"user\":\"0\",\"group\":\"0\"},\"readOnlyRootFS\":true,"
	"\"mounts\":[{\"volume\":\"data\",\"path\":\"/data\","
	"\"appVolume\":{\"name\":\"own\",\"kind\":\"host\",\"source\":\"/srv\"}}],"
	"\"annotations\":[{\"name\":\"a\",\"value\":\"b\"}]},{\"name\":\"db\",\"image\":{}}],"
	"\"volumes\":[{\"name\":\"data\",\"kind\":\"empty\",\"readOnly\":true,\"mode\":\"0700\",\"uid\":0,\"gid\":5},"
	"{\"name\":\"h\",\"kind\":\"host\",\"source\":\"/srv\",\"recursive\":false}],"
	"\"isolators\":[{\"name\":\"resource/memory\",\"value\":{\"limit\":\"1G\"}}],"
	"\"annotations\":[{\"name\":\"coreos.com/rkt/stage1/mutable\",\"value\":\"false\"}],"
	"\"ports\":[{\"name\":\"http\",\"hostPort\":80,\"hostIP\":\"::1\","
	"\"podPort\":{\"name\":\"http\",\"protocol\":\"tcp\",\"port\":8080,\"count\":1,\"socketActivated\":false}}],"
	"\"userAnnotations\":{\"x\":\"1\"},\"userLabels\":{\"y\":\"2\"}}";

#define POD(rest) "{\"acKind\":\"PodManifest\",\"acVersion\":\"1.30.0\"" rest "}"

static void test_reads_and_writes_all(void **state)
{
	AUTO(pod_manifest_clear) struct pod_manifest m = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	assert_int_equal(pod_manifest_read(whole, strlen(whole), &m, &err), 0);
	assert_string_equal(pod_manifest_app(&m, "web")->image.id, "sha512-abcdef");
	assert_null(pod_manifest_app(&m, "db")->app);
	assert_null(pod_manifest_app(&m, "none"));
	assert_true(volume_is_host(pod_manifest_volume(&m, "h")));
	assert_false(volume_is_host(pod_manifest_volume(&m, "data")));
	assert_null(pod_manifest_volume(&m, "own"));
	text = pod_manifest_text(&m, false);
	assert_string_equal(text, whole);
}

static void test_builds(void **state)
{
	AUTO(pod_manifest_clear) struct pod_manifest m = {}, again = {};
	AUTO(free) char *text = NULL;
	struct runtime_app *app;
	struct mount *mount;

	m.ac_kind = xstrdup("PodManifest");
	m.ac_version = xstrdup("2.0.0-dev");
	app = pod_manifest_add_app(&m);
	app->name = xstrdup("a");
	mount = runtime_app_add_mount(app);
	assert_int_equal(mount_parse("volume=v,target=/t", mount, NULL), 0);
	assert_int_equal(volume_parse("v,kind=empty", pod_manifest_add_volume(&m), NULL), 0);
	assert_int_equal(pod_manifest_check(&m, NULL), 0);
	text = pod_manifest_text(&m, true);
	assert_int_equal(pod_manifest_read(text, strlen(text), &again, NULL), 0);
	assert_string_equal(again.apps[0].mounts[0].path, "/t");
}

static void test_port_default(void **state)
{
	static const char text[] = POD(",\"ports\":[{\"name\":\"a\",\"hostPort\":1,\"podPort\":{\"name\":\"a\","
				       "\"protocol\":\"tcp\",\"port\":1}}]");
	AUTO(pod_manifest_clear) struct pod_manifest m = {};

	assert_int_equal(pod_manifest_read(text, strlen(text), &m, NULL), 0);
	assert_int_equal(m.ports[0].pod_port->count, 1);
}

#define TWO_APPS ",\"apps\":[{\"name\":\"a\",\"image\":{}},{\"name\":\"a\",\"image\":{}}]"
#define ONE_APP(rest) POD(",\"apps\":[{\"name\":\"a\",\"image\":{}" rest "}]")

static void test_refuses(void **state)
{
	static const struct { const char *in, *words; } cases[] = {
		{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"a\"}", "bad ACKind: ImageManifest" },
		{ "{}", "ACKind must be set" }, { "{\"acKind\":\"PodManifest\"}", "acVersion must be set" },
		{ POD(TWO_APPS), "duplicate apps of name \"a\"" },
		{ POD(",\"apps\":[{\"image\":{}}]"), "apps[0].name: missing" },
		{ POD(",\"apps\":[{\"name\":\"a\"}]"), "apps[0].image: missing" },
		{ POD(",\"apps\":[{\"name\":\"../a\",\"image\":{}}]"),
		  "apps[0]: name: ACName must contain only lower case alphanumeric characters plus \"-\": \"../a\"" },
		{ POD(",\"apps\":[{\"name\":\"a\",\"image\":{\"id\":\"x\"}}]"),
		  "apps[0]: image: badly formatted hash string: \"x\"" },
		{ ONE_APP(",\"app\":{\"user\":\"0\"}"), "apps[0]: app: group is required" },
		{ ONE_APP(",\"app\":{\"exec\":1}"), "apps[0].app.exec: not a list" },
		{ ONE_APP(",\"mounts\":[{\"path\":\"/a\"}]"), "apps[0]: mounts[0]: volume must be set" },
		{ ONE_APP(",\"mounts\":[{\"volume\":\"a\"}]"), "apps[0]: mounts[0]: path must be set" },
		{ ONE_APP(",\"mounts\":[{\"volume\":\"a\",\"path\":\"a\"}]"),
		  "apps[0]: mounts[0]: path must be an absolute path" },
		{ ONE_APP(",\"mounts\":[{\"volume\":\"a\",\"path\":\"/a\",\"appVolume\":{\"name\":\"a\",\"kind\":\"x\"}}]"),
		  "apps[0]: mounts[0]: unrecognized volume kind: should be one of \"empty\", \"host\"" },
		{ POD(",\"volumes\":[{\"name\":\"a\",\"kind\":\"empty\"},{\"name\":\"a\",\"kind\":\"empty\"}]"),
		  "duplicate volume name \"a\"" },
		{ POD(",\"volumes\":[{\"name\":\"a\",\"kind\":\"empty\",\"uid\":4294967295}]"),
		  "volumes[0]: uid for empty volume is out of range" },
		{ POD(",\"volumes\":[{\"name\":\"a\",\"kind\":\"empty\",\"mode\":\"0o7\"}]"),
		  "volumes[0]: mode for empty volume is not an octal mode: \"0o7\"" },
		{ POD(",\"isolators\":[{\"name\":\"x\",\"value\":1}]"), "invalid isolator: unknown name \"x\"" },
		{ POD(",\"annotations\":[{\"name\":\"a\",\"value\":\"\"},{\"name\":\"a\",\"value\":\"\"}]"),
		  "duplicate annotations of name \"a\"" },
		{ POD(",\"ports\":[{\"name\":\"a\",\"hostPort\":0}]"), "ports[0]: hostPort must be in 1-65535 range" },
		{ POD(",\"ports\":[{\"name\":\"a\",\"hostPort\":1,\"hostIP\":\"localhost\"}]"),
		  "ports[0]: hostIP is not an IP address: \"localhost\"" },
		{ POD(",\"ports\":[{\"name\":\"a\",\"hostPort\":1,\"podPort\":{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":0}}]"),
		  "ports[0]: port must be in 1-65535 range" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		struct pod_manifest m = {}, empty = {};

		assert_int_equal(pod_manifest_read(cases[i].in, strlen(cases[i].in), &m, &err), -ERR_BAD_INPUT);
		words = err_text(&err);
		assert_string_equal(words, cases[i].words);
		assert_memory_equal(&m, &empty, sizeof(m));
	}
}

static void test_volume_strings(void **state)
{
	struct volume v = {};

	assert_int_equal(volume_parse("data,kind=host,source=/a=b c,readOnly=true,recursive=false", &v, NULL), 0);
	assert_string_equal(v.source, "/a=b c");
	assert_true(v.read_only.set && v.read_only.value && v.recursive.set && !v.recursive.value);
	volume_clear(&v);
	assert_int_equal(volume_parse("tmp,kind=empty,mode=1777,uid=5,gid=4294967294", &v, NULL), 0);
	assert_string_equal(v.mode, "1777");
	assert_true(v.uid.value == 5 && v.gid.value == 4294967294);
	assert_false(v.read_only.set || v.recursive.set);
	volume_clear(&v);
}

static void test_volume_strings_refused(void **state)
{
	static const struct { const char *in, *words; } cases[] = {
		{ "", "ACName cannot be empty" },
		{ "a", "unrecognized volume kind: should be one of \"empty\", \"host\"" },
		{ "a,kind=tmpfs", "unrecognized volume kind: should be one of \"empty\", \"host\"" },
		{ "../x,kind=empty", "ACName must contain only lower case alphanumeric characters plus \"-\": \"../x\"" },
		{ "a,kind", "malformed string \"name=a,kind\" - has a label without a value: kind" },
		{ "a,kind=empty,kind=host", "label kind with multiple values [\"empty\" \"host\"]" },
		{ "a,name=b,kind=empty", "label name with multiple values [\"a\" \"b\"]" },
		{ "a,kind=empty,size=1", "unknown volume parameter \"size\"" },
		{ "a,kind=host", "source for host volume cannot be empty" },
		{ "a,kind=host,source=", "source for host volume cannot be empty" },
		{ "a,kind=host,source=tmp", "source for host volume must be absolute path" },
		{ "a,kind=host,source=/a,mode=0755", "mode for host volume cannot be set" },
		{ "a,kind=host,source=/a,uid=0", "uid for host volume cannot be set" },
		{ "a,kind=host,source=/a,gid=0", "gid for host volume cannot be set" },
		{ "a,kind=empty,source=/a", "source for empty volume must be empty" },
		{ "a,kind=empty,mode=9", "mode for empty volume is not an octal mode: \"9\"" },
		{ "a,kind=empty,mode=", "mode for empty volume is not an octal mode: \"\"" },
		{ "a,kind=empty,mode=77777", "mode for empty volume is not an octal mode: \"77777\"" },
		{ "a,kind=empty,uid=-1", "uid is not an id: \"-1\"" },
		{ "a,kind=empty,uid=4294967295", "uid is not an id: \"4294967295\"" },
		{ "a,kind=empty,readOnly=yes", "readOnly is not true or false: \"yes\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		struct volume v = {}, empty = {};

		assert_int_equal(volume_parse(cases[i].in, &v, &err), -ERR_BAD_INPUT);
		assert_string_equal(err.chain[0], cases[i].words);
		assert_memory_equal(&v, &empty, sizeof(v));
	}
}

static void test_mount_strings(void **state)
{
	static const struct { const char *in, *words; } cases[] = {
		{ "volume=a", "path must be set" }, { "target=/a", "volume must be set" },
		{ "volume=a,target=a", "target must be an absolute path" },
		{ "volume=a,target=/a,mode=1", "unknown mount parameter \"mode\"" },
		{ "volume=a,target=/a,target=/b", "label target with multiple values [\"/a\" \"/b\"]" },
		{ "volume=A,target=/a", "invalid volume name \"A\" in --mount flag \"volume=A,target=/a\": ACName must "
					"contain only lower case alphanumeric characters plus \"-\": \"A\"" },
	};
	struct mount m = {}, empty = {};

	assert_int_equal(mount_parse("target=/x/y,volume=data", &m, NULL), 0);
	assert_string_equal(m.volume, "data");
	assert_string_equal(m.path, "/x/y");
	mount_clear(&m);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};

		assert_int_equal(mount_parse(cases[i].in, &m, &err), -ERR_BAD_INPUT);
		assert_string_equal(err.chain[0], cases[i].words);
		assert_memory_equal(&m, &empty, sizeof(m));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_and_writes_all),
		cmocka_unit_test(test_builds),
		cmocka_unit_test(test_port_default),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_volume_strings),
		cmocka_unit_test(test_volume_strings_refused),
		cmocka_unit_test(test_mount_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
