#include "image/http_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

/* Lines separated by "\n", behind a status line and before the empty one. */
static struct http_header read_header(const char *text)
{
	struct http_header h = HTTP_HEADER_NONE;
	AUTO(free) char *all = xasprintf("HTTP/1.1 200 OK\n%s\n\n", text);
	AUTO(strv_free) char **lines = strv_split(all, '\n');

	for (size_t i = 0; lines[i] && lines[i + 1]; i++) {
		AUTO(free) char *line = xasprintf("%s\r\n", lines[i]);

		assert_int_equal(http_header_line(&h, line, strlen(line)), 0);
	}
	assert_true(h.ended);
	return h;
}

static void strings(void **state)
{
	struct http_header h = read_header("content-TYPE: \t text/plain \n"
					   "Docker-Content-Digest: sha256:ab\n"
					   "WWW-Authenticate: Bearer realm=\"x\"\n"
					   "www-authenticate: Basic\n"
					   "Link: </a>; rel=\"next\"\n"
					   "Link: </b>\n"
					   "ETags: \"no\"\n"
					   "no colon at all\n"
					   "Content-Encoding: identity\n"
					   "Content-Length: 5");

	assert_string_equal(h.answer.content_type, "text/plain");
	assert_string_equal(h.answer.digest, "sha256:ab");
	assert_string_equal(h.answer.challenge, "Bearer realm=\"x\", Basic");
	assert_string_equal(h.answer.link, "</a>; rel=\"next\", </b>");
	assert_null(h.answer.etag);
	assert_null(h.encoding);
	assert_true(h.has_length);
	assert_false(h.chunked);
	http_header_clear(&h);
	h = read_header("Content-Type: a\x80\nContent-Encoding: gzip\nTransfer-Encoding: Chunked");
	assert_null(h.answer.content_type);
	assert_string_equal(h.encoding, "gzip");
	assert_true(h.chunked);
	assert_false(h.has_length);
	http_header_clear(&h);
}

