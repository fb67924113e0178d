#include "image/credentials.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"

static char *authorization(const struct fetch_credential *c)
{
	struct fetch_config config = { .credentials = c, .n_credentials = 1 };
	struct wire_request request = { .action = (char[]){ "url" } };
	char *text;

	assert_int_equal(credentials_add(&config, &request, NULL), 0);
	assert_int_equal(request.n_credentials, 1);
	assert_string_equal(request.credentials[0].domain, "a.com");
	text = xstrdup(request.credentials[0].authorization);
	wire_credentials_clear(&request);
	assert_null(request.credentials);
	return text;
}

static void values(void **state)
{
	static const struct { struct fetch_credential c; const char *value; } cases[] = {
		{ { "a.com", "basic", "foo", "bar" }, "Basic Zm9vOmJhcg==" },
		{ { "a.com", "basic", "foo", "ba" }, "Basic Zm9vOmJh" },
		{ { "a.com", "basic", "foo", "barr" }, "Basic Zm9vOmJhcnI=" },
		{ { "a.com", "basic", "\xc3\xbf", "\n\xc3\xbe" }, "Basic w786CsO+" },
		{ { "a.com", "oauth", .token = "sometoken" }, "Bearer sometoken" },
		{ { "a.com", "aws", .aws_key_id = "k", .aws_secret = "s" }, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *value = authorization(&cases[i].c);

		assert_true(str_eq(value, cases[i].value));
	}
}

static void refused(void **state)
{
	static const struct { struct fetch_credential c; const char *words; } cases[] = {
		{ { "a.com", "oauth", .token = "x\r\nHost: b" },
		  "the credentials for domain 'a.com' contain a control byte" },
		{ { "a.com", "aws", .aws_key_id = "\n", .aws_secret = "s" },
		  "the credentials for domain 'a.com' contain a control byte" },
		{ { "a.com", "magic" }, "unknown type of credentials for domain 'a.com'" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fetch_config config = { .credentials = &cases[i].c, .n_credentials = 1 };
		struct wire_request request = { .action = (char[]){ "name" } };
		AUTO(err_clear) struct err err = {};

		assert_int_equal(credentials_add(&config, &request, &err), -ERR_BAD_INPUT);
		assert_string_equal(err.chain[0], cases[i].words);
		wire_credentials_clear(&request);
	}
}

/* What asks nobody is told no secret. */
static void only_when_needed(void **state)
{
	struct wire_location files[] = { { (char[]){ "./k" }, true } };
	struct wire_location mixed[] = { { (char[]){ "./k" }, true }, { (char[]){ "https://a.com/k" }, false } };
	const struct { struct wire_request request; size_t n; } cases[] = {
		{ { .action = (char[]){ "file" } }, 0 },
		{ { .action = (char[]){ "layout" } }, 0 },
		{ { .action = (char[]){ "archive" } }, 0 },
		{ { .action = (char[]){ "keys" }, .locations = files, .n_locations = 1 }, 0 },
		{ { .action = (char[]){ "keys" }, .locations = mixed, .n_locations = 2 }, 1 },
		{ { .action = (char[]){ "keys" } }, 1 },
		{ { .action = (char[]){ "name" } }, 1 },
	};
	struct fetch_credential c = { "a.com", "oauth", .token = "t" };
	struct fetch_config config = { .credentials = &c, .n_credentials = 1 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_request request = cases[i].request;

		assert_int_equal(credentials_add(&config, &request, NULL), 0);
		assert_int_equal(request.n_credentials, cases[i].n);
		wire_credentials_clear(&request);
	}
}

/* "domain value; …" of a request for an image of the registry. */
static char *for_registry(const struct fetch_config *config, const char *registry)
{
	AUTO(wire_request_clear) struct wire_request request = { .action = xstrdup("registry") };
	struct buf out = {};

	request.oci.registry = xstrdup(registry);
	mirrors_add(config, &request);
	assert_int_equal(credentials_add(config, &request, NULL), 0);
	for (size_t i = 0; i < request.n_credentials; i++)
		buf_addf(&out, "%s%s %s", i ? "; " : "", request.credentials[i].domain,
			 request.credentials[i].authorization ?: request.credentials[i].identity_token);
	return buf_steal(&out);
}

static void registries(void **state)
{
	static const char *const hub_mirrors[] = { "https://m.com:1/hub", "http://n.com", "https://m.com:1", NULL };
	const struct fetch_credential credentials[] = {
		{ "index.docker.io", "docker", "foo", "bar" },
		{ "both.com", "docker", "not", "me" },
		{ "both.com", "oauth", .token = "t" },
		{ "m.com:1", "oauth", .token = "m" },
		{ "other.com", "oauth", .token = "o" },
	};
	const struct fetch_registry with_mirrors[] = {
		{ "registry-1.docker.io", (char *const *)hub_mirrors },
	};
	const struct fetch_config config = {
		.credentials = credentials, .n_credentials = ARRAY_LEN(credentials),
		.registries = with_mirrors, .n_registries = 1,
	};
	static const struct { const char *registry, *told; } cases[] = {
		{ "registry-1.docker.io", "registry-1.docker.io Basic Zm9vOmJhcg==; m.com:1 Bearer m" },
		{ "both.com", "both.com Bearer t" },
		{ "other.com", "other.com Bearer o" },
		{ "other.com:5000", "" },
		{ "login.com", "login.com Basic YTpi" },
		{ "identity.com", "identity.com x" },
	};
	static const char text[] = "{\"auths\":{\"login.com\":{\"auth\":\"YTpi\"},\"both.com\":{\"auth\":\"YTpi\"},"
				   "\"identity.com\":{\"identitytoken\":\"x\"}}}";
	char dir[] = "/tmp/rkt-docker-XXXXXX";
	AUTO(free) char *path = NULL;

	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s/config.json", dir);
	setenv("DOCKER_CONFIG", dir, 1);
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			AUTO(free) char *told = for_registry(&config, cases[i].registry);

			/* The user's own file counts last, and where there is none, others do as well. */
			assert_string_equal(told, pass || i < 4 ? cases[i].told : "");
		}
		assert_int_equal(file_write(AT_FDCWD, path, text, strlen(text), 0600), 0);
	}
	assert_int_equal(tree_remove(AT_FDCWD, dir), 0);
}

/* What is for a registry only is no business of other servers, and what is for them none of a registry's. */
static void refused_for_registries(void **state)
{
	const struct fetch_credential c = { "a.com", "aws", .aws_key_id = "k", .aws_secret = "s" };
	const struct fetch_credential docker = { "a.com", "docker", "u", "p" };
	const struct fetch_config config = { .credentials = &c, .n_credentials = 1 };
	const struct fetch_config docker_config = { .credentials = &docker, .n_credentials = 1 };
	struct wire_request request = { .action = (char[]){ "registry" }, .oci.registry = (char[]){ "a.com" } };
	struct wire_request url = { .action = (char[]){ "url" } };
	AUTO(err_clear) struct err err = {};

	assert_int_equal(credentials_add(&config, &request, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0],
			    "the credentials for 'a.com' are of type \"aws\", which is not for registries");
	wire_credentials_clear(&request);
	assert_int_equal(credentials_add(&docker_config, &url, NULL), 0);
	assert_int_equal(url.n_credentials, 0);
	wire_credentials_clear(&url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values), cmocka_unit_test(refused), cmocka_unit_test(only_when_needed),
		cmocka_unit_test(registries), cmocka_unit_test(refused_for_registries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
