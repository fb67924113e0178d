#include "spec/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/types.h"

#define HUB	"registry-1.docker.io"
#define HEX64	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST	"sha256:" HEX64

/* "registry repository tag digest", "-" for what is not there. */
static char *parsed(const char *text)
{
	AUTO(registry_name_clear) struct registry_name n = {};

	if (registry_name_parse(text, &n, NULL) < 0)
		return xstrdup("refused");
	return xasprintf("%s %s %s %s", n.registry, n.repository, n.tag ?: "-", n.digest ?: "-");
}

static void test_names(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "busybox", HUB " library/busybox - -" },
		{ "busybox:1.36", HUB " library/busybox 1.36 -" },
		{ "user/app", HUB " user/app - -" },
		{ "docker.io/busybox", HUB " library/busybox - -" },
		{ "index.docker.io/library/busybox", HUB " library/busybox - -" },
		{ "Docker.IO/user/app:V1", HUB " user/app V1 -" },
		{ HUB "/busybox", HUB " library/busybox - -" },
		{ "quay.io/busybox", "quay.io busybox - -" },
		{ "localhost/app", "localhost app - -" },
		{ "localhost:5000/a/b/c:1", "localhost:5000 a/b/c 1 -" },
		{ "host:5000/app", "host:5000 app - -" },
		{ "Host.Example:5000/app", "host.example:5000 app - -" },
		{ "127.0.0.1:5000/app", "127.0.0.1:5000 app - -" },
		{ "[::1]:5000/app", "[::1]:5000 app - -" },
		{ "[FE80::1]/app:x", "[fe80::1] app x -" },
		{ "[fd00:0:1::2]/app", "[fd00:0:1::2] app - -" }, { "[fd00::0:1:2]/app", "[fd00::1:2] app - -" },
		{ "[0:0::0:1]:80/app", "[::1]:80 app - -" }, { "[::FFFF:7f00:1]/app", "[::ffff:127.0.0.1] app - -" },
		{ "busybox@" DIGEST, HUB " library/busybox - " DIGEST },
		{ "quay.io/a/b:1@" DIGEST, "quay.io a/b 1 " DIGEST },
		{ "a@sha512:" HEX64 HEX64, HUB " library/a - sha512:" HEX64 HEX64 },
		{ "x/a.b_c__d-e---f", HUB " x/a.b_c__d-e---f - -" },
		{ "a:_._-", HUB " library/a _._- -" },
		/* without a "." or ":" the first part is no host */
		{ "intranet/app", HUB " intranet/app - -" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *out = parsed(cases[i].in);

		assert_string_equal(out, cases[i].out);
	}
}

