#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "pod/contract.h"
#include "stage0/run_args.h"

#define LIST(...) ((char *[]){ __VA_ARGS__, NULL })
#define S(s) ((char *)(uintptr_t)(s))

static void assert_refused(const struct run_request *r, int code, const char *words)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	assert_int_equal(run_request_check(r, &err), code);
	text = err_text(&err);
	assert_string_equal(text, words);
}

static void test_net(void **state)
{
	static const char *const good[] = { "none", "host" };
	static const struct { const char *net, *name; } bad[] = {
		{ NULL, "default" }, { "", "default" }, { "default", "default" }, { "all", "all" },
		{ "none,host", "none,host" }, { "hosts", "hosts" }, { "Host", "Host" }, { "web:IP=1.2.3.4", "web:IP=1.2.3.4" },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(run_request_check(&(struct run_request){ .net = good[i] }, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(free) char *words = xasprintf("network '%s' is not available: this version knows --net=none and "
						   "--net=host", bad[i].name);

		assert_refused(&(struct run_request){ .net = bad[i].net }, -ERR_USAGE, words);
	}
	assert_refused(&(struct run_request){ .net = "host:IP=1.2.3.4" }, -ERR_USAGE,
		       "arguments are not supported by special netname \"host\"");
	assert_refused(&(struct run_request){ .net = "none", .mds_register = true }, -ERR_USAGE,
		       "--mds-register flag does not work with --net=none. Please use 'host', 'default' or an "
		       "equivalent network");
	assert_refused(&(struct run_request){ .net = "host", .mds_register = true }, -EHOSTUNREACH,
		       "could not reach the metadata service");
}

static void test_hostname(void **state)
{
	static const char *const good[] = {
		"a", "web-1", "Web.example.com", "1",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	};
	static const char *const bad[] = {
		"-a", "a-", "a..b", ".a", "a.", "a b", "a\nb", "a_b", "a/b", "\xc3\xa4",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(run_request_check(&(struct run_request){ .net = "none", .hostname = good[i] }, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(run_request_check(&(struct run_request){ .net = "none", .hostname = bad[i] }, NULL),
				 -ERR_USAGE);
	assert_refused(&(struct run_request){ .net = "none", .hostname = "a\nb" }, -ERR_USAGE,
		       "invalid hostname \"a\\x0ab\": it has letters, digits, \"-\" and \".\", 64 at most");
}

static void test_ipc(void **state)
{
	static const char *const good[] = { NULL, "", "auto", "private", "parent" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(run_request_check(&(struct run_request){ .net = "none", .ipc = good[i] }, NULL), 0);
	assert_refused(&(struct run_request){ .net = "none", .ipc = "host" }, -ERR_USAGE,
		       "unknown value for --ipc parameter: host");
}

static void test_dns_refused(void **state)
{
	const struct {
		struct run_request r;
		const char *words;
	} cases[] = {
		{ { .dns = LIST(S("host"), S("8.8.8.8")) }, "no other --dns options allowed when --dns=host is passed" },
		{ { .dns = LIST(S("8.8.8.8"), S("none")) }, "no other --dns options allowed when --dns=none is passed" },
		{ { .dns = LIST(S("1.2.3")) }, "Invalid IP passed to --dns: 1.2.3" },
		{ { .dns = LIST(S("1.2.3.4,")) }, "Invalid IP passed to --dns: " },
		{ { .dns = LIST(S("")) }, "Invalid IP passed to --dns: " },
		{ { .dns = LIST(S("::1\nx")) }, "Invalid IP passed to --dns: ::1\\x0ax" },
		{ { .dns = LIST(S("host")), .dns_opt = LIST(S("debug")) },
		  "Cannot call --dns-opt, --dns-search, or --dns-domain with --dns=host" },
		{ { .dns = LIST(S("none")), .dns_domain = "a" },
		  "Cannot call --dns-opt, --dns-search, or --dns-domain with --dns=none" },
		{ { .dns_search = LIST(S("a\nnameserver 6.6.6.6")) },
		  "invalid value passed to --dns-search: \"a\\x0anameserver 6.6.6.6\"" },
		{ { .dns_opt = LIST(S("a b")) }, "invalid value passed to --dns-opt: \"a b\"" },
		{ { .dns_domain = "a b" }, "invalid value passed to --dns-domain: \"a b\"" },
		{ { .hosts_entries = LIST(S("1.2.3.4")) }, "Did not understand --hosts-entry 1.2.3.4" },
		{ { .hosts_entries = LIST(S("")) }, "Did not understand --hosts-entry " },
		{ { .hosts_entries = LIST(S("x=y")) }, "Invalid IP passed to --hosts-entry: x" },
		{ { .hosts_entries = LIST(S("1.2.3.4=a b")) }, "Did not understand --hosts-entry 1.2.3.4=a b" },
		{ { .hosts_entries = LIST(S("host"), S("1.2.3.4=a")) },
		  "cannot pass --hosts-entry=host with multiple hosts-entries" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run_request r = cases[i].r;
		AUTO(free) char *words = xasprintf("error with dns flags: %s", cases[i].words);

		r.net = "none";
		assert_refused(&r, -ERR_USAGE, words);
	}
}

static void read_dns(struct run_request r, struct dns_conf *ret)
{
	AUTO(err_clear) struct err err = {};

	assert_int_equal(dns_conf_read(&r, ret, &err), 0);
}

static void test_dns_modes(void **state)
{
	AUTO(dns_conf_clear) struct dns_conf nothing = {}, host = {}, off = {};

	read_dns((struct run_request){}, &nothing);
	assert_string_equal(nothing.resolv, "default");
	assert_string_equal(nothing.hosts, "default");
	read_dns((struct run_request){ .dns = LIST(S("host")), .hosts_entries = LIST(S("host")) }, &host);
	assert_string_equal(host.resolv, "host");
	assert_string_equal(host.hosts, "host");
	read_dns((struct run_request){ .dns = LIST(S("none")) }, &off);
	assert_string_equal(off.resolv, "none");
}

static void test_dns_files(void **state)
{
	AUTO(dns_conf_clear) struct dns_conf c = {}, domain = {};
	AUTO(free) char *resolv = NULL, *hosts = NULL, *only = NULL;

	read_dns((struct run_request){
		.dns = LIST(S("8.8.8.8,::1"), S("8.8.4.4")), .dns_search = LIST(S("a.example"), S("b.example,_c.d.")),
		.dns_opt = LIST(S("ndots:2"), S("debug")), .dns_domain = "example.com",
		.hosts_entries = LIST(S("1.2.3.4=db,10.0.0.1=x"), S("1.2.3.4=db2")),
	}, &c);
	assert_string_equal(c.resolv, "stage0");
	assert_string_equal(c.hosts, "stage0");
	resolv = dns_resolv_conf(&c);
	assert_string_equal(resolv, "# Generated by rkt run\n\n"
			    "search a.example b.example _c.d.\n"
			    "nameserver 8.8.8.8\nnameserver ::1\nnameserver 8.8.4.4\n"
			    "options ndots:2 debug\n"
			    "domain example.com\n");
	hosts = dns_hosts(&c, "web");
	assert_non_null(strstr(hosts, "127.0.0.1\tlocalhost localhost.domain localhost4 "
				      "localhost4.localdomain4 web\n"));
	assert_non_null(strstr(hosts, "# Added by rkt run --hosts-entry\n1.2.3.4 db db2\n10.0.0.1 x\n"));

	read_dns((struct run_request){ .dns_domain = "example.com" }, &domain);
	only = dns_resolv_conf(&domain);
	assert_string_equal(only, "# Generated by rkt run\n\ndomain example.com\n");
}

static void assert_args(const struct engine *e, struct run_request r, int version, const char *expected)
{
	AUTO(dns_conf_clear) struct dns_conf dns = {};
	AUTO(strv_free) char **args = NULL;
	AUTO(free) char *joined = NULL;

	read_dns(r, &dns);
	args = run_args(e, &r, &dns, version, "stage1/rootfs/init", "UUID");
	joined = strv_join(args, " ");
	assert_string_equal(joined, expected);
}

static void test_args(void **state)
{
	struct engine plain = { .local_config = S("/etc/rkt") };
	struct engine loose = { .debug = true, .local_config = S("/etc/rkt"), .insecure = INSECURE_ALL };
	struct run_request all = {
		.net = "host", .hostname = "web", .ipc = "parent", .interactive = true, .dns = LIST(S("none")),
		.profile = PROFILE_RKT,
	};

	assert_args(&plain, (struct run_request){ .net = "none" }, 7,
		    "stage1/rootfs/init --net=none --local-config=/etc/rkt --security-profile=hardened UUID");
	assert_args(&loose, all, 7,
		    "stage1/rootfs/init --debug --net=host --interactive --local-config=/etc/rkt --hostname=web "
		    "--disable-capabilities-restriction --disable-paths --disable-seccomp "
		    "--dns-conf-mode=resolv=none,hosts=default --ipc=parent --security-profile=rkt UUID");
	/* An older stage1 gets what it knows. */
	assert_args(&loose, all, 6,
		    "stage1/rootfs/init --debug --net=host --interactive --local-config=/etc/rkt --hostname=web "
		    "--disable-capabilities-restriction --disable-paths --disable-seccomp "
		    "--dns-conf-mode=resolv=none,hosts=default --ipc=parent UUID");
	assert_args(&loose, all, 3,
		    "stage1/rootfs/init --debug --net=host --interactive --local-config=/etc/rkt --hostname=web "
		    "--disable-capabilities-restriction --disable-paths --disable-seccomp UUID");
	assert_args(&loose, all, 1,
		    "stage1/rootfs/init --debug --net=host --interactive --local-config=/etc/rkt UUID");
}

static void test_env(void **state)
{
	AUTO(strv_free) char **env = NULL;
	AUTO(free) char *joined = NULL;

	assert_int_equal(setenv("LD_PRELOAD", "/tmp/evil.so", 1), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", "@x", 1), 0);
	assert_int_equal(setenv("TERM", "vt100", 1), 0);
	assert_int_equal(setenv(ENV_LOCK_FD, "99", 1), 0);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	env = run_env(7);
	unsetenv("LD_PRELOAD");
	joined = strv_join(env, " ");
	assert_string_equal(joined, "RKT_LOCK_FD=7 NOTIFY_SOCKET=@x TERM=vt100");
}

static void test_listen_fds(void **state)
{
	assert_int_equal(run_listen_fds("2", "42", 42), 2);
	assert_int_equal(run_listen_fds("2", "43", 42), 0);
	assert_int_equal(run_listen_fds(NULL, "42", 42), 0);
	assert_int_equal(run_listen_fds("2", NULL, 42), 0);
	assert_int_equal(run_listen_fds("-1", "42", 42), 0);
	assert_int_equal(run_listen_fds("4294967297", "42", 42), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_net), cmocka_unit_test(test_hostname), cmocka_unit_test(test_ipc),
		cmocka_unit_test(test_dns_refused), cmocka_unit_test(test_dns_modes), cmocka_unit_test(test_dns_files),
		cmocka_unit_test(test_args), cmocka_unit_test(test_env), cmocka_unit_test(test_listen_fds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
