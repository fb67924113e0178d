#include <stdbool.h>
#include <string.h>

#include "spec/types.h"

/*
 * A quantity taken apart: 0.DIGITS × 10^point × 2^shift, with the digits as they
 * stand in the text (a '.' among them is passed over). Nothing is rounded before the end.
 */
struct quantity {
	const char *digits, *end;
	long long point;
	unsigned shift;
};

static const struct { const char *suffix; int exponent; unsigned shift; } suffixes[] = {
	{ "", 0, 0 }, { "m", -3, 0 }, { "k", 3, 0 }, { "K", 3, 0 }, { "M", 6, 0 }, { "G", 9, 0 }, { "T", 12, 0 },
	{ "P", 15, 0 }, { "E", 18, 0 }, { "Ki", 0, 10 }, { "Mi", 0, 20 }, { "Gi", 0, 30 }, { "Ti", 0, 40 },
	{ "Pi", 0, 50 }, { "Ei", 0, 60 },
};

enum { EXPONENT_MAX = 1000 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int read_suffix(const char *s, struct quantity *q)
{
	long long exponent;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		if (str_eq(s, suffixes[i].suffix)) {
			q->point += suffixes[i].exponent;
			q->shift = suffixes[i].shift;
			return 0;
		}
	}
	if (*s != 'e' && *s != 'E')
		return -EINVAL;
	s++;
	if (*s == '+' && is_digit(s[1]))
		s++;
	r = str_to_i64(s, -EXPONENT_MAX, EXPONENT_MAX, &exponent);
	if (r >= 0)
		q->point += exponent;
	return r;
}

static int take_apart(const char *s, struct quantity *q)
{
	*q = (struct quantity){ .digits = s };
	for (; is_digit(*s); s++)
		q->point++;
	if (*s == '.') {
		if (!is_digit(s[1]))
			return -EINVAL;
		for (s++; is_digit(*s); s++)
			;
	}
	if (s == q->digits)
		return -EINVAL;
	q->end = s;
	return read_suffix(s, q);
}

/* The part before the point, which may lie beyond the digits. Leaves q at the first digit after it. */
static int whole_part(struct quantity *q, uint64_t *ret)
{
	uint64_t v = 0;

	for (; q->point > 0; q->point--) {
		unsigned digit = 0;

		if (q->digits < q->end && *q->digits == '.')
			q->digits++;
		if (q->digits < q->end)
			digit = (unsigned)(*q->digits++ - '0');
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

/* The part after the point, times 2^shift, rounded up. From the last digit, so that each step is exact. */
static uint64_t fraction_part(const struct quantity *q)
{
	uint64_t v = 0, rest = 0;

	for (const char *p = q->end; p > q->digits;) {
		if (*--p == '.')
			continue;
		v += (uint64_t)(*p - '0') << q->shift;	/* at most 9 × 2^60 + 2^60 */
		rest |= v % 10;
		v /= 10;
	}
	for (long long zeros = -q->point; zeros > 0; zeros--) {
		rest |= v % 10;
		v /= 10;
	}
	return v + (rest != 0);
}

static int parse(const char *s, int scale, int64_t *ret, struct err *err)
{
	struct quantity q;
	uint64_t v = 0;
	int r;

	if (*s == '-' && is_digit(s[1]))
		return err_set(err, -ERANGE, "quantity \"%s\" is negative", s);
	r = take_apart(s, &q);
	if (r == -EINVAL)
		return err_set(err, -ERR_BAD_INPUT, "\"%s\" is not a quantity such as 500m, 16M or 1Gi", s);
	if (r >= 0) {
		q.point += scale;
		r = whole_part(&q, &v);
	}
	if (r < 0 || __builtin_mul_overflow(v, UINT64_C(1) << q.shift, &v) ||
	    __builtin_add_overflow(v, fraction_part(&q), &v) || v > INT64_MAX)
		return err_set(err, -ERANGE, "quantity \"%s\" is too large", s);
	*ret = (int64_t)v;
	return 0;
}

int quantity_parse(const char *s, int64_t *ret, struct err *err) { return parse(s, 0, ret, err); }
int quantity_parse_milli(const char *s, int64_t *ret, struct err *err) { return parse(s, 3, ret, err); }
