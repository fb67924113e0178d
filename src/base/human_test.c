#include "base/human.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"

static void ago(void **state)
{
	static const struct {
		long long seconds;
		const char *words;
	} rows[] = {
		{ 0, "now" }, { 1, "1 second ago" }, { 13, "13 seconds ago" }, { 60, "1 minute ago" },
		{ 59 * 60, "59 minutes ago" }, { 3600, "1 hour ago" }, { 86400, "1 day ago" },
		{ 3 * 86400, "3 days ago" }, { 8 * 86400, "1 week ago" }, { 21 * 86400, "3 weeks ago" },
		{ 40 * 86400, "1 month ago" }, { 400LL * 86400, "1 year ago" }, { 720LL * 86400, "2 years ago" },
		{ 3650LL * 86400, "10 years ago" }, { 50LL * 365 * 86400, "a long while ago" },
		{ -5, "5 seconds from now" },
	};
	int64_t now = 1700000000LL * NS_PER_SECOND;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *got = human_ago(now - rows[i].seconds * NS_PER_SECOND, now);

		assert_string_equal(got, rows[i].words);
		free(got);
	}
}

static void absolute(void **state)
{
	static const struct {
		int64_t ns;
		const char *words;
	} rows[] = {
		{ 1493211845123456789, "2017-04-26 13:04:05.123 +0000 UTC" },
		{ 1493211845100000000, "2017-04-26 13:04:05.1 +0000 UTC" },
		{ 1493211845000000000, "2017-04-26 13:04:05 +0000 UTC" },
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *got = human_time(rows[i].ns);

		assert_string_equal(got, rows[i].words);
		free(got);
	}
}

static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *words;
	} rows[] = {
		{ 0, "0B" }, { 1023, "1023B" }, { 1024, "1.0KiB" }, { 9857434, "9.4MiB" }, { 19 << 20, "19MiB" },
		{ 10 * 1024, "10KiB" }, { 5ULL << 40, "5.0TiB" }, { UINT64_MAX, "16EiB" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *got = human_size(rows[i].bytes);

		assert_string_equal(got, rows[i].words);
		free(got);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{ "0", 0 }, { "10s", 10000000000 }, { "1h30m", 5400000000000 }, { "300ms", 300000000 },
		{ "1.5h", 5400000000000 }, { "-2m", -120000000000 }, { ".5s", 500000000 }, { "0s", 0 }, { "7us", 7000 },
		{ "30m0s", 1800000000000 },
	};
	static const char *const bad[] = { "", "10", "s", "1h30", "one", "-", "1 s", "1hs", "." };
	int64_t ns;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(duration_parse(rows[i].text, &ns), 0);
		assert_int_equal(ns, rows[i].ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(duration_parse(bad[i], &ns), -EINVAL);
	assert_int_equal(duration_parse("99999999999h", &ns), -ERANGE);
}

static void test_duration_text(void **state)
{
	static const struct { int64_t ns; const char *text; } cases[] = {
		{ 0, "0s" }, { 1, "1ns" }, { 1500, "1.5µs" }, { 300000000, "300ms" }, { 1500000000, "1.5s" },
		{ 1800000000000, "30m0s" }, { 86400000000000, "24h0m0s" }, { 61000000001, "1m1.000000001s" },
		{ -9000000000, "-9s" }, { INT64_MIN, "-2562047h47m16.854775808s" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO(free) char *text = human_duration(cases[i].ns);

		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ago), cmocka_unit_test(absolute), cmocka_unit_test(sizes), cmocka_unit_test(durations),
		cmocka_unit_test(test_duration_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
