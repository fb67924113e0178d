#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
	const unsigned char *p = data;
	struct buf out = {};

	while (len) {
		size_t n = len < 3 ? len : 3;
		uint32_t bits = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

		for (size_t i = 0; i < 4; i++)
			buf_addc(&out, i <= n ? digits[bits >> (18 - 6 * i) & 63] : '=');
		p += n;
		len -= n;
	}
	return buf_steal(&out);
}

static int digit_value(char c)
{
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* Four digits to three bytes, fewer where the last ones are padding. Returns how many; -1: not four digits. */
static int decode_group(const char *text, bool last, char ret[3])
{
	int n = !last || text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		int value = i <= n ? digit_value(text[i]) : 0;

		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
	}
	for (int i = 0; i < 3; i++)
		ret[i] = (char)(bits >> (16 - 8 * i));
	return bits & ((1u << (24 - 8 * n)) - 1) ? -1 : n;
}

int base64_decode(const char *text, size_t len, struct buf *ret)
{
	struct buf out = {};

	if (len % 4)
		return -EINVAL;
	for (size_t at = 0; at < len; at += 4) {
		char bytes[3];
		int n = decode_group(text + at, at + 4 == len, bytes);

		if (n < 0) {
			buf_clear(&out);
			return -EINVAL;
		}
		buf_add(&out, bytes, (size_t)n);
	}
	if (out.len)
		buf_add(ret, out.data, out.len);
	buf_clear(&out);
	return 0;
}
