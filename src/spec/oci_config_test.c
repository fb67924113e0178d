#include "spec/oci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\"]}"
#define LINUX "\"os\":\"linux\",\"architecture\":\"amd64\""
#define RUN(members) "{" LINUX "," ROOTFS ",\"config\":{" members "}}"

static void test_reads(void **state)
{
	static const char text[] =
		"{\"created\":\"2024-01-02T03:04:05Z\",\"author\":\"A\",\"architecture\":\"arm\",\"variant\":\"v7\",\"os\":\"linux\","
		"\"config\":{\"User\":\"u\",\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":null},\"Env\":[\"A=1\"],\"Entrypoint\":[\"/e\"],"
		"\"Cmd\":[\"c\",\"d\"],\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\",\"Labels\":{\"k=1\":\"v\"},\"StopSignal\":\"9\","
		"\"Healthcheck\":{ \"Test\":[\"NONE\"]},\"Shell\":[\"/sh\"],\"Unknown\":{\"x\":1}},"
		"\"history\":[{}]," ROOTFS "}";
	AUTO(oci_config_clear) struct oci_config c = {};
	struct oci_document one = { .n = 1 }, two = { .n = 2 };

	assert_int_equal(oci_config_read(text, strlen(text), &c, NULL), 0);
	assert_string_equal(c.architecture, "arm");
	assert_string_equal(c.variant, "v7");
	assert_string_equal(c.diff_ids[0], DIGEST);
	assert_string_equal(c.exposed_ports[0], "53/udp");
	assert_string_equal(c.exposed_ports[1], "80/tcp");
	assert_string_equal(c.volumes[0], "/v");
	assert_string_equal(c.cmd[1], "d");
	assert_string_equal(label_get(c.labels, c.n_labels, "k=1"), "v");
	assert_string_equal(c.healthcheck, "{\"Test\":[\"NONE\"]}");
	assert_string_equal(c.shell, "[\"/sh\"]");
	assert_int_equal(oci_config_check(&c, &one, NULL), 0);
	assert_int_equal(oci_config_check(&c, &two, NULL), -ERR_BAD_INPUT);
}

static void test_one_file_is_one_layer(void **state)
{
	struct oci_descriptor layers[] = { { .digest = (char *)"a" }, { .digest = (char *)"b" }, { .digest = (char *)"a" } };
	struct oci_document manifest = { .list = layers, .n = ARRAY_LEN(layers) };
	struct oci_config same = { .diff_ids = (char *[]){ (char *)"1", (char *)"2", (char *)"1", NULL } };
	struct oci_config other = { .diff_ids = (char *[]){ (char *)"1", (char *)"2", (char *)"3", NULL } };
	AUTO(err_clear) struct err err = {};

	assert_int_equal(oci_config_check(&same, &manifest, NULL), 0);
	assert_int_equal(oci_config_check(&other, &manifest, &err), -ERR_BAD_INPUT);
	assert_non_null(strstr(err.chain[0], "layers 1 and 3 are one file"));
}

static void test_refuses_documents(void **state)
{
	static const struct { const char *text, *words; } cases[] = {
		{ "", "line 1, column 1: unexpected end, expected a value" },
		{ "[]", "not an object" },
		{ "{}", "rootfs: missing" },
		{ "{\"rootfs\":{}}", "rootfs.diff_ids: missing" },
		{ "{\"rootfs\":{\"type\":\"layers\"}}", "rootfs.diff_ids: missing" },
		{ "{\"rootfs\":{\"diff_ids\":[]}}", "rootfs.type: not \"layers\"" },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"x\"]}}", "rootfs.diff_ids[0]: \"x\" is no digest" },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[null]}}", "rootfs.diff_ids[0]: not a string" },
		{ "{" ROOTFS ",\"config\":[]}", "config: not an object" },
		{ "{" ROOTFS ",\"os\":1}", "os: not a string" },
		{ RUN("\"Env\":\"A=1\""), "config.Env: not a list" },
		{ RUN("\"Env\":[1]"), "config.Env[0]: not a string" },
		{ RUN("\"Entrypoint\":\"/bin/sh\""), "config.Entrypoint: not a list" },
		{ RUN("\"User\":{}"), "config.User: not a string" },
		{ RUN("\"Volumes\":[]"), "config: Volumes: not an object" },
		{ RUN("\"ExposedPorts\":1"), "config: ExposedPorts: not an object" },
		{ RUN("\"Labels\":{\"a\":null}"), "config: Labels.a: not a string" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		struct oci_config c = {}, empty = {};

		assert_int_equal(oci_config_read(cases[i].text, strlen(cases[i].text), &c, &err), -ERR_BAD_INPUT);
		words = err_text(&err);
		assert_string_equal(words, cases[i].words);
		assert_memory_equal(&c, &empty, sizeof(c));
	}
}

