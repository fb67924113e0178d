#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

char *buf_reserve(struct buf *b, size_t len)
{
	size_t need;

	if (__builtin_add_overflow(b->len, len, &need) || __builtin_add_overflow(need, 1, &need))
		mem_oom();
	if (need > b->room) {
		size_t room = b->room ? b->room : 64;

		while (room < need)
			if (__builtin_mul_overflow(room, 2, &room))
				mem_oom();
		b->data = xreallocarray(b->data, room, 1);
		b->room = room;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	char *to = buf_reserve(b, len);

	if (len)
		memcpy(to, data, len);
	b->len += len;
	b->data[b->len] = 0;
}

void buf_adds(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }
void buf_addc(struct buf *b, char c) { buf_add(b, &c, 1); }

void buf_addf(struct buf *b, const char *fmt, ...)
{
	AUTO(free) char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	buf_adds(b, s);
}

/* The length of the well-formed UTF-8 sequence at s and its code point, 0 if there is none. */
static size_t utf8_next(const unsigned char *s, uint32_t *ret)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = n == 1 ? s[0] : n ? s[0] & (0xffu >> (n + 1)) : 0;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (!n || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void buf_add_printable(struct buf *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p) {
		uint32_t c = 0;
		size_t n = utf8_next(p, &c);

		if (n && !is_control(c)) {
			buf_add(b, p, n);
			p += n;
			continue;
		}
		for (size_t end = n ? n : 1; end; end--, p++)
			buf_addf(b, "\\x%02x", *p);
	}
	buf_add(b, "", 0);
}

char *str_printable(const char *s)
{
	struct buf b = {};

	buf_add_printable(&b, s);
	return buf_steal(&b);
}

char *buf_steal(struct buf *b)
{
	char *s = b->data ? b->data : xstrdup("");

	*b = (struct buf){};
	return s;
}

void buf_clear(struct buf *b)
{
	free(b->data);
	*b = (struct buf){};
}
