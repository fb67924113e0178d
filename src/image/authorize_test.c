#include "image/authorize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct wire_credential list[] = {
	{ .domain = (char[]){ "example.com" }, .authorization = (char[]){ "Basic one" } },
	{ .domain = (char[]){ "example.com:8443" }, .authorization = (char[]){ "Bearer two" } },
	{ .domain = (char[]){ "[::1]" }, .authorization = (char[]){ "Bearer three" } },
	{ .domain = (char[]){ "b.s3.amazonaws.com" }, .aws_key_id = (char[]){ "KEY" },
	  .aws_secret = (char[]){ "s" } },
};

/* The first header line for a URL; NULL: none. */
static char *line_for(const char *url)
{
	AUTO(strv_free) char **lines = NULL;

	assert_int_equal(authorize(list, ARRAY_LEN(list), url, 1369353600, &lines, NULL), 0);
	return lines ? xstrdup(lines[0]) : NULL;
}

static void matching(void **state)
{
	static const struct { const char *url, *line; } cases[] = {
		{ "https://example.com/x.aci", "Authorization: Basic one" },
		{ "HTTPS://example.com", "Authorization: Basic one" },
		{ "https://user@example.com/", "Authorization: Basic one" },
		{ "https://example.com:8443/x", "Authorization: Bearer two" },
		{ "https://[::1]/x", "Authorization: Bearer three" },
		/* Not in the clear. */
		{ "http://example.com/x.aci", NULL }, { "http://example.com:443/x.aci", NULL },
		{ "ftp://example.com/x", NULL }, { "file://example.com/x", NULL },
		/* Another port is another server, and the port that is the default counts as written. */
		{ "https://example.com:8444/", NULL }, { "https://example.com:443/", NULL },
		{ "https://example.com:84433/", NULL }, { "https://[::1]:8443/", NULL },
		/* Hosts that look alike. */
		{ "https://www.example.com/", NULL }, { "https://example.com.evil.org/", NULL },
		{ "https://evil-example.com/", NULL }, { "https://example.co/", NULL },
		{ "https://example.com./", NULL }, { "https://example.com@evil.org/", NULL },
		{ "https://example.com:8443@evil.org/", NULL }, { "https://evil.org/example.com", NULL },
		{ "https://evil.org?https://example.com/", NULL }, { "https://evil.org#@example.com/", NULL },
		{ "https://", NULL }, { "", NULL },
		{ "example.com/x", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *line = line_for(cases[i].url);

		print_message("%s\n", cases[i].url);
		assert_true(str_eq(line, cases[i].line));
	}
}

static void nothing_configured(void **state)
{
	AUTO(strv_free) char **lines = NULL;

	assert_int_equal(authorize(NULL, 0, "https://example.com/", 0, &lines, NULL), 0);
	assert_null(lines);
}

static void aws(void **state)
{
	AUTO(free) char *line = line_for("https://b.s3.amazonaws.com/x.aci?a=b");
	AUTO(free) char *none = line_for("https://c.s3.amazonaws.com/x.aci?a=b");
	AUTO(strv_free) char **lines = NULL;

	assert_true(str_starts(line, "Authorization: AWS4-HMAC-SHA256 Credential=KEY/20130524/us-east-1/s3/"));
	assert_null(none);
	assert_int_equal(authorize(list, 4, "https://b.s3.amazonaws.com/", 1369353600, &lines, NULL), 0);
	assert_int_equal(strv_len(lines), 3);
	assert_string_equal(lines[2], "x-amz-date: 20130524T000000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matching), cmocka_unit_test(nothing_configured), cmocka_unit_test(aws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
