#include "spec/isolator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Reads one or two isolators, as a manifest has them. */
static int read_two(const char *name, const char *value, const char *name2, const char *value2,
		    struct isolation *ret, struct err *err)
{
	char *strings[] = { xstrdup(name), xstrdup(value), xstrdup(name2), xstrdup(value2) };
	struct isolator list[] = { { strings[0], strings[1] }, { strings[2], strings[3] } };
	int r = isolation_read(list, name2 ? 2 : 1, ret, err);

	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		free(strings[i]);
	return r;
}

static void test_values(void **state)
{
	AUTO(isolation_clear) struct isolation i = {};

	assert_int_equal(read_two("resource/memory", "{\"limit\":\"1Ei\"}", "resource/memory",
				  "{\"default\":false,\"request\":1,\"limit\":\"16Mi\"}", &i, NULL), 0);
	assert_true(i.memory_bytes.set && i.memory_bytes.value == 16 << 20);
	assert_false(i.cpu_milli.set);
	assert_int_equal(read_two("resource/memory", "{\"limit\":8192}", "resource/cpu", "{\"limit\":1.5}", &i, NULL), 0);
	assert_true(i.memory_bytes.value == 8192 && i.cpu_milli.value == 1500);
	assert_int_equal(read_two("resource/memory", "{\"request\":\"1G\"}", "resource/cpu", "{\"limit\":null}", &i, NULL), 0);
	assert_false(i.memory_bytes.set || i.cpu_milli.set);
	assert_int_equal(read_two("os/linux/cpu-shares", "262144", "os/linux/oom-score-adj", "-1000", &i, NULL), 0);
	assert_true(i.cpu_shares.set && i.cpu_shares.value == 262144);
	assert_true(i.oom_score_adj.set && i.oom_score_adj.value == -1000);
	assert_int_equal(read_two("os/linux/no-new-privileges", "true", "os/linux/no-new-privileges", "false", &i, NULL), 0);
	assert_true(i.no_new_privs.set && i.no_new_privs.value);
	assert_int_equal(read_two("os/linux/no-new-privileges", "false", NULL, NULL, &i, NULL), 0);
	assert_true(i.no_new_privs.set && !i.no_new_privs.value);
}

static void test_sets(void **state)
{
	AUTO(isolation_clear) struct isolation i = {};

	assert_int_equal(read_two("os/linux/capabilities-retain-set", "{\"set\":[\"CAP_KILL\",\"CAP_CHOWN\"]}",
				  "os/linux/seccomp-remove-set",
				  "{\"set\":[\"@rkt/default-blacklist\",\"reboot\"],\"errno\":\"EPERM\"}", &i, NULL), 0);
	assert_int_equal(i.caps_mode, SET_RETAIN);
	assert_int_equal(strv_len(i.caps), 2);
	assert_int_equal(i.seccomp_mode, SET_REMOVE);
	assert_string_equal(i.seccomp[0], "@rkt/default-blacklist");
	assert_string_equal(i.seccomp_errno, "EPERM");
	isolation_clear(&i);
	assert_int_equal(read_two("os/linux/seccomp-retain-set", "{\"set\":[\"read\"],\"errno\":\"\"}", NULL, NULL, &i, NULL), 0);
	assert_int_equal(i.seccomp_mode, SET_RETAIN);
	assert_null(i.seccomp_errno);
	assert_int_equal(i.caps_mode, SET_DEFAULT);
}

static void test_passed_over(void **state)
{
	static const char *const good[][2] = {
		{ "os/linux/selinux-context", "{\"user\":\"u\",\"role\":\"r\",\"type\":\"t\",\"level\":\"s0\"}" },
		{ "os/linux/apparmor-profile", "{\"profile\":\"p\"}" },
		{ "os/unix/sysctl", "{\"kernel.shmmax\":\"1\"}" },
		{ "resource/block-bandwidth", "{\"default\":true,\"limit\":\"2M\"}" },
		{ "resource/block-iops", "{\"default\":true,\"limit\":\"100\",\"request\":null}" },
		{ "resource/network-bandwidth", "{\"default\":true,\"limit\":\"1G\"}" },
	};
	struct isolation empty = {};

	for (size_t k = 0; k < ARRAY_LEN(good); k++) {
		struct isolation i = {};

		assert_int_equal(read_two(good[k][0], good[k][1], NULL, NULL, &i, NULL), 0);
		assert_memory_equal(&i, &empty, sizeof(i));
	}
}

#define SET "{\"set\":[\"CAP_KILL\"]}"
#define CALLS "{\"set\":[\"read\"]}"

