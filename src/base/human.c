#include "base/human.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum {	/* in seconds; a month is 30 days, a year 12 months, as rkt counted */
	MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, WEEK = 7 * DAY, MONTH = 30 * DAY, YEAR = 12 * MONTH,
};

/* Below the limit, time is told in this unit; unit 0: the words have no number. */
static const struct step {
	int64_t limit, unit;
	const char *words;
} steps[] = {
	{ 1, 0, "now" },
	{ 2, 0, "1 second" },
	{ MINUTE, 1, "seconds" },
	{ 2 * MINUTE, 0, "1 minute" },
	{ HOUR, MINUTE, "minutes" },
	{ 2 * HOUR, 0, "1 hour" },
	{ DAY, HOUR, "hours" },
	{ 2 * DAY, 0, "1 day" },
	{ WEEK, DAY, "days" },
	{ 2 * WEEK, 0, "1 week" },
	{ MONTH, WEEK, "weeks" },
	{ 2 * MONTH, 0, "1 month" },
	{ YEAR, MONTH, "months" },
	{ 18 * MONTH, 0, "1 year" },
	{ 2 * YEAR, 0, "2 years" },
	{ 37 * YEAR, YEAR, "years" },
	{ INT64_MAX, 0, "a long while" },
};

int64_t time_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

int64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

char *human_ago(int64_t then_ns, int64_t now_ns)
{
	const char *side = then_ns > now_ns ? "from now" : "ago";
	int64_t seconds = now_ns / NS_PER_SECOND - then_ns / NS_PER_SECOND;
	const struct step *s = steps;

	if (then_ns <= now_ns && now_ns - then_ns < NS_PER_SECOND)
		seconds = 0;
	if (seconds < 0)
		seconds = -seconds;
	while (seconds >= s->limit)
		s++;
	if (s == steps)
		return xstrdup(s->words);
	if (!s->unit)
		return xasprintf("%s %s", s->words, side);
	return xasprintf("%lld %s %s", (long long)(seconds / s->unit), s->words, side);
}

char *human_time(int64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_SECOND);
	int ms = (int)(ns % NS_PER_SECOND / 1000000);
	char date[64], zone[64], fraction[8] = "";
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		return xstrdup("");
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z %Z", &tm);
	if (ms > 0)	/* zeros at its end are left out */
		snprintf(fraction, sizeof(fraction), ms % 100 == 0 ? ".%d" : ms % 10 == 0 ? ".%02d" : ".%03d",
			 ms % 100 == 0 ? ms / 100 : ms % 10 == 0 ? ms / 10 : ms);
	return xasprintf("%s%s %s", date, fraction, zone);
}

char *human_size(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024)
		return xasprintf("%lluB", (unsigned long long)bytes);
	for (; value >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
		value /= 1024;
	value = (double)(uint64_t)(value * 10 + 0.5) / 10;
	return xasprintf("%.*f%s", value < 10 ? 1 : 0, value, units[unit]);
}

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "µs", 1000 }, { "ms", 1000000 },	/* before the one-letter ones */
	{ "s", NS_PER_SECOND }, { "m", 60LL * NS_PER_SECOND }, { "h", 3600LL * NS_PER_SECOND },
};

static const struct unit *unit_at(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_starts(s, units[i].name))
			return &units[i];
	return NULL;
}

/* One number with its unit, moving *p behind it: "1.5h". */
static int duration_part(const char **p, int64_t *ret_ns)
{
	int64_t whole = 0, fraction = 0, scale = 1, part;
	const char *s = *p, *start = s;
	const struct unit *unit;

	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *s - '0', &whole))
			return -ERANGE;
	if (*s == '.') {
		start++;
		for (s++; *s >= '0' && *s <= '9'; s++) {
			if (scale > 100000000)	/* digits below a nanosecond of a second */
				continue;
			fraction = fraction * 10 + (*s - '0');
			scale *= 10;
		}
	}
	unit = unit_at(s);
	if (s == start || !unit)
		return -EINVAL;
	part = (int64_t)((double)fraction / (double)scale * (double)unit->ns + 0.5);
	if (__builtin_mul_overflow(whole, unit->ns, &whole) || __builtin_add_overflow(whole, part, ret_ns))
		return -ERANGE;
	*p = s + strlen(unit->name);
	return 0;
}

int duration_parse(const char *s, int64_t *ret_ns)
{
	bool negative = *s == '-';
	int64_t sum = 0, part;
	int r;

	if (*s == '-' || *s == '+')
		s++;
	if (str_eq(s, "0")) {
		*ret_ns = 0;
		return 0;
	}
	if (!*s)
		return -EINVAL;
	while (*s) {
		r = duration_part(&s, &part);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(sum, part, &sum))
			return -ERANGE;
	}
	*ret_ns = negative ? -sum : sum;
	return 0;
}

/* n / unit with as many digits behind the point as it takes. */
static char *with_fraction(uint64_t n, uint64_t unit, const char *name)
{
	char digits[12] = "";
	uint64_t rest = n % unit;
	size_t len = 0;

	for (uint64_t place = unit / 10; rest && place; place /= 10) {
		digits[len++] = (char)('0' + rest / place);
		rest %= place;
	}
	return xasprintf("%" PRIu64 "%s%s%s", n / unit, len ? "." : "", digits, name);
}

char *human_duration(int64_t ns)
{
	uint64_t n = ns < 0 ? -(uint64_t)ns : (uint64_t)ns, seconds = n / NS_PER_SECOND;
	const char *sign = ns < 0 ? "-" : "";
	AUTO(free) char *tail = NULL;

	if (!n)
		return xstrdup("0s");
	if (n < 1000)
		return xasprintf("%s%" PRIu64 "ns", sign, n);
	if (n < NS_PER_SECOND)
		tail = n < 1000000 ? with_fraction(n, 1000, "µs") : with_fraction(n, 1000000, "ms");
	else
		tail = with_fraction(n - seconds / 60 * 60 * NS_PER_SECOND, NS_PER_SECOND, "s");
	if (seconds < 60)
		return xasprintf("%s%s", sign, tail);
	if (seconds < 3600)
		return xasprintf("%s%" PRIu64 "m%s", sign, seconds / 60, tail);
	return xasprintf("%s%" PRIu64 "h%" PRIu64 "m%s", sign, seconds / 3600, seconds / 60 % 60, tail);
}