static void test_refuses(void **state)
{
	static const struct { const char *in, *words; } cases[] = {
		{ "", "the image has no name" },
		{ ":tag", "the image has no name" },
		{ "quay.io/", "the image has no name" },
		{ "quay.io/:1", "the image has no name" },
		{ "BusyBox", "image name \"BusyBox\" must be lower case" },
		{ "Intranet/app", "image name \"Intranet/app\" must be lower case" },
		{ "/app", "bad image name \"/app\"" },
		{ "a//b", "bad image name \"a//b\"" },
		{ "a/", "bad image name \"a/\"" },
		{ "user/../app", "bad image name \"user/../app\"" },
		{ "a..b", "bad image name \"a..b\"" },
		{ "a___b", "bad image name \"a___b\"" },
		{ "-a", "bad image name \"-a\"" },
		{ "a b", "bad image name \"a b\"" },
		{ "a?b=c", "bad image name \"a?b=c\"" },
		{ "a:", "bad tag \"\"" },
		{ "a:.b", "bad tag \".b\"" },
		{ "a:b/c", "bad registry host \"a:b\"" },
		{ "a:b:c", "bad tag \"b:c\"" },
		{ "a@", "bad digest \"\"" },
		{ "a@sha256:abc", "bad digest \"sha256:abc\"" },
		{ "a@sha1:" HEX64, "bad digest \"sha1:" HEX64 "\"" },
		{ "a@" DIGEST ":tag", "bad digest \"" DIGEST ":tag\"" },
		{ "../a", "bad registry host \"..\"" },
		{ ".a/b", "bad registry host \".a\"" },
		{ "a./b", "bad registry host \"a.\"" },
		{ "-a.b/c", "bad registry host \"-a.b\"" },
		{ "a_b.c/d", "bad registry host \"a_b.c\"" },
		{ "h:0/a", "bad registry host \"h:0\"" },
		{ "h:65536/a", "bad registry host \"h:65536\"" },
		{ ":5000/a", "bad registry host \":5000\"" },
		{ "[::1/a", "bad registry host \"[::1\"" },
		{ "[::1]5000/a", "bad registry host \"[::1]5000\"" },
		{ "[::1%25lo]/a", "bad registry host \"[::1%25lo]\"" },
		{ "u:p@h.example/a", "bad registry host \"u:p@h.example\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		struct registry_name n = {}, empty = {};

		assert_int_equal(registry_name_parse(cases[i].in, &n, &err), -ERR_BAD_INPUT);
		words = err_text(&err);
		assert_string_equal(words, cases[i].words);
		assert_memory_equal(&n, &empty, sizeof(n));
	}
}

static void test_same(void **state)
{
	assert_true(registry_name_same("busybox", "docker.io/library/busybox:latest"));
	assert_true(registry_name_same("localhost/a:1", "localhost/a:1"));
	assert_false(registry_name_same("localhost/a:1", "a:1"));
	assert_false(registry_name_same("a", "a:1"));
	assert_false(registry_name_same("a", "a@" DIGEST));
	assert_false(registry_name_same("A", "A"));	/* no names at all */
}

static void test_lengths(void **state)
{
	char name[258], tag[2 + 130] = "a:";
	AUTO(free) char *longest = NULL, *longer = NULL, *tagged = NULL;

	memset(name, 'a', 257);
	memcpy(name, "x/", 2);
	name[257] = 0;
	longer = parsed(name);
	assert_string_equal(longer, "refused");
	name[255] = 0;
	longest = parsed(name);
	assert_true(str_starts(longest, HUB " x/aa"));
	memset(tag + 2, 't', 129);
	tagged = parsed(tag);
	assert_string_equal(tagged, "refused");
}

static void test_prefixes(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "docker.io", HUB },
		{ "docker.io/library", HUB "/library" },
		{ "index.docker.io/user/app", HUB "/user/app" },
		{ "Docker.IO/user", HUB "/user" },
		{ HUB "/user", HUB "/user" },
		{ "localhost:5000", "localhost_5000" },
		{ "localhost:5000/my__app", "localhost_5000/my~2_app" },
		{ "localhost/app", "localhost/app" },
		{ "quay.io/my_org/a--b", "quay.io/my_org/a~2-b" },
		{ "xn--p1ai.example:80", "xn~2-p1ai.example_80" },
		{ "[::1]", "0_0_0_0_0_0_0_1" }, { "[0::1]/app", "0_0_0_0_0_0_0_1/app" },
		{ "[FD00::1:2]:5000", "fd00_0_0_0_0_0_1_2_5000" },
		/* appc's words as they are */
		{ "localhost_5000/my~2_app", "localhost_5000/my~2_app" }, { "quay.io/a~2-b", "quay.io/a~2-b" },
		{ "xn~2-p1ai.example_80/a", "xn~2-p1ai.example_80/a" }, { "0_0_0_0_0_0_0_1", "0_0_0_0_0_0_0_1" },
		{ "example.com/app", "example.com/app" },
		/* no part of a registry */
		{ "example", "example" }, { "docker.iox/library", "docker.iox/library" }, { "Example.com", "Example.com" },
		{ "example.com/", "example.com/" }, { "example.com/../x", "example.com/../x" }, { "../x:1", "../x:1" },
		{ "a//b", "a//b" }, { "", "" }, { "/etc", "/etc" }, { "localhost:x/app", "localhost:x/app" },
		{ "example.com/app:1", "example.com/app:1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *out = registry_prefix(cases[i].in);

		assert_string_equal(out, cases[i].out);
	}
}

/* All that can be written with these letters, up to this length, and is a repository. */
#define LETTERS		"a2_-./"
enum { LENGTH = 5, NAMES_MAX = 100000 };

