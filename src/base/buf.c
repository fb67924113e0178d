#include "base/buf.h"

#include <string.h>

#include "base/utf8.h"

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

static bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f; }

void buf_add_printable(struct buf *b, const char *s)
{
	const char *end = s + strlen(s), *run;

	for (;;) {
		uint32_t c = 0;
		size_t n = 0;

		/* What is fit to be shown, mostly all of it, goes in one piece. */
		for (run = s; s < end; s += n) {
			n = 1;
			if (is_plain((unsigned char)*s))
				continue;
			n = utf8_next(s, (size_t)(end - s), &c);
			if (!n || utf8_is_control(c))
				break;
		}
		buf_add(b, run, (size_t)(s - run));
		if (s == end)
			return;
		for (n = n ? n : 1; n; n--, s++)
			buf_addf(b, "\\x%02x", (unsigned char)*s);
	}
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