static void test_refuses(void **state)
{
	static const struct { const char *name, *value, *name2, *value2, *words; } cases[] = {
		{ "os/linux/new", "1", NULL, NULL, "invalid isolator: unknown name \"os/linux/new\"" },
		{ "", "1", NULL, NULL, "invalid isolator: unknown name \"\"" },
		{ "resource/memory", NULL, NULL, NULL, "line 1, column 1: unexpected end, expected a value" },
		{ "resource/memory", "\"16M\"", NULL, NULL, "not an object" },
		{ "resource/memory", "{\"limit\":[]}", NULL, NULL, "limit is not a quantity" },
		{ "resource/memory", "{\"limit\":\"16X\"}", NULL, NULL,
		  "limit: \"16X\" is not a quantity such as 500m, 16M or 1Gi" },
		{ "resource/memory", "{\"limit\":-1}", NULL, NULL, "limit: quantity \"-1\" is negative" },
		{ "resource/memory", "{\"limit\":1e308}", NULL, NULL, "limit: quantity \"1e308\" is too large" },
		{ "resource/memory", "{\"limit\":\"8Ei\"}", NULL, NULL, "limit: quantity \"8Ei\" is too large" },
		{ "resource/memory", "{\"limit\":0}", NULL, NULL,
		  "memory limit of 0 bytes too low. Try a reasonable value, such as --memory=16M" },
		{ "resource/memory", "{\"limit\":\"4095\"}", NULL, NULL,
		  "memory limit of 4095 bytes too low. Try a reasonable value, such as --memory=16M" },
		{ "resource/memory", "{\"default\":true,\"limit\":\"1G\"}", NULL, NULL, "default must be false" },
		{ "resource/cpu", "{\"limit\":\"0\"}", NULL, NULL, "cpu limit must be more than 0" },
		{ "resource/cpu", "{\"limit\":\"1G\"}", NULL, NULL, "cpu limit exceeds the maximum millivalue: 175921860444" },
		{ "resource/cpu", "{\"request\":true}", NULL, NULL, "request is not a quantity" },
		{ "os/linux/cpu-shares", "1", NULL, NULL, "must be between 2 and 262144" },
		{ "os/linux/cpu-shares", "262145", NULL, NULL, "must be between 2 and 262144" },
		{ "os/linux/cpu-shares", "\"2\"", NULL, NULL, "not a whole number" },
		{ "os/linux/cpu-shares", "2", "os/linux/cpu-shares", "3",
		  "isolators set contains too many instances of type os/linux/cpu-shares" },
		{ "os/linux/oom-score-adj", "-1001", NULL, NULL, "must be between -1000 and 1000" },
		{ "os/linux/oom-score-adj", "99999999999999999999", NULL, NULL, "must be between -1000 and 1000" },
		{ "os/linux/no-new-privileges", "\"true\"", NULL, NULL, "not true or false" },
		{ "os/linux/capabilities-retain-set", "{}", NULL, NULL, "set must be non-empty" },
		{ "os/linux/capabilities-retain-set", "{\"set\":[]}", NULL, NULL, "set must be non-empty" },
		{ "os/linux/capabilities-retain-set", "{\"set\":\"CAP_KILL\"}", NULL, NULL, "set: not a list" },
		{ "os/linux/capabilities-retain-set", "{\"set\":[\"KILL\"]}", NULL, NULL, "\"KILL\" is not a capability" },
		{ "os/linux/capabilities-remove-set", "{\"set\":[\"CAP_\"]}", NULL, NULL, "\"CAP_\" is not a capability" },
		{ "os/linux/capabilities-remove-set", SET, "os/linux/capabilities-retain-set", SET,
		  "cannot have both os/linux/capabilities-retain-set and os/linux/capabilities-remove-set" },
		{ "os/linux/capabilities-retain-set", SET, "os/linux/capabilities-retain-set", SET,
		  "isolators set contains too many instances of type os/linux/capabilities-retain-set" },
		{ "os/linux/seccomp-retain-set", "{\"set\":[]}", NULL, NULL, "set must be non-empty" },
		{ "os/linux/seccomp-retain-set", "{\"set\":[\"re ad\"]}", NULL, NULL, "\"re ad\" is not a system call" },
		{ "os/linux/seccomp-retain-set", "{\"set\":[\"read\"],\"errno\":\"no\"}", NULL, NULL, "\"no\" is not an errno" },
		{ "os/linux/seccomp-retain-set", CALLS, "os/linux/seccomp-remove-set", CALLS,
		  "too many seccomp isolators specified" },
		{ "os/linux/seccomp-retain-set", CALLS, "os/linux/seccomp-retain-set", CALLS,
		  "too many seccomp isolators specified" },
		{ "os/linux/selinux-context", "{\"user\":\"a:b\"}", NULL, NULL, "bad user of an SELinux context" },
		{ "os/linux/apparmor-profile", "{}", NULL, NULL, "profile must be set" },
		{ "os/unix/sysctl", "{\"a\":1}", NULL, NULL, "a: not a string" },
		{ "resource/block-iops", "{\"limit\":\"1\"}", NULL, NULL, "default must be true" },
		{ "resource/block-iops", "{\"default\":true,\"limit\":\"1\",\"request\":\"1\"}", NULL, NULL,
		  "request not supported by this resource, must be empty" },
		{ "resource/block-iops", "{\"default\":true}", NULL, NULL, "limit must be set" },
	};

	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		struct isolation i = {}, empty = {};

		assert_int_equal(read_two(cases[k].name, cases[k].value, cases[k].name2, cases[k].value2, &i, &err),
				 -ERR_BAD_INPUT);
		words = err_text(&err);
		if (!str_ends(words, cases[k].words))
			fail_msg("'%s' where '%s' was expected", words, cases[k].words);
		assert_memory_equal(&i, &empty, sizeof(i));
	}
}