static const char *const hosts[] = {
	"a:2", "a:22", "a.a", "a-a:2", "a--a:2", "a---a:2", "a.2", "a-a.a", "a--a.a", "a.a:2", "localhost", "localhost:5000", "[::1]", "[::1]:2",
	"[1::]", "[1::2]", "[1::2]:2", "[1::2:2]", "[1:2::]", "[1:0:2::]", "[1::2:0]", "[fd00:0:1::2]", "[fd00::0:1:2]",
	"[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]:9", "0.0.0.1", "127.0.0.1", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "docker.io",
	"docker.io:443",
};

struct appc_names {
	char **list;
	size_t n;
};

/* Of a name that can be parsed; whoever trusts what he wrote himself trusts this name. */
static void add_name(struct appc_names *names, const char *host, const char *repository)
{
	AUTO(registry_name_clear) struct registry_name n = {};
	AUTO(free) char *text = xasprintf("%s/%s", host, repository);
	AUTO(free) char *prefix = registry_prefix(text), *again = NULL;
	char *name;

	if (registry_name_parse(text, &n, NULL) < 0)
		return;
	name = registry_appc_name(n.registry, n.repository);
	assert_int_equal(ac_identifier_check(name, NULL), 0);
	again = registry_prefix(name);
	assert_string_equal(again, name);
	if (!str_eq(n.registry, HUB))
		assert_string_equal(prefix, name);
	assert_true(names->n < NAMES_MAX);
	names->list[names->n++] = name;
}

static void add_names(struct appc_names *names, const char *host)
{
	size_t total = 1;

	for (size_t i = 0; i < LENGTH; i++)
		total *= strlen(LETTERS) + 1;
	for (size_t k = 0; k < total; k++) {
		char repository[LENGTH + 1] = "";
		size_t rest = k, n = 0;

		/* The digits of k; 0 ends it. */
		for (; rest % (strlen(LETTERS) + 1); rest /= strlen(LETTERS) + 1)
			repository[n++] = LETTERS[rest % (strlen(LETTERS) + 1) - 1];
		if (n && !rest)
			add_name(names, host, repository);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is trusted for one repository would otherwise be trusted for another's owner too. */
static void test_one_name_each(void **state)
{
	AUTO(free) char **list = xcalloc(NAMES_MAX, sizeof(*list));
	struct appc_names names = { .list = list };

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		add_names(&names, hosts[i]);
	assert_true(names.n > 10000);
	qsort(list, names.n, sizeof(*list), compare_names);
	for (size_t i = 1; i < names.n; i++)
		if (str_eq(list[i - 1], list[i]))
			fail_msg("two are called '%s'", list[i]);
	for (size_t i = 0; i < names.n; i++)
		free(list[i]);
}

static void test_appc_names(void **state)
{
	static const struct { const char *registry, *repository, *name; } cases[] = {
		{ HUB, "library/busybox", HUB "/library/busybox" },
		{ "quay.io", "my_org/a-b.c", "quay.io/my_org/a-b.c" },
		{ "localhost:5000", "a__b/c---d", "localhost_5000/a~2_b/c~3-d" },
		{ "[::1]:5000", "a", "0_0_0_0_0_0_0_1_5000/a" },
		{ "localhost:5000", NULL, "localhost_5000" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *name = registry_appc_name(cases[i].registry, cases[i].repository);

		assert_string_equal(name, cases[i].name);
	}
}

static void test_local(void **state)
{
	static const char *const local[] = { "localhost", "localhost:5000", "LocalHost", "127.0.0.1", "127.1.2.3:80", "[::1]",
					     "[::1]:5000" };
	static const char *const others[] = {
		"", ":", "example.com", "localhost.example.com", "example.com:5000", "127.example.com", "127.0.0.1.example.com",
		"127", "127.1", "128.0.0.1", "10.0.0.1", "[::2]", "[::1", "::1", "localhost/x", "localhost@x", "[::1]x", "127.0.0.1 ",
	};

	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		assert_true(registry_is_local(local[i]));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(registry_is_local(others[i]));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_appc_names),
		cmocka_unit_test(test_one_name_each),
		cmocka_unit_test(test_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
