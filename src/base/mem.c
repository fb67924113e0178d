#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

void mem_oom(void)
{
	static const char words[] = "rkt: out of memory\n";

	(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	_exit(254);
}

static void *have(void *p)
{
	if (!p)
		mem_oom();
	return p;
}

void *xmalloc(size_t size) { return have(malloc(size ? size : 1)); }
void *xcalloc(size_t n, size_t size) { return have(calloc(n ? n : 1, size ? size : 1)); }
char *xstrdup(const char *s) { return s ? have(strdup(s)) : NULL; }
char *xstrndup(const char *s, size_t n) { return have(strndup(s, n)); }

void *xreallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		mem_oom();
	return have(realloc(p, bytes ? bytes : 1));
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		mem_oom();
	return s;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

size_t strv_len(char *const *strv)
{
	size_t n = 0;

	while (strv && strv[n])
		n++;
	return n;
}

void strv_take(char ***strv, char *s)
{
	size_t n = strv_len(*strv);

	*strv = xreallocarray(*strv, n + 2, sizeof(char *));
	(*strv)[n] = s;
	(*strv)[n + 1] = NULL;
}

void strv_add(char ***strv, const char *s) { strv_take(strv, xstrdup(s)); }

bool strv_has(char *const *strv, const char *s)
{
	for (; strv && *strv; strv++)
		if (str_eq(*strv, s))
			return true;
	return false;
}

char **strv_copy(char *const *strv)
{
	char **copy = NULL;

	if (!strv)
		return NULL;
	copy = xcalloc(strv_len(strv) + 1, sizeof(char *));
	for (size_t i = 0; strv[i]; i++)
		copy[i] = xstrdup(strv[i]);
	return copy;
}

char **strv_split(const char *s, char sep)
{
	size_t n = *s ? 1 : 0;
	char **parts;

	for (const char *p = s; *p; p++)
		n += *p == sep;
	parts = xcalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		const char *end = i + 1 < n ? strchr(s, sep) : s + strlen(s);

		parts[i] = xstrndup(s, (size_t)(end - s));
		s = end + 1;
	}
	return parts;
}

char *strv_join(char *const *strv, const char *sep)
{
	size_t size = 1, at = 0, sep_len = strlen(sep);
	char *s;

	for (size_t i = 0; strv && strv[i]; i++)
		size += strlen(strv[i]) + sep_len;
	s = xmalloc(size);
	for (size_t i = 0; strv && strv[i]; i++) {
		size_t len = strlen(strv[i]);

		if (i) {
			memcpy(s + at, sep, sep_len);
			at += sep_len;
		}
		memcpy(s + at, strv[i], len);
		at += len;
	}
	s[at] = 0;
	return s;
}

void strv_free(char **strv)
{
	for (size_t i = 0; strv && strv[i]; i++)
		free(strv[i]);
	free(strv);
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

char *str_hex(char *to, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;

	for (size_t i = 0; i < n; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	*to = 0;
	return to;
}

int str_to_u64(const char *s, unsigned long long max, unsigned long long *ret)
{
	unsigned long long v = 0;

	if (!*s)
		return -EINVAL;
	for (const char *p = s; *p; p++)
		if (*p < '0' || *p > '9')
			return -EINVAL;
	for (; *s; s++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (unsigned)(*s - '0'), &v))
			return -ERANGE;
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int str_to_i64(const char *s, long long min, long long max, long long *ret)
{
	bool negative = *s == '-';
	unsigned long long v;
	long long n;
	int r;

	r = str_to_u64(s + negative, (unsigned long long)LLONG_MAX + negative, &v);
	if (r < 0)
		return r;
	n = (long long)(negative ? -v : v);
	if (n < min || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}