/* The app's isolators as one line. */
static char *list_isolators(const struct app *app)
{
	char **parts = NULL, *line;

	for (size_t i = 0; i < app->n_isolators; i++)
		strv_take(&parts, xasprintf("%s %s", app->isolators[i].name, app->isolators[i].value));
	line = strv_join(parts, "; ");
	strv_free(parts);
	return line;
}

static void test_overrides(void **state)
{
	AUTO(app_free) struct app *app = xcalloc(1, sizeof(*app));
	AUTO(isolation_clear) struct isolation isolation = {};
	AUTO(free) char *line = NULL;

	app_add_isolator(app, "resource/memory", "{\"limit\":\"1G\"}");
	app_add_isolator(app, "os/linux/cpu-shares", "5");
	app_add_isolator(app, "os/linux/capabilities-remove-set", SET);
	app_add_isolator(app, "os/linux/seccomp-remove-set", CALLS);
	assert_int_equal(app_override_memory(app, "16M", NULL), 0);
	assert_int_equal(app_override_cpu(app, "500m", NULL), 0);
	assert_int_equal(app_override_cpu_shares(app, "2", NULL), 0);
	assert_int_equal(app_override_oom_score_adj(app, "-5", NULL), 0);
	assert_int_equal(app_override_caps(app, SET_RETAIN, "CAP_CHOWN,CAP_KILL", NULL), 0);
	assert_int_equal(app_override_seccomp(app, "mode=retain,errno=EPERM,read,@appc.io/empty", NULL), 0);
	line = list_isolators(app);
	assert_string_equal(line,
		"resource/memory {\"limit\":\"1G\"}; "
		"resource/memory {\"default\":false,\"request\":\"16M\",\"limit\":\"16M\"}; "
		"resource/cpu {\"default\":false,\"request\":\"500m\",\"limit\":\"500m\"}; "
		"os/linux/cpu-shares 2; os/linux/oom-score-adj -5; "
		"os/linux/capabilities-retain-set {\"set\":[\"CAP_CHOWN\",\"CAP_KILL\"]}; "
		"os/linux/seccomp-retain-set {\"set\":[\"read\",\"@appc.io/empty\"],\"errno\":\"EPERM\"}");
	assert_int_equal(isolation_read(app->isolators, app->n_isolators, &isolation, NULL), 0);
	assert_true(isolation.memory_bytes.value == 16000000);
}

static void test_overrides_refused(void **state)
{
	AUTO(app_free) struct app *app = xcalloc(1, sizeof(*app));
	AUTO(err_clear) struct err err = {};

	assert_int_equal(app_override_memory(app, "1", &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "memory limit of 1 bytes too low. Try a reasonable value, such as --memory=16M");
	assert_int_equal(app_override_memory(app, "-1", NULL), -ERANGE);
	assert_int_equal(app_override_memory(app, "16m\"", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_cpu(app, "0", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_cpu(app, "1e9", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_cpu_shares(app, "1", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_cpu_shares(app, "2x", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_oom_score_adj(app, "1001", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_caps(app, SET_RETAIN, "", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_caps(app, SET_RETAIN, "CAP_KILL,", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_caps(app, SET_REMOVE, "all", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_seccomp(app, "read", &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "invalid seccomp mode command-line override");
	assert_int_equal(app_override_seccomp(app, "mode=allow,read", &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "invalid seccomp mode command-line override");
	assert_int_equal(app_override_seccomp(app, "mode=retain,foo=bar,read", &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "invalid seccomp command-line override");
	assert_int_equal(app_override_seccomp(app, "mode=retain,errno=EPERM", &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "set must be non-empty");
	assert_int_equal(app_override_seccomp(app, "mode=retain,mode=retain,read", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app_override_seccomp(app, "mode=retain,read,,write", NULL), -ERR_BAD_INPUT);
	assert_int_equal(app->n_isolators, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_overrides_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