/* The manifest that a configuration and an origin become, as JSON; or the words of the refusal. */
static char *converted(const char *text, const struct oci_origin *origin)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	AUTO(oci_config_clear) struct oci_config c = {};
	AUTO(err_clear) struct err err = {};

	assert_int_equal(oci_config_read(text, strlen(text), &c, NULL), 0);
	if (oci_to_appc(&c, origin, &m, &err) < 0)
		return err_text(&err);
	return json_encode_text(image_manifest_fields, &m, false);
}

static void test_whole_image(void **state)
{
	static const char config[] =
		"{\"created\":\"2024-01-02T03:04:05.6Z\",\"author\":\"A <a@b>\",\"architecture\":\"arm64\",\"variant\":\"v8\","
		"\"os\":\"linux\",\"config\":{\"User\":\"www:data\",\"ExposedPorts\":{\"443\":{},\"443/tcp\":{},\"53/udp\":{},"
		"\"8000-8001/tcp\":{}},\"Env\":[\"PATH=/bin\",\"EMPTY=\",\"HOSTS\",\"a b=c\",\"PATH=/usr/bin\"],"
		"\"Entrypoint\":[\"/e\",\"-x\"],\"Cmd\":[\"\"],\"Volumes\":{\"/data\":{},\"/Data/\":{},\"/srv//x y\":{}},"
		"\"WorkingDir\":\"/w/../x/\",\"Labels\":{\"maintainer\":\"me\",\"io.kubernetes.cri-x\":\"y\",\"a=b\":\"c\"},"
		"\"StopSignal\":\"SIGQUIT\",\"Healthcheck\":{\"Test\":[\"CMD\",\"/h\"]},\"Shell\":[\"/sh\",\"-c\"]}," ROOTFS "}";
	static const struct oci_origin origin = {
		.version = "1.2", .registry = "registry-1.docker.io", .repository = "library/app", .tag = "1.2",
		.manifest_digest = "sha256:m", .config_digest = "sha256:c", .reference = "docker://app:1.2",
	};
	AUTO(free) char *text = converted(config, &origin);

	assert_string_equal(text, "{\"acKind\":\"ImageManifest\",\"acVersion\":\"" APPC_VERSION "\","
		"\"name\":\"registry-1.docker.io/library/app\",\"labels\":[{\"name\":\"version\",\"value\":\"1.2\"},"
		"{\"name\":\"os\",\"value\":\"linux\"},{\"name\":\"arch\",\"value\":\"aarch64\"}],\"app\":{"
		"\"exec\":[\"/e\",\"-x\",\"\"],\"user\":\"www\",\"group\":\"data\",\"workingDirectory\":\"/x\","
		"\"environment\":[{\"name\":\"PATH\",\"value\":\"/usr/bin\"},{\"name\":\"EMPTY\",\"value\":\"\"}],"
		"\"mountPoints\":[{\"name\":\"volume-data\",\"path\":\"/Data\"},{\"name\":\"volume-data-2\",\"path\":\"/data\"},"
		"{\"name\":\"volume-srv-x-y\",\"path\":\"/srv/x y\"}],"
		"\"ports\":[{\"name\":\"53-udp\",\"protocol\":\"udp\",\"port\":53,\"count\":1,\"socketActivated\":false},"
		"{\"name\":\"443-tcp\",\"protocol\":\"tcp\",\"port\":443,\"count\":1,\"socketActivated\":false},"
		"{\"name\":\"8000-8001-tcp\",\"protocol\":\"tcp\",\"port\":8000,\"count\":2,\"socketActivated\":false}],"
		"\"userLabels\":{\"maintainer\":\"me\"}},\"annotations\":["
		"{\"name\":\"created\",\"value\":\"2024-01-02T03:04:05.6Z\"},{\"name\":\"author\",\"value\":\"A <a@b>\"},"
		"{\"name\":\"appc.io/docker/originalname\",\"value\":\"docker://app:1.2\"},"
		"{\"name\":\"appc.io/docker/registryurl\",\"value\":\"registry-1.docker.io\"},"
		"{\"name\":\"appc.io/docker/repository\",\"value\":\"library/app\"},"
		"{\"name\":\"appc.io/docker/tag\",\"value\":\"1.2\"},{\"name\":\"appc.io/docker/imageid\",\"value\":\"sha256:c\"},"
		"{\"name\":\"appc.io/docker/manifesthash\",\"value\":\"sha256:m\"},"
		"{\"name\":\"appc.io/docker/entrypoint\",\"value\":\"[\\\"/e\\\",\\\"-x\\\"]\"},"
		"{\"name\":\"appc.io/docker/cmd\",\"value\":\"[\\\"\\\"]\"},"
		"{\"name\":\"appc.io/docker/env\",\"value\":\"[\\\"a b=c\\\"]\"},"
		"{\"name\":\"appc.io/docker/stopsignal\",\"value\":\"SIGQUIT\"},"
		"{\"name\":\"appc.io/docker/healthcheck\",\"value\":\"{\\\"Test\\\":[\\\"CMD\\\",\\\"/h\\\"]}\"},"
		"{\"name\":\"appc.io/docker/shell\",\"value\":\"[\\\"/sh\\\",\\\"-c\\\"]\"}]}");
}

