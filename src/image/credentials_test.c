#include "image/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values), cmocka_unit_test(refused), cmocka_unit_test(only_when_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
