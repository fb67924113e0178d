#include "stage0/manifest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "config.h"

/* The helpers take words as a list that ends with NULL and borrow them for the time of a test. */
#define WORDS(...) ((char *[]){ __VA_ARGS__ __VA_OPT__(,) NULL })
#define W(s) ((char *)(s))

#define LABELS "\"labels\":[{\"name\":\"os\",\"value\":\"linux\"},{\"name\":\"arch\",\"value\":\"amd64\"}]"
#define IMAGE(rest) "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/my_app\"," \
	rest "}"
#define APP(rest) "\"app\":{\"user\":\"0\",\"group\":\"0\",\"exec\":[\"/bin/sh\",\"-c\",\"/bin/sh\"]" rest "}"

static const char an_id[] = "sha512-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
			    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

enum { VERIFIED = 1 << 30 };	/* in the flags of build(), beside the insecure options */

/* Builds a pod of the same image for each request. The caller clears *pod and frees *ret_words. */
static int build(const struct prepare_request *r, const char *image_text, unsigned flags, char *const *environment,
		 struct pod_manifest *pod, char **ret_words)
{
	AUTO(image_manifest_clear) struct image_manifest image = {};
	AUTO(pod_options_clear) struct pod_options options = {};
	AUTO(err_clear) struct err err = {};
	struct app_image images[4];
	int k;

