#include "image/http_header.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "spec/limits.h"

/* Sizes and seconds: enough for any, and far from overflow. */
#define NUMBER_MAX ((int64_t)1 << 53)

/* What was modified in the second of the answer may be modified again in that second (RFC 9110, 8.8.2.2). */
enum { DATE_DISTANCE = 1 };

static void set(char **at, char *value)
{
	free(*at);
	*at = value;
}

/* --- values -------------------------------------------------------------------- */

static bool printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* Decimal digits up to the end. Too large a number is the largest, as RFC 9111 (1.2.2) wants it. -1: none. */
static int64_t number(const char *s)
{
	unsigned long long n;
	int r = str_to_u64(s, NUMBER_MAX, &n);

	if (r == -ERANGE)
		return NUMBER_MAX;
	return r < 0 ? -1 : (int64_t)n;
}

/* A number at *s, which is set behind it. */
static bool take_number(const char **s, int64_t *ret)
{
	size_t len = strspn(*s, "0123456789");
	AUTO(free) char *digits = xstrndup(*s, len);

	*ret = number(digits);
	*s += len;
	return *ret >= 0 && *ret < NUMBER_MAX;
}

static bool take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

/* "bytes 5-9/10"; on either side of the "/" may be a "*". */
static void take_range(struct http_header *h, const char *s)
{
	struct http_range range = { .given = true, .first = -1, .last = -1, .total = -1 };

	if (strncasecmp(s, "bytes ", 6) != 0)
		return;
	s += 6;
	if (!take_char(&s, '*') &&
	    (!take_number(&s, &range.first) || !take_char(&s, '-') || !take_number(&s, &range.last)))
		return;
	if (!take_char(&s, '/') || (!take_char(&s, '*') && !take_number(&s, &range.total)) || *s)
		return;
	if (range.last < range.first || (range.total >= 0 && range.last >= range.total))
		return;
	h->range = range;
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* In shape, "a" stands for a letter and "0" for a digit. */
static bool has_shape(const char *s, const char *shape)
{
	for (; *shape; s++, shape++) {
		bool fits = *shape == 'a'   ? isalpha((unsigned char)*s) != 0
			    : *shape == '0' ? isdigit((unsigned char)*s) != 0
					    : *s == *shape;

		if (!fits)
			return false;
	}
	return !*s;
}

static int two_digits(const char *s) { return (s[0] - '0') * 10 + s[1] - '0'; }

int http_date(const char *s, int64_t *ret)
{
	struct tm tm = {};

	if (!has_shape(s, "aaa, 00 aaa 0000 00:00:00 GMT"))
		return -EINVAL;
	for (tm.tm_mon = 0; tm.tm_mon < 12; tm.tm_mon++)
		if (memcmp(months + (ptrdiff_t)tm.tm_mon * 3, s + 8, 3) == 0)
			break;
	tm.tm_mday = two_digits(s + 5);
	tm.tm_year = two_digits(s + 12) * 100 + two_digits(s + 14) - 1900;
	tm.tm_hour = two_digits(s + 17);
	tm.tm_min = two_digits(s + 20);
	tm.tm_sec = two_digits(s + 23);
	if (tm.tm_mon == 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_year < 70 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	*ret = timegm(&tm);
	return 0;
}

/* --- Cache-Control --------------------------------------------------------------- */

/* name[=value], where value may be a quoted string, at *s, which is set behind its comma. */
static bool next_directive(const char **s, char **ret_name, char **ret_value)
{
	const char *p = *s + strspn(*s, " \t,");
	size_t len = strcspn(p, "=, \t");

	if (!*p)
		return false;
	*ret_name = xstrndup(p, len);
	p += len;
	if (*p == '=' && p[1] == '"') {
		p += 2;
		len = strcspn(p, "\"");
		*ret_value = xstrndup(p, len);
		p += len;
	} else if (*p == '=') {
		p++;
		*ret_value = xstrndup(p, strcspn(p, ", \t"));
	}
	*s = p + strcspn(p, ",");
	return true;
}

static void take_cache_control(struct http_header *h, const char *s)
{
	char *name = NULL, *value = NULL;

	while (next_directive(&s, &name, &value)) {
		int64_t age = value ? number(value) : 0;

		if (strcasecmp(name, "no-store") == 0 || strcasecmp(name, "no-cache") == 0)
			h->no_cache = true;
		/* Of several the shortest counts, and what can't be understood is short. */
		if (strcasecmp(name, "max-age") == 0 && (!h->answer.max_age || age < h->answer.max_age)) {
			h->answer.max_age = age > 0 ? age : 0;
			h->no_cache |= age <= 0;
		}
		set(&name, NULL);
		set(&value, NULL);
	}
}

/* --- fields ---------------------------------------------------------------------- */

static void take_age(struct http_header *h, const char *s)
{
	int64_t age = number(s);

	h->age = age > 0 ? age : 0;
}

static void take_challenge(struct http_header *h, const char *s)
{
	char **at = &h->answer.challenge;

	if (printable(s))
		set(at, *at ? xasprintf("%s, %s", *at, s) : xstrdup(s));
}

static void take_date(struct http_header *h, const char *s) { (void)http_date(s, &h->date); }

static void take_digest(struct http_header *h, const char *s)
{
	if (printable(s))
		set(&h->answer.digest, xstrdup(s));
}

static void take_link(struct http_header *h, const char *s)
{
	char **at = &h->answer.link;

	if (printable(s))
		set(at, *at ? xasprintf("%s, %s", *at, s) : xstrdup(s));
}

static void take_encoding(struct http_header *h, const char *s)
{
	if (*s && strcasecmp(s, "identity") != 0)
		set(&h->encoding, xstrdup(s));
}

/* W/"…" or "…". It goes back to the server, so it has no space, and no second quote either. */
static void take_etag(struct http_header *h, const char *s)
{
	const char *p = str_starts(s, "W/") ? s + 2 : s;
	size_t len = strlen(p);

	if (len >= 2 && len <= HTTP_ETAG_MAX && p[0] == '"' && strcspn(p + 1, "\" ") == len - 2 && p[len - 1] == '"' && printable(p))
		set(&h->answer.etag, xstrdup(s));
}

static void take_last_modified(struct http_header *h, const char *s)
{
	int64_t date;

	if (http_date(s, &date) == 0)
		set(&h->answer.last_modified, xstrdup(s));
}

static void take_length(struct http_header *h, const char *s) { h->has_length = true; }

static void take_retry_after(struct http_header *h, const char *s)
{
	h->retry_after = number(s);
	if (h->retry_after < 0)
		(void)http_date(s, &h->retry_date);
}

static void take_transfer(struct http_header *h, const char *s) { h->chunked |= strcasecmp(s, "chunked") == 0; }

static void take_type(struct http_header *h, const char *s)
{
	if (printable(s))
		set(&h->answer.content_type, xstrdup(s));
}

static const struct { const char *name; void (*take)(struct http_header *h, const char *value); } fields[] = {
	{ "Age", take_age },
	{ "Cache-Control", take_cache_control },
	{ "Content-Encoding", take_encoding },
	{ "Content-Length", take_length },
	{ "Content-Range", take_range },
	{ "Content-Type", take_type },
	{ "Date", take_date },
	{ "Docker-Content-Digest", take_digest },
	{ "ETag", take_etag },
	{ "Last-Modified", take_last_modified },
	{ "Link", take_link },
	{ "Retry-After", take_retry_after },
	{ "Transfer-Encoding", take_transfer },
	{ "WWW-Authenticate", take_challenge },
};

/* What follows from several fields. */
static void finish(struct http_header *h)
{
	struct http_answer *a = &h->answer;
	int64_t date = 0;

	a->max_age -= h->age;
	if (h->no_cache || a->max_age < 0)
		a->max_age = 0;
	if (a->max_age > HTTP_AGE_MAX)
		a->max_age = HTTP_AGE_MAX;
	if (a->etag && a->etag[0] == '"')
		set(&a->version, xstrdup(a->etag));
	else if (!a->etag && a->last_modified && http_date(a->last_modified, &date) == 0 &&
		 h->date - date >= DATE_DISTANCE)
		set(&a->version, xstrdup(a->last_modified));
	/* What counts is the distance to the answer's own date, whatever our clock says. */
	if (h->retry_date >= 0 && h->date >= 0)
		h->retry_after = h->retry_date > h->date ? h->retry_date - h->date : 0;
	h->ended = true;
}

static void take_field(struct http_header *h, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : 0, at = name_len + 1;

	if (!colon)
		return;
	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	while (len > at && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strlen(fields[i].name) == name_len && strncasecmp(fields[i].name, line, name_len) == 0) {
			AUTO(free) char *value = xstrndup(line + at, len - at);

			fields[i].take(h, value);
		}
}

int http_header_line(struct http_header *h, const char *line, size_t len)
{
	h->bytes += len;
	if ((int64_t)h->bytes > limits()->header_bytes)
		return -E2BIG;
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
		size_t bytes = h->bytes;

		http_header_clear(h);
		h->bytes = bytes;
	} else if (!len && !h->ended) {
		finish(h);
	} else if (!h->ended) {
		take_field(h, line, len);
	}
	return 0;
}

void http_answer_clear(struct http_answer *a)
{
	free(a->url);
	free(a->content_type);
	free(a->etag);
	free(a->last_modified);
	free(a->challenge);
	free(a->digest);
	free(a->link);
	free(a->version);
	*a = (struct http_answer){};
}

void http_header_clear(struct http_header *h)
{
	http_answer_clear(&h->answer);
	free(h->encoding);
	*h = HTTP_HEADER_NONE;
}
