#include "image/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static int make(const char *base, bool allow_http, struct endpoint **ret, struct err *err)
{
	static struct wire_request request;
	struct endpoint_config config = { .base = base, .repository = "library/x", .request = &request };

	request.allow_http = allow_http;
	return endpoint_new(&config, ret, err);
}

static void places(void **state)
{
	static const struct { const char *base, *name, *url; } cases[] = {
		{ "a.com", "a.com", "https://a.com/v2/library/x/manifests/1" },
		{ "a.com:5000", "a.com:5000", "https://a.com:5000/v2/library/x/manifests/1" },
		{ "[::1]:5000", "[::1]:5000", "https://[::1]:5000/v2/library/x/manifests/1" },
		{ "https://a.com", "a.com", "https://a.com/v2/library/x/manifests/1" },
		{ "https://a.com/", "a.com", "https://a.com/v2/library/x/manifests/1" },
		{ "HTTPS://a.com:1/hub/proxy/", "a.com:1", "https://a.com:1/v2/hub/proxy/library/x/manifests/1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(endpoint_free) struct endpoint *e = NULL;
		AUTO(free) char *url = NULL;

		assert_int_equal(make(cases[i].base, false, &e, NULL), 0);
		assert_string_equal(endpoint_name(e), cases[i].name);
		url = endpoint_url(e, false, "manifests/1");
		assert_string_equal(url, cases[i].url);
	}
}

static void paths(void **state)
{
	static const struct { const char *url, *path; } cases[] = {
		{ "https://a.com:1/v2/hub/library/x/referrers/y?n=1", "referrers/y?n=1" },
		{ "https://a.com:1/v2/hub/library/xy/referrers/y", NULL }, { "https://a.com:1/v2/library/x/referrers/y", NULL },
		{ "http://a.com:1/v2/hub/library/x/referrers/y", "referrers/y" }, { "https://a.com/v2/hub/library/x/y", NULL },
		{ "https://a.com:1.b.com/v2/hub/library/x/y", NULL }, { "", NULL },
	};
	AUTO(endpoint_free) struct endpoint *e = NULL;

	assert_int_equal(make("https://a.com:1/hub", false, &e, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *path = endpoint_path(e, cases[i].url);

		assert_true(str_eq(path, cases[i].path));
	}
}

static void no_places(void **state)
{
	static const char *const bases[] = {
		"", "https://", "ftp://a.com", "https://user@a.com", "user:secret@a.com", "https://a.com?x",
		"https://a.com/#x", "a b.com", "https://a.com/%2e%2e", "https://a.com\\b",
	};

	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		AUTO(endpoint_free) struct endpoint *e = NULL;

		assert_int_equal(make(bases[i], true, &e, NULL), -ERR_BAD_INPUT);
	}
}

static void plain_http(void **state)
{
	static const struct { const char *base; bool allow; int r; } cases[] = {
		{ "http://a.com", false, -EPROTO },
		{ "http://a.com", true, 0 },
		{ "http://localhost:5000", false, 0 },
		{ "http://127.0.0.1:5000/x", false, 0 },
		{ "http://127.0.0.1.a.com", false, -EPROTO },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(endpoint_free) struct endpoint *e = NULL;
		AUTO(err_clear) struct err err = {};

		assert_int_equal(make(cases[i].base, cases[i].allow, &e, &err), cases[i].r);
		if (cases[i].r < 0)
			assert_true(str_ends(err.chain[0], "is plain http (try --insecure-options=http)"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places), cmocka_unit_test(paths), cmocka_unit_test(no_places), cmocka_unit_test(plain_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