	*pod = (struct pod_manifest){};
	*ret_words = NULL;
	assert_int_equal(image_manifest_read(image_text, strlen(image_text), &image, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(images); i++)
		images[i] = (struct app_image){ an_id, &image, flags & VERIFIED };
	k = pod_options_parse(r, environment, &options, &err);
	if (k >= 0)
		k = pod_manifest_build(r, &options, images, flags & ~(unsigned)VERIFIED, pod, &err);
	if (k < 0)
		*ret_words = err_text(&err);
	return k;
}

/* One app whose options are given; what comes out, as JSON. */
static char *build_text(const struct prepare_request *r, const char *image_text)
{
	AUTO(pod_manifest_clear) struct pod_manifest pod = {};
	AUTO(free) char *words = NULL;

	if (build(r, image_text, 0, NULL, &pod, &words) < 0)
		fail_msg("%s", words);
	return pod_manifest_text(&pod, false);
}

static void assert_fails(const struct prepare_request *r, const char *image_text, unsigned flags, const char *expected)
{
	AUTO(pod_manifest_clear) struct pod_manifest pod = {};
	AUTO(free) char *words = NULL;

	assert_true(build(r, image_text, flags, NULL, &pod, &words) < 0);
	assert_string_equal(words, expected);
	assert_int_equal(pod.n_apps, 0);
}

static struct prepare_request one(struct app_request *app)
{
	return (struct prepare_request){ .apps = app, .n_apps = 1 };
}

static void test_plain(void **state)
{
	struct app_request app = { .image = "x", .args = WORDS(W("/bin/sh")) };
	struct prepare_request r = one(&app);
	AUTO(free) char *text = build_text(&r, IMAGE(LABELS "," APP("")));

	assert_non_null(strstr(text, "\"acVersion\":\"" RKT_VERSION "\",\"acKind\":\"PodManifest\""));
	assert_non_null(strstr(text, "\"name\":\"my-app\""));
	assert_non_null(strstr(text, an_id));
	assert_non_null(strstr(text, "\"name\":\"example.com/my_app\""));
	assert_non_null(strstr(text, "{\"name\":\"arch\",\"value\":\"amd64\"}"));
	assert_non_null(strstr(text, "\"exec\":[\"/bin/sh\",\"-c\",\"/bin/sh\",\"/bin/sh\"]"));
	assert_non_null(strstr(text, "{\"name\":\"coreos.com/rkt/stage1/mutable\",\"value\":\"false\"}"));
}

static void test_every_option(void **state)
{
	struct app_request app = {
		.image = "x", .name = "web", .exec = "/bin/b", .working_dir = "/w", .user = "4294967294",
		.group = "wheel", .supplementary_gids = "1,2", .memory = "16Mi", .cpu = "500m", .cpu_shares = "512",
		.caps_retain = "CAP_NET_RAW", .seccomp = "mode=remove,errno=EPERM,mount", .oom_score_adj = "-5",
		.readonly_rootfs = "true", .mounts = WORDS(W("volume=v,target=/own")),
		.annotations = WORDS(W("a=b=c")), .user_annotations = WORDS(W("ua=1"), W("ua=2")),
		.user_labels = WORDS(W("ul=")), .environment = WORDS(W("E=1")), .args = WORDS(W("x"), W("-y")),
	};
	struct prepare_request r = one(&app);
	AUTO(free) char *text = NULL;
	static const char *const expected[] = {
		"\"name\":\"web\"", "\"exec\":[\"/bin/b\",\"x\",\"-y\"]", "\"workingDirectory\":\"/w\"",
		"\"user\":\"4294967294\"", "\"group\":\"wheel\"", "\"supplementaryGIDs\":[1,2]", "16Mi", "500m",
		"CAP_NET_RAW", "EPERM", "\"readOnlyRootFS\":true", "{\"volume\":\"v\",\"path\":\"/own\"}",
		"{\"name\":\"a\",\"value\":\"b=c\"}", "\"userAnnotations\":{\"ua\":\"2\"}",
		"\"userLabels\":{\"ul\":\"\"}", "{\"name\":\"E\",\"value\":\"1\"}",
		"\"kind\":\"host\",\"source\":\"/src\"",
	};

	r.volumes = WORDS(W("v,kind=host,source=/src"));
	text = build_text(&r, IMAGE(LABELS "," APP(",\"supplementaryGIDs\":[7]")));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		if (!strstr(text, expected[i]))
			fail_msg("no %s in %s", expected[i], text);
}

static void test_exec_makes_an_app(void **state)
{
	struct app_request app = { .image = "x", .exec = "/bin/b" };
	struct prepare_request r = one(&app);
	AUTO(free) char *text = build_text(&r, IMAGE(LABELS));
	AUTO(free) char *user = xasprintf("\"user\":\"%u\",\"group\":\"%u\"", (unsigned)getuid(), (unsigned)getgid());

	assert_non_null(strstr(text, "\"exec\":[\"/bin/b\"]"));
	assert_non_null(strstr(text, user));
}

/* Option by option: what is wrong, and the words for it. */
static void test_option_faults(void **state)
{
#define ARGS "error parsing app image arguments: "
	static const struct { struct app_request app; const char *words; } bad[] = {
		{ { .readonly_rootfs = "yes" }, ARGS "--readonly-rootfs must be set with a boolean" },
		{ { .readonly_rootfs = "" }, ARGS "--readonly-rootfs must be set with a boolean" },
		{ { .supplementary_gids = "1,x" }, ARGS "--supplementary-gids must be integers" },
		{ { .supplementary_gids = "" }, ARGS "--supplementary-gids must be integers" },
		{ { .supplementary_gids = "4294967295" }, ARGS "--supplementary-gids must be integers" },
		{ { .user = "4294967296" }, ARGS "invalid user \"4294967296\"" },
		{ { .user = "99999999999999999999" }, ARGS "invalid user \"99999999999999999999\"" },
		{ { .user = "-2" }, ARGS "invalid user \"-2\"" },
		{ { .user = "" }, ARGS "invalid user \"\"" },
		{ { .group = "+1" }, ARGS "invalid group \"+1\"" },
		{ { .working_dir = "w" }, ARGS "--working-dir must be an absolute path, not \"w\"" },
		{ { .caps_retain = "CAP_KILL", .caps_remove = "CAP_KILL" },
		  ARGS "error: cannot use both --caps-retain and --caps-remove on the same image" },
		{ { .seccomp = "mode=x,mount" },
		  ARGS "invalid --seccomp flag \"mode=x,mount\": invalid seccomp mode command-line override" },
		{ { .memory = "1" }, ARGS "invalid --memory flag \"1\": memory limit of 1 bytes too low. Try a "
		  "reasonable value, such as --memory=16M" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct app_request app = bad[i].app;
		struct prepare_request r = one(&app);

		app.image = "x";
		assert_fails(&r, IMAGE(LABELS "," APP("")), 0, bad[i].words);
	}
}

static void test_list_option_faults(void **state)
{
	struct { struct app_request app; const char *words; } bad[] = {
		{ { .annotations = WORDS(W("a")) }, ARGS "invalid format of --annotation flag \"a\"" },
		{ { .user_annotations = WORDS(W("a")) }, ARGS "invalid format of --user-annotation flag \"a\"" },
		{ { .user_labels = WORDS(W("a")) }, ARGS "invalid format of --user-label flag \"a\"" },
		{ { .environment = WORDS(W("a")) }, ARGS "invalid format of --environment flag \"a\"" },
		{ { .environment = WORDS(W("a b=1")) },
		  ARGS "environment variable does not have valid identifier \"a b\"" },
		{ { .mounts = WORDS(W("volume=v,target=/t")) },
		  ARGS "dangling mount point \"/t\": volume \"v\" not found" },
		{ { .mounts = WORDS(W("volume=v,x=/t")) }, ARGS "unknown mount parameter \"x\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct prepare_request r = one(&bad[i].app);

		assert_fails(&r, IMAGE(LABELS "," APP("")), 0, bad[i].words);
	}
}

static void test_names(void **state)
{
	struct app_request two[2] = { { .name = "../../x" }, {} };
	struct prepare_request r = one(two);
	AUTO(pod_manifest_clear) struct pod_manifest pod = {};
	AUTO(free) char *words = NULL;

	assert_true(build(&r, IMAGE(LABELS "," APP("")), 0, NULL, &pod, &words) < 0);
	assert_true(str_starts(words, ARGS "invalid app name \"../../x\": "));
	two[0].name = NULL;
	r.n_apps = 2;
	assert_fails(&r, IMAGE(LABELS "," APP("")), 0, "error: multiple apps with name my-app");
	two[0].name = two[1].name = "a";
	assert_fails(&r, IMAGE(LABELS "," APP("")), 0, "error: multiple apps with name a");
}

static void test_pod_option_faults(void **state)
{
	struct { struct prepare_request r; const char *words; } bad[] = {
		{ { .volumes = WORDS(W("v,kind=odd")) }, "invalid value in --volume flag \"v,kind=odd\": unrecognized "
		  "volume kind: should be one of \"empty\", \"host\"" },
		{ { .volumes = WORDS(W("v,kind=empty"), W("v,kind=empty")) }, "duplicate volume name \"v\"" },
		{ { .mounts = WORDS(W("volume=v,target=/t")) },
		  "dangling mount point \"/t\": volume \"v\" not found" },
		{ { .ports = WORDS(W("http")) }, "\"http\" is not in name:[ip:]port format" },
		{ { .ports = WORDS(W("HTTP:80")) }, "\"HTTP\" is not a valid port name" },
		{ { .ports = WORDS(W("http:1.2.3:80")) }, "\"1.2.3\" is not a valid IP" },
		{ { .ports = WORDS(W("http:0")) }, "\"0\" is not a valid port number" },
		{ { .ports = WORDS(W("http:65536")) }, "\"65536\" is not a valid port number" },
		{ { .ports = WORDS(W("http:80")) }, "port name \"http\" could not be found in any apps" },
		{ { .set_env = WORDS(W("A")) }, "\"A\": must be specified as key=value" },
		{ { .set_env = WORDS(W("A=1"), W("A=2")) }, "key \"A\" already set" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct app_request app = {};

		bad[i].r.apps = &app;
		bad[i].r.n_apps = 1;
		assert_fails(&bad[i].r, IMAGE(LABELS "," APP("")), 0, bad[i].words);
	}
}

static void test_what_to_run(void **state)
{
	struct { struct prepare_request r; const char *words; } bad[] = {
		{ {}, "must provide at least one image or specify the pod manifest" },
		{ { .pod_manifest = "f", .ports = WORDS(W("a:1")) },
		  "conflicting flags set with --pod-manifest (see --help)" },
		{ { .pod_manifest = "f", .inherit_env = true },
		  "conflicting flags set with --pod-manifest (see --help)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(&bad[i].r, IMAGE(LABELS "," APP("")), 0, bad[i].words);
}

static void test_image_faults(void **state)
{
	static const struct { const char *image, *words; } bad[] = {
		{ IMAGE(APP("")), "missing os label in the image manifest" },
		{ IMAGE("\"labels\":[{\"name\":\"os\",\"value\":\"linux\"}]," APP("")),
		  "missing arch label in the image manifest" },
		{ IMAGE(LABELS ",\"app\":{\"user\":\"0\",\"group\":\"0\",\"exec\":[]}"),
		  "image \"example.com/my_app\" has an empty \"exec\" (try --exec=BINARY)" },
		{ IMAGE(LABELS ",\"app\":{\"user\":\"4294967296\",\"group\":\"0\",\"exec\":[\"/a\"]}"),
		  "invalid user \"4294967296\"" },
	};
	struct app_request app = {};
	struct prepare_request r = one(&app);
	AUTO(free) char *no_app = xasprintf("error: image %s has no app section and --exec argument is not provided",
					    an_id);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(&r, bad[i].image, 0, bad[i].words);
	assert_fails(&r, IMAGE(LABELS), 0, no_app);
}

/* Inventory 1.6, one variable per rung. */
static void test_environment_order(void **state)
{
	static const char image[] = IMAGE(LABELS "," APP(",\"environment\":["
		"{\"name\":\"A\",\"value\":\"image\"},{\"name\":\"B\",\"value\":\"image\"},"
		"{\"name\":\"C\",\"value\":\"image\"},{\"name\":\"D\",\"value\":\"image\"}]"));
	static const char file[] = "# comment\n\n;x\nC=file\r\nD=file\nF==2";
	static const struct { const char *name, *value; } expected[] = {
		{ "A", "image" }, { "B", "option" }, { "C", "file" }, { "D", "set" }, { "E", "inherited" },
		{ "F", "=2" }, { "G", "option" },
	};
	char path[] = "/tmp/rkt-env-XXXXXX";
	AUTO(close) int fd = mkstemp(path);
	struct app_request app = { .environment = WORDS(W("B=option"), W("C=option"), W("D=option"), W("G=option")) };
	struct prepare_request r = one(&app);
	AUTO(pod_manifest_clear) struct pod_manifest pod = {};
	AUTO(free) char *words = NULL;

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, file, strlen(file)), 0);
	r.inherit_env = true;
	r.set_env = WORDS(W("D=set"));
	r.set_env_files = WORDS(path);
	if (build(&r, image, 0, WORDS(W("A=inherited"), W("E=inherited"), W("E=second"), W("G=inherited"),
				      W("BASH_FUNC_x%%=()"), W("odd"), W("BAD=\xff")), &pod, &words) < 0)
		fail_msg("%s", words);
	unlink(path);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_string_equal(app_get_env(pod.apps[0].app, expected[i].name), expected[i].value);
	assert_int_equal(pod.apps[0].app->n_env, ARRAY_LEN(expected));
}

static void test_environment_file_faults(void **state)
{
	static const struct { const char *text, *words; } bad[] = {
		{ "A", "environment variable must be specified as name=value (file \"%s\")" },
		{ "A=1\nA=2\n", "environment variable \"A\" already set (file \"%s\")" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char path[] = "/tmp/rkt-env-XXXXXX";
		AUTO(close) int fd = mkstemp(path);
		const char *at = strstr(bad[i].words, "%s");
		AUTO(free) char *words = xasprintf("%.*s%s%s", (int)(at - bad[i].words), bad[i].words, path, at + 2);
		struct app_request app = {};
		struct prepare_request r = one(&app);

		r.set_env_files = WORDS(path);
		assert_int_equal(fd_write_all(fd, bad[i].text, strlen(bad[i].text)), 0);
		assert_fails(&r, IMAGE(LABELS "," APP("")), 0, words);
		unlink(path);
	}
}

static void test_mounts(void **state)
{
	struct app_request app = { .mounts = WORDS(W("volume=a,target=/x"), W("volume=b,target=/x/")) };
	struct prepare_request r = one(&app);
	AUTO(pod_manifest_clear) struct pod_manifest pod = {};
	AUTO(free) char *words = NULL;

	r.volumes = WORDS(W("a,kind=empty"), W("b,kind=empty"), W("unused,kind=empty"));
	r.mounts = WORDS(W("volume=b,target=/x"), W("volume=b,target=/y"));
	if (build(&r, IMAGE(LABELS "," APP("")), 0, NULL, &pod, &words) < 0)
		fail_msg("%s", words);
	assert_int_equal(pod.apps[0].n_mounts, 2);
	assert_string_equal(pod.apps[0].mounts[0].volume, "a");
	assert_string_equal(pod.apps[0].mounts[1].path, "/y");
	assert_int_equal(pod.n_volumes, 3);
}

static void test_ports(void **state)
{
	static const char image[] = IMAGE(LABELS "," APP(",\"ports\":[{\"name\":\"http\",\"protocol\":\"tcp\","
		"\"port\":80}]"));
	struct app_request two[] = { { .name = "a" }, { .name = "b" } };
	struct prepare_request r = one(two);
	AUTO(pod_manifest_clear) struct pod_manifest pod = {};
	AUTO(free) char *words = NULL;

	r.ports = WORDS(W("http:127.0.0.1:8080"), W("http:[::1]:8081"), W("http:8082"));
	if (build(&r, image, 0, NULL, &pod, &words) < 0)
		fail_msg("%s", words);
	assert_int_equal(pod.n_ports, 3);
	assert_string_equal(pod.ports[0].host_ip, "127.0.0.1");
	assert_string_equal(pod.ports[1].host_ip, "::1");
	assert_null(pod.ports[2].host_ip);
	assert_int_equal(pod.ports[2].host_port, 8082);
	r.n_apps = 2;
	assert_fails(&r, image, 0, "port name \"http\" defined multiple apps");
}

/* What an image says in the engine's own namespace is not handed on; the operator's word is. */
static void test_reserved_annotations(void **state)
{
	static const char image[] = IMAGE(LABELS "," APP("") ",\"annotations\":["
		"{\"name\":\"coreos.com/rkt/stage2/stdin\",\"value\":\"stream\"},"
		"{\"name\":\"example.com/note\",\"value\":\"n\"}]");
	struct app_request app = { .annotations = WORDS(W("coreos.com/rkt/x=1"), W("example.com/note=m")) };
	struct prepare_request r = one(&app);
	AUTO(free) char *text = build_text(&r, image);

	assert_null(strstr(text, "stage2/stdin"));
	assert_non_null(strstr(text, "{\"name\":\"example.com/note\",\"value\":\"m\"}"));
	assert_non_null(strstr(text, "{\"name\":\"coreos.com/rkt/x\",\"value\":\"1\"}"));
}

#define ISOLATOR(name, value) IMAGE(LABELS "," APP(",\"isolators\":[{\"name\":\"os/linux/" name "\",\"value\":" value "}]"))
#define CAPS(set) ISOLATOR("capabilities-retain-set", "{\"set\":[" set "]}")
#define CALLS(set) ISOLATOR("seccomp-retain-set", "{\"set\":[" set "]}")
#define NOT_VOUCHED ", and no trusted key vouches for it (to allow it, repeat it with --"

/* Decision D5. */
static void test_widening(void **state)
{
	static const struct {
		const char *image;
		unsigned flags;
		struct app_request app;
		const char *words;	/* NULL: it may */
	} cases[] = {
		{ CAPS("\"CAP_SYS_ADMIN\",\"CAP_KILL\",\"CAP_BPF\""), 0, {},
		  "image \"example.com/my_app\" asks for capability CAP_SYS_ADMIN,CAP_BPF" NOT_VOUCHED "caps-retain)" },
		{ CAPS("\"CAP_NET_RAW\""), 0, {},
		  "image \"example.com/my_app\" asks for capability CAP_NET_RAW" NOT_VOUCHED "caps-retain)" },
		{ CAPS("\"CAP_SYS_ADMIN\""), INSECURE_IMAGE, {},
		  "image \"example.com/my_app\" asks for capability CAP_SYS_ADMIN" NOT_VOUCHED "caps-retain)" },
		{ CAPS("\"CAP_SYS_ADMIN\""), VERIFIED, {}, NULL },
		{ CAPS("\"CAP_SYS_ADMIN\""), 0, { .caps_retain = "CAP_SYS_ADMIN" }, NULL },
		{ CAPS("\"CAP_SYS_ADMIN\""), 0, { .caps_remove = "CAP_KILL" }, NULL },
		{ CAPS("\"CAP_SYS_ADMIN\""), INSECURE_CAPABILITIES, {}, NULL },
		{ CAPS("\"CAP_CHOWN\",\"CAP_SYS_CHROOT\""), 0, {}, NULL },
		{ ISOLATOR("capabilities-remove-set", "{\"set\":[\"CAP_CHOWN\"]}"), 0, {}, NULL },
		{ CALLS("\"@appc.io/all\""), 0, {},
		  "image \"example.com/my_app\" asks for system call @appc.io/all" NOT_VOUCHED "seccomp)" },
		{ CALLS("\"read\",\"mount\""), 0, {},
		  "image \"example.com/my_app\" asks for system call mount" NOT_VOUCHED "seccomp)" },
		{ CALLS("\"@systemd/mount\""), 0, {},
		  "image \"example.com/my_app\" asks for system call @systemd/mount" NOT_VOUCHED "seccomp)" },
		{ CALLS("\"@appc.io/all\""), VERIFIED, {}, NULL },
		{ CALLS("\"@appc.io/all\""), INSECURE_SECCOMP, {}, NULL },
		{ CALLS("\"@appc.io/all\""), INSECURE_CAPABILITIES, {},
		  "image \"example.com/my_app\" asks for system call @appc.io/all" NOT_VOUCHED "seccomp)" },
		{ CALLS("\"@appc.io/all\""), 0, { .seccomp = "mode=retain,@appc.io/all" }, NULL },
		{ CALLS("\"read\",\"@rkt/default-whitelist\",\"@docker/default-whitelist\""), 0, {}, NULL },
		{ ISOLATOR("seccomp-remove-set", "{\"set\":[\"mount\"]}"), 0, {}, NULL },
		{ ISOLATOR("no-new-privileges", "false"), 0, {}, NULL },
		{ ISOLATOR("oom-score-adj", "-500"), 0, {},
		  "image \"example.com/my_app\" asks for oom-score-adj -500" NOT_VOUCHED "oom-score-adj)" },
		{ ISOLATOR("oom-score-adj", "-500"), VERIFIED, {}, NULL },
		{ ISOLATOR("oom-score-adj", "-500"), 0, { .oom_score_adj = "-500" }, NULL },
		{ ISOLATOR("oom-score-adj", "500"), 0, {}, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct app_request app = cases[i].app;
		struct prepare_request r = one(&app);
		AUTO(pod_manifest_clear) struct pod_manifest pod = {};
		AUTO(free) char *words = NULL;
		int k = build(&r, cases[i].image, cases[i].flags, NULL, &pod, &words);

		if (cases[i].words && !words)
			fail_msg("case %zu was let through", i);
		if (cases[i].words)
			assert_string_equal(words, cases[i].words);
		else if (k < 0)
			fail_msg("case %zu: %s", i, words);
	}
}

/* With --pod-manifest the operator's own app section needs nobody to vouch for it, the image's does. */
static void test_pod_manifest_app(void **state)
{
	static const char text[] = CAPS("\"CAP_SYS_ADMIN\""), bare[] = IMAGE(LABELS);
	AUTO(image_manifest_clear) struct image_manifest image = {}, no_app = {};
	struct app_image found = { an_id, &image, false }, found_bare = { an_id, &no_app, true };
	struct app given = {};
	struct runtime_app own = { .name = W("a"), .app = &given }, images = { .name = W("a") };
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;

	assert_int_equal(image_manifest_read(text, strlen(text), &image, NULL), 0);
	assert_int_equal(image_manifest_read(bare, strlen(bare), &no_app, NULL), 0);
	assert_int_equal(runtime_app_check_image(&own, &found, 0, NULL), 0);
	assert_true(runtime_app_check_image(&images, &found, 0, NULL) < 0);
	found.verified = true;
	assert_int_equal(runtime_app_check_image(&images, &found, 0, NULL), 0);
	assert_int_equal(runtime_app_check_image(&images, &found_bare, 0, &err), -ERR_BAD_INPUT);
	words = err_text(&err);
	assert_string_equal(words, "no app section in the pod manifest or the image manifest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_exec_makes_an_app),
		cmocka_unit_test(test_option_faults),
		cmocka_unit_test(test_list_option_faults),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_pod_option_faults),
		cmocka_unit_test(test_what_to_run),
		cmocka_unit_test(test_image_faults),
		cmocka_unit_test(test_environment_order),
		cmocka_unit_test(test_environment_file_faults),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_reserved_annotations),
		cmocka_unit_test(test_widening),
		cmocka_unit_test(test_pod_manifest_app),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
