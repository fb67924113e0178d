#include "cli/pod_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/human.h"

#define UUID "6b9a1c2d-1234-4abc-8def-0123456789ab"
#define CREATED (1493211845LL * NS_PER_SECOND + 123000000)

/* A pod with two apps that has ended. */
static struct pod_view exited(void)
{
	struct pod_view v = {
		.uuid = xstrdup(UUID), .state = xstrdup("exited"), .number = POD_EXITED,
		.created_at = { true, 1493211845 }, .started_at = { true, 1493211846 },
		.created_ns = CREATED, .started_ns = CREATED + NS_PER_SECOND, .pid = 4711,
		.profile = xstrdup("hardened"), .insecure = xstrdup("paths,seccomp"),
		.apps = xcalloc(2, sizeof(struct app_view)), .n_apps = 2,
	};

	strv_add(&v.app_names, "redis");
	strv_add(&v.app_names, "nginx");
	v.apps[0] = (struct app_view){
		.name = xstrdup("redis"), .state = xstrdup("exited"), .image = xstrdup("example.com/redis:7"),
		.image_id = xstrdup("sha512-0123456789abcdef0123"), .exit_code = { true, 3 },
		.verified_by = xstrdup("accepted"),
		.created_at = { true, CREATED }, .finished_at = { true, CREATED + 5 },
		.mounts = xcalloc(1, sizeof(struct mount_view)), .n_mounts = 1,
	};
	v.apps[0].mounts[0] = (struct mount_view){
		.name = xstrdup("data"), .container_path = xstrdup("/data"), .host_path = xstrdup("/srv"),
		.read_only = true,
	};
	strv_add(&v.apps[0].user_labels, "tier=db");
	v.apps[1] = (struct app_view){
		.name = xstrdup("nginx"), .state = xstrdup("exited"), .image_id = xstrdup("sha512-fedcba9876543210"),
	};
	return v;
}

static void json(void **state)
{
	AUTO(pod_view_clear) struct pod_view v = exited();
	struct json_writer *w = json_writer_new(false);
	AUTO(free) char *text = NULL;

	pod_view_json(&v, w);
	text = json_writer_finish(w);
	assert_string_equal(text,
		"{\"name\":\"" UUID "\",\"state\":\"exited\",\"app_names\":[\"redis\",\"nginx\"],\"apps\":["
		"{\"name\":\"redis\",\"state\":\"exited\",\"created_at\":1493211845123000000,"
		"\"finished_at\":1493211845123000005,\"exit_code\":3,\"image_id\":\"sha512-0123456789abcdef0123\","
		"\"verified_by\":\"accepted\","
		"\"mounts\":[{\"name\":\"data\",\"container_path\":\"/data\",\"host_path\":\"/srv\",\"read_only\":true}],"
		"\"user_labels\":{\"tier\":\"db\"}},"
		"{\"name\":\"nginx\",\"state\":\"exited\",\"image_id\":\"sha512-fedcba9876543210\"}],"
		"\"created_at\":1493211845,\"started_at\":1493211846}");
}

/* What is not known is left out. */
static void json_of_a_broken_pod(void **state)
{
	AUTO(pod_view_clear) struct pod_view v = { .uuid = xstrdup(UUID), .state = xstrdup("aborted prepare") };
	struct json_writer *w = json_writer_new(false);
	AUTO(free) char *text = NULL;

	pod_view_json(&v, w);
	text = json_writer_finish(w);
	assert_string_equal(text, "{\"name\":\"" UUID "\",\"state\":\"aborted prepare\"}");
}

static void rows(void **state)
{
	AUTO(pod_view_clear) struct pod_view v = exited();
	AUTO(table_clear) struct table t = {}, full = {};
	AUTO(buf_clear) struct buf out = {}, full_out = {};

	free(v.apps[1].name);
	v.apps[1].name = xstrdup("ng\x1b]0;x");
	pod_view_rows(&v, false, CREATED + 180LL * NS_PER_SECOND, &t);
	table_write(&t, &out);
	assert_string_equal(out.data, "6b9a1c2d\tredis\t\texample.com/redis:7\texited\t3 minutes ago\t2 minutes ago\t\n"
				      "\t\tng\\x1b]0;x\t--\t\t\t\t\t\t\t\t\n");
	pod_view_rows(&v, true, 0, &full);
	table_write(&full, &full_out);
	assert_non_null(strstr(full_out.data, UUID "\tredis"));
	assert_non_null(strstr(full_out.data, "sha512-0123456789ab\t"));
	assert_non_null(strstr(full_out.data, "2017-04-26 13:04:05.123 +0000 UTC\t"));
}

static void row_of_a_broken_pod(void **state)
{
	AUTO(pod_view_clear) struct pod_view v = { .uuid = xstrdup(UUID), .state = xstrdup("preparing") };
	AUTO(table_clear) struct table t = {};
	AUTO(buf_clear) struct buf out = {};

	pod_view_rows(&v, true, 0, &t);
	table_write(&t, &out);
	assert_string_equal(out.data, UUID "\t-\t-\t-\tpreparing\t\t\t\n");
}

static void lines(void **state)
{
	AUTO(pod_view_clear) struct pod_view v = exited();
	AUTO(buf_clear) struct buf out = {}, running = {}, prepared = {};

	pod_view_lines(&v, &out);
	assert_string_equal(out.data, "state=exited\n"
				      "created=2017-04-26 13:04:05.123 +0000 UTC\n"
				      "started=2017-04-26 13:04:06.123 +0000 UTC\n"
				      "networks=\n"
				      "pid=4711\n"
				      "exited=true\n"
				      "app-redis=3\n"
				      "security-profile=hardened\n"
				      "insecure-options=paths,seccomp\n"
				      "verified-redis=accepted\n");
	v.number = POD_RUNNING;
	pod_view_lines(&v, &running);
	assert_non_null(strstr(running.data, "exited=false\nsecurity-profile"));
	assert_null(strstr(running.data, "app-"));

	v.number = POD_PREPARED;
	pod_view_lines(&v, &prepared);
	assert_null(strstr(prepared.data, "pid="));
	assert_null(strstr(prepared.data, "networks="));
}

static void runtime_config(void **state)
{
	static const struct {
		const char *text, *profile, *insecure;
	} rows_[] = {
		{ "{}", "rkt", "none" },
		{ "{\"securityProfile\":\"hardened\",\"disablePaths\":false}", "hardened", "none" },
		{ "{\"securityProfile\":\"rkt\",\"disableSeccomp\":true,\"disableCapabilitiesRestriction\":true}",
		  "rkt", "capabilities,seccomp" },
	};
	char *profile = NULL, *insecure = NULL;

	for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
		assert_int_equal(runtime_config_read(rows_[i].text, strlen(rows_[i].text), &profile, &insecure, NULL), 0);
		assert_string_equal(profile, rows_[i].profile);
		assert_string_equal(insecure, rows_[i].insecure);
		free(profile);
		free(insecure);
	}
	assert_int_equal(runtime_config_read("{", 1, &profile, &insecure, NULL), -ERR_BAD_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json), cmocka_unit_test(json_of_a_broken_pod), cmocka_unit_test(rows),
		cmocka_unit_test(row_of_a_broken_pod), cmocka_unit_test(lines), cmocka_unit_test(runtime_config),
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
