#include "image/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void redirects(void **state)
{
	AUTO(err_clear) struct err err = {};

	assert_int_equal(http_redirect_check("https://a/", "https://b/", false, NULL), 0);
	assert_int_equal(http_redirect_check("http://a/", "https://b/", false, NULL), 0);
	assert_int_equal(http_redirect_check("http://a/", "http://b/", false, NULL), 0);
	assert_int_equal(http_redirect_check("https://a/", "http://b/", true, NULL), 0);
	assert_int_equal(http_redirect_check("HTTPS://a/", "http://b/", false, &err), -EPROTO);
	assert_string_equal(err.chain[0], "redirect to insecure http: 'http://b/'");
	assert_int_equal(http_redirect_check("http://a/", "file:///etc/passwd", true, &err), -EPROTO);
	assert_string_equal(err.chain[0], "redirect to 'file:///etc/passwd', which is neither http nor https");
}

static void loopback(void **state)
{
	static const struct { const char *url; bool own; } urls[] = {
		{ "https://localhost/x", true }, { "http://127.0.0.1:80/", true }, { "https://127.9.9.9", true },
		{ "https://[::1]:443/", true }, { "https://LOCALHOST:1/", true },
		{ "https://127.0.0.1.example.com/", false }, { "https://example.com/localhost", false },
		{ "https://localhost@example.com/", false }, { "nonsense", false }, { "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		assert_int_equal(http_url_is_loopback(urls[i].url), urls[i].own);
}

static void only_http(void **state)
{
	AUTO(http_free) struct http *h = NULL;
	AUTO(buf_clear) struct buf body = {};
	AUTO(err_clear) struct err err = {};
	struct http_get get = { .url = "file:///etc/passwd", .kind = "key", .max = 1 << 20, .fd = -1,
				.body = &body };
	char *url = NULL;

	assert_int_equal(http_new(&(struct http_config){}, &h, NULL), 0);
	assert_int_equal(http_get(h, &get, &url, &err), -EPROTO);
	assert_string_equal(err.chain[0], "cannot get file:///etc/passwd");
	assert_string_equal(err.chain[1], "only http and https are supported");
	assert_int_equal(body.len, 0);
	assert_null(url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redirects), cmocka_unit_test(loopback), cmocka_unit_test(only_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