static void test_bare_image(void **state)
{
	static const struct { const char *config; struct oci_origin origin; const char *name; } cases[] = {
		{ "{" ROOTFS "}", {}, "image" },
		{ "{" LINUX "," ROOTFS ",\"config\":null}", { .manifest_digest = DIGEST }, "sha256_" HEX64 },
		{ RUN("\"Cmd\":null,\"Env\":null,\"Volumes\":null,\"Labels\":null,\"ExposedPorts\":null,\"User\":\"\""),
		  { .name = "a/b" }, "a/b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *text = converted(cases[i].config, &cases[i].origin), *name = NULL;

		name = xasprintf("\"name\":\"%s\"", cases[i].name);
		assert_non_null(strstr(text, name));
		assert_non_null(strstr(text, "\"app\":{\"exec\":[],\"user\":\"0\",\"group\":\"0\"}"));
	}
}

static void test_users(void **state)
{
	static const struct { const char *user, *words; } cases[] = {
		{ "1000", "\"user\":\"1000\",\"group\":\"1000\"" }, { "a:", "\"user\":\"a\",\"group\":\"a\"" },
		{ ":5", "\"user\":\"0\",\"group\":\"5\"" }, { "0:0", "\"user\":\"0\",\"group\":\"0\"" },
		{ "a b", "the user \"a b\" is neither USER nor USER:GROUP" },
		{ "/etc/passwd", "the user \"/etc/passwd\" is neither USER nor USER:GROUP" },
		{ "a:/etc/passwd", "the user \"a:/etc/passwd\" is neither USER nor USER:GROUP" },
		{ "a:b:c", "the user \"a:b:c\" is neither USER nor USER:GROUP" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *config = xasprintf(RUN("\"User\":\"%s\""), cases[i].user);
		AUTO(free) char *text = converted(config, &(struct oci_origin){});

		assert_non_null(strstr(text, cases[i].words));
	}
}

/* Who is alone is told to stage1, which looks up his group. */
static void test_alone(void **state)
{
	static const struct { const char *user, *said; } cases[] = {
		{ "1000", "1000" }, { "a", "a" }, { "a:", "a" }, { "a:a", NULL }, { "0:0", NULL }, { "", NULL }, { ":5", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *config = xasprintf(RUN("\"User\":\"%s\""), cases[i].user), *text = NULL, *said = NULL;

		text = converted(config, &(struct oci_origin){});
		said = xasprintf("{\"name\":\"appc.io/docker/user\",\"value\":\"%s\"}", cases[i].said ?: "");
		assert_int_equal(!strstr(text, "appc.io/docker/user"), !cases[i].said);
		assert_true(!cases[i].said || strstr(text, said));
	}
}

static void test_refuses(void **state)
{
	static const struct { const char *config, *words; } cases[] = {
		{ RUN("\"Volumes\":{\"/../../etc\":{}}"), "the volume \"/../../etc\" is no absolute path below the root" },
		{ RUN("\"Volumes\":{\"/a/..\":{}}"), "the volume \"/a/..\" is no absolute path below the root" },
		{ RUN("\"Volumes\":{\"data\":{}}"), "the volume \"data\" is no absolute path below the root" },
		{ RUN("\"Volumes\":{\"\":{}}"), "the volume \"\" is no absolute path below the root" },
		{ RUN("\"Volumes\":{\"//\":{}}"), "the volume \"//\" is no absolute path below the root" },
		{ RUN("\"ExposedPorts\":{\"0\":{}}"), "the exposed port \"0\" is none" },
		{ RUN("\"ExposedPorts\":{\"65536/tcp\":{}}"), "the exposed port \"65536/tcp\" is none" },
		{ RUN("\"ExposedPorts\":{\"80/\":{}}"), "the exposed port \"80/\" is none" },
		{ RUN("\"ExposedPorts\":{\"80/T P\":{}}"), "the exposed port \"80/T P\" is none" },
		{ RUN("\"ExposedPorts\":{\"9-8\":{}}"), "the exposed port \"9-8\" is none" },
		{ RUN("\"ExposedPorts\":{\"-8\":{}}"), "the exposed port \"-8\" is none" },
		{ RUN("\"ExposedPorts\":{\"\":{}}"), "the exposed port \"\" is none" },
		{ "{\"os\":\"linux\",\"architecture\":\"riscv64\"," ROOTFS "}",
		  "appc has no name for the architecture \"riscv64\"" },
		{ "{\"os\":\"windows\",\"architecture\":\"amd64\"," ROOTFS "}",
		  "bad os \"windows\" (must be one of: [linux])" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *words = converted(cases[i].config, &(struct oci_origin){});

		assert_string_equal(words, cases[i].words);
	}
}

/* A volume "/..a" does not go up; a label that speaks to an engine is dropped wherever its domain is. */
static void test_near_misses(void **state)
{
	AUTO(free) char *text = converted(RUN("\"Volumes\":{\"/..a/b../.c\":{}},\"Labels\":{\"coreos.com/rkt/stage1/run\":\"/x\","
		"\"pod.beta.kubernetes.io/init\":\"x\",\"cdi.k8s.io/a\":\"b\",\"APPC.io/x\":\"y\",\"coreos.com/rktnot\":\"kept\"}"),
		&(struct oci_origin){});

	assert_non_null(strstr(text, "{\"name\":\"volume-a-b-c\",\"path\":\"/..a/b../.c\"}"));
	assert_non_null(strstr(text, "\"userLabels\":{\"coreos.com/rktnot\":\"kept\"}"));
}

static void test_names(void **state)
{
	static const struct { const char *text, *name; } cases[] = {
		{ "My Image!", "my_image" }, { "app-1.0__x", "app-1.0_x" }, { "sha256:12", "sha256_12" }, { "\xc3\xa4", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *name = oci_appc_name(cases[i].text);

		if (!cases[i].name) {
			assert_null(name);
			continue;
		}
		assert_string_equal(name, cases[i].name);
		assert_int_equal(ac_identifier_check(name, NULL), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_one_file_is_one_layer),
		cmocka_unit_test(test_refuses_documents),
		cmocka_unit_test(test_whole_image),
		cmocka_unit_test(test_bare_image),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