static void etags(void **state)
{
	static const struct { const char *line, *etag, *version; } cases[] = {
		{ "ETag: \"abc\"", "\"abc\"", "\"abc\"" },
		{ "ETag: \"\"", "\"\"", "\"\"" },
		{ "ETag: W/\"abc\"", "W/\"abc\"", NULL },
		{ "ETag: abc", NULL, NULL },
		{ "ETag: \"", NULL, NULL },
		{ "ETag: \"a\"b\"", NULL, NULL },
		{ "ETag: \"a b\"", NULL, NULL },
		{ "ETag: \"a\x01\"", NULL, NULL },
		{ "ETag: \"abc\"\nETag: nonsense", "\"abc\"", "\"abc\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_header h = read_header(cases[i].line);

		assert_true(str_eq(h.answer.etag, cases[i].etag));
		assert_true(str_eq(h.answer.version, cases[i].version));
		http_header_clear(&h);
	}
}

#define DAY "Sun, 06 Nov 1994 08:49:3"

/* A date names a version only where nothing can have changed since, and no ETag knows better. */
static void date_as_version(void **state)
{
	static const struct { const char *lines; bool version; } cases[] = {
		{ "Last-Modified: " DAY "6 GMT\nDate: " DAY "7 GMT", true },
		{ "Last-Modified: " DAY "7 GMT\nDate: " DAY "7 GMT", false },
		{ "Last-Modified: " DAY "8 GMT\nDate: " DAY "7 GMT", false },
		{ "Last-Modified: " DAY "6 GMT", false },
		{ "Last-Modified: " DAY "6 GMT\nDate: " DAY "7 GMT\nETag: W/\"x\"", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_header h = read_header(cases[i].lines);

		assert_string_equal(h.answer.last_modified, i == 1 ? DAY "7 GMT" : i == 2 ? DAY "8 GMT" : DAY "6 GMT");
		assert_true(str_eq(h.answer.version, cases[i].version ? h.answer.last_modified : NULL));
		http_header_clear(&h);
	}
}

static void dates(void **state)
{
	static const char *const bad[] = {
		"", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 08:49:37 UTC", "Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1969 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994",
	};
	int64_t t = -1;

	assert_int_equal(http_date("Sun, 06 Nov 1994 08:49:37 GMT", &t), 0);
	assert_int_equal(t, 784111777);
	assert_int_equal(http_date("Thu, 01 Jan 1970 00:00:00 GMT", &t), 0);
	assert_int_equal(t, 0);
	assert_int_equal(http_date("Fri, 31 Dec 9999 23:59:60 GMT", &t), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(http_date(bad[i], &t), -EINVAL);
}

static void max_age(void **state)
{
	static const struct { const char *lines; int64_t age; } cases[] = {
		{ "", 0 },
		{ "Cache-Control: max-age=60", 60 },
		{ "Cache-Control: public, Max-Age=60 , must-revalidate", 60 },
		{ "Cache-Control: max-age=\"60\"", 60 },
		{ "Cache-Control: max-age = 60", 0 },
		{ "Cache-Control: max-age", 0 },
		{ "Cache-Control: max-age=", 0 },
		{ "Cache-Control: max-age=-1", 0 },
		{ "Cache-Control: max-age=1x", 0 },
		{ "Cache-Control: max-age=60, max-age=30", 30 },
		{ "Cache-Control: max-age=30, max-age=x", 0 },
		{ "Cache-Control: max-age=0, max-age=60", 0 },
		{ "Cache-Control: s-maxage=60", 0 },
		{ "Cache-Control: max-age=60, no-cache", 0 },
		{ "Cache-Control: no-store, max-age=60", 0 },
		{ "Cache-Control: no-cache=\"Set-Cookie\", max-age=60", 0 },
		{ "Cache-Control: private=\"a, no-store\", max-age=60", 60 },
		{ "Cache-Control: private=\"a, max-age=60", 0 },
		{ "Cache-Control: max-age=60\nCache-Control: no-store", 0 },
		{ "Cache-Control: max-age=99999999", HTTP_AGE_MAX },
		{ "Cache-Control: max-age=99999999999999999999999", HTTP_AGE_MAX },
		{ "Cache-Control: max-age=60\nAge: 50", 10 },
		{ "Cache-Control: max-age=60\nAge: 70", 0 },
		{ "Cache-Control: max-age=60\nAge: 99999999999999999999999", 0 },
		{ "Cache-Control: max-age=60\nAge: nonsense", 60 },
		{ "Cache-Control: ,,, =,;", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_header h = read_header(cases[i].lines);

		assert_int_equal(h.answer.max_age, cases[i].age);
		http_header_clear(&h);
	}
}

static void ranges(void **state)
{
	static const struct { const char *value; struct http_range range; } cases[] = {
		{ "bytes 5-9/10", { true, 5, 9, 10 } },
		{ "Bytes 0-0/*", { true, 0, 0, -1 } },
		{ "bytes */10", { true, -1, -1, 10 } },
		{ "bytes 5-4/10", { .given = false } },
		{ "bytes 5-10/10", { .given = false } },
		{ "bytes 5-9", { .given = false } },
		{ "bytes 5-/10", { .given = false } },
		{ "bytes -5/10", { .given = false } },
		{ "bytes 5-9/10 ,", { .given = false } },
		{ "bytes=5-9/10", { .given = false } },
		{ "items 5-9/10", { .given = false } },
		{ "bytes 5-9/99999999999999999999", { .given = false } },
		{ "bytes +5-9/10", { .given = false } },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *line = xasprintf("Content-Range: %s", cases[i].value);
		struct http_header h = read_header(line);
		const struct http_range *want = &cases[i].range;

		assert_int_equal(h.range.given, want->given);
		if (want->given) {
			assert_int_equal(h.range.first, want->first);
			assert_int_equal(h.range.last, want->last);
			assert_int_equal(h.range.total, want->total);
		}
		http_header_clear(&h);
	}
}

static void retry_after(void **state)
{
	static const struct { const char *lines; int64_t after; } cases[] = {
		{ "", -1 },
		{ "Retry-After: 5", 5 },
		{ "Retry-After: -5", -1 },
		{ "Retry-After: soon", -1 },
		{ "Retry-After: " DAY "9 GMT\nDate: " DAY "7 GMT", 2 },
		{ "Date: " DAY "7 GMT\nRetry-After: " DAY "0 GMT", 0 },
		{ "Retry-After: " DAY "9 GMT", -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_header h = read_header(cases[i].lines);

		assert_int_equal(h.retry_after, cases[i].after);
		http_header_clear(&h);
	}
}

/* Interim answers come before the real one, trailers after it: neither says anything. */
static void only_the_real_one(void **state)
{
	struct http_header h = read_header("ETag: \"early\"");
	static const char *const lines[] = {
		"HTTP/2 200\r\n", "Content-Type: real\r\n", "\r\n", "ETag: \"late\"\r\n", "\r\n",
	};
	size_t bytes = h.bytes;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_int_equal(http_header_line(&h, lines[i], strlen(lines[i])), 0);
	assert_null(h.answer.etag);
	assert_null(h.answer.version);
	assert_string_equal(h.answer.content_type, "real");
	assert_true(h.bytes > bytes);
	http_header_clear(&h);
}

static void too_large(void **state)
{
	struct http_header h = HTTP_HEADER_NONE;
	char line[1000];
	int r = 0, n = 0;

	memset(line, 'a', sizeof(line));
	for (; r == 0 && n < 1000; n++)
		r = http_header_line(&h, line, sizeof(line));
	assert_int_equal(r, -E2BIG);
	assert_int_equal(n, (64 << 10) / 1000 + 1);
	http_header_clear(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings), cmocka_unit_test(etags), cmocka_unit_test(date_as_version),
		cmocka_unit_test(dates), cmocka_unit_test(max_age), cmocka_unit_test(ranges),
		cmocka_unit_test(retry_after), cmocka_unit_test(only_the_real_one), cmocka_unit_test(too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
