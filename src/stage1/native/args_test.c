#include "stage1/native/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define UUID "9716e55a-2556-4dc0-a20b-5f7abb71744f"
#define ARGV(...) ((char *const[]){ (char *)"stage1/rootfs/init", __VA_ARGS__, NULL })

static void test_defaults(void **state)
{
	struct run_args a;

	assert_int_equal(run_args_parse(ARGV((char *)UUID), &a, NULL), 0);
	assert_string_equal(a.uuid, UUID);
	assert_true(a.hardened && !a.net_host && !a.ipc_parent && !a.interactive && !a.disable_seccomp);
	assert_int_equal(a.resolv, DNS_DEFAULT);
	assert_int_equal(a.hosts, DNS_DEFAULT);
}

static void test_everything(void **state)
{
	struct run_args a;

	assert_int_equal(run_args_parse(ARGV((char *)"--debug", (char *)"--net=host", (char *)"--interactive",
					     (char *)"--private-users=", (char *)"--mds-token=",
					     (char *)"--local-config=/etc/rkt", (char *)"--hostname=a-b.c",
					     (char *)"--disable-capabilities-restriction", (char *)"--disable-paths",
					     (char *)"--disable-seccomp", (char *)"--dns-conf-mode=resolv=host,hosts=stage0",
					     (char *)"--ipc=parent", (char *)"--security-profile=rkt", (char *)UUID),
					&a, NULL), 0);
	assert_true(a.debug && a.net_host && a.interactive && a.disable_caps && a.disable_paths && a.disable_seccomp);
	assert_true(a.ipc_parent && !a.hardened);
	assert_string_equal(a.hostname, "a-b.c");
	assert_int_equal(a.resolv, DNS_HOST);
	assert_int_equal(a.hosts, DNS_STAGE0);
}

static void refuse(const char *argument, const char *words)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	struct run_args a;

	assert_int_equal(run_args_parse(ARGV((char *)argument, (char *)UUID), &a, &err), -ERR_USAGE);
	text = err_text(&err);
	assert_string_equal(text, words);
}

static void test_refusals(void **state)
{
	refuse("--net=default", "network 'default' is not supported by this stage1, only none and host are");
	refuse("--net=none,host", "network 'none,host' is not supported by this stage1, only none and host are");
	refuse("--net", "network 'default' is not supported by this stage1, only none and host are");
	refuse("--private-users=65536:65536", "user namespaces are not supported by this stage1");
	refuse("--mutable", "stage1 does not support mutable pods");
	refuse("--mds-token=x", "the metadata service is not supported by this stage1");
	refuse("--hostname=a\nb", "'a\\x0ab' cannot be a host name");
	refuse("--hostname=a b", "'a b' cannot be a host name");
	refuse("--ipc=host", "invalid value 'host' for --ipc");
	refuse("--security-profile=none", "invalid value 'none' for --security-profile");
	refuse("--dns-conf-mode=resolv=maybe", "invalid value 'maybe' for --dns-conf-mode");
	refuse("--dns-conf-mode=other=host", "invalid value 'other=host' for --dns-conf-mode");
	refuse("--no-such", "unknown flag: --no-such");
}

static void test_uuid(void **state)
{
	static const char *const bad[] = {
		"", "9716e55a", "9716E55A-2556-4dc0-a20b-5f7abb71744f", "9716e55a-2556-4dc0-a20b-5f7abb71744",
		"9716e55a-2556-4dc0-a20b-5f7abb71744f0", "9716e55a/2556-4dc0-a20b-5f7abb71744f",
		"../../../../../../../../../../../etc", "9716e55a-2556-4dc0-a20b-5f7abb71744g",
	};
	struct pod_args a;

	assert_true(uuid_ok(UUID));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(uuid_ok(bad[i]));
	assert_int_equal(pod_args_parse(ARGV((char *)"--force", (char *)UUID), &a, NULL), 0);
	assert_true(a.force);
	assert_int_equal(pod_args_parse(ARGV((char *)"x"), &a, NULL), -ERR_USAGE);
	assert_int_equal(pod_args_parse(ARGV((char *)UUID, (char *)UUID), &a, NULL), -ERR_USAGE);
	assert_int_equal(pod_args_parse((char *const[]){ (char *)"gc", NULL }, &a, NULL), -ERR_USAGE);
}

static void test_enter(void **state)
{
	struct enter_args a;

	assert_int_equal(enter_args_parse(ARGV((char *)"--pid=12", (char *)"--appname=web", (char *)"--", (char *)"ls",
					       (char *)"--appname=x", (char *)"--"), &a, NULL), 0);
	assert_string_equal(a.app, "web");
	assert_string_equal(a.command[0], "ls");
	assert_string_equal(a.command[1], "--appname=x");
	assert_string_equal(a.command[2], "--");
	assert_null(a.command[3]);
	assert_int_equal(enter_args_parse(ARGV((char *)"--appname=web", (char *)"--"), &a, NULL), -ERR_USAGE);
	assert_int_equal(enter_args_parse(ARGV((char *)"--pid=1", (char *)"--", (char *)"ls"), &a, NULL), -ERR_USAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
