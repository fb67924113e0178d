#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "image/signature.h"

/*
 * The outside of a signature file, read by ourselves: a library that knows all
 * of OpenPGP finds signatures in many places, and we want to see them in one.
 */
enum { PACKET_SIGNATURE = 2, SIGNATURES_MAX = 16 };
enum { VERSION_4 = 4, TYPE_BINARY = 0x00 };

#define ARMOR_BEGIN "-----BEGIN PGP SIGNATURE-----"
#define ARMOR_END   "-----END PGP SIGNATURE-----"

static int refuse(struct err *err)
{
	return err_set(err, -ERR_BAD_SIGNATURE, "keystore: no valid signatures found in signature file");
}

struct text {
	const char *at, *end;
};

/* The next line without its end and the blanks before it. */
static bool take_line(struct text *t, const char **ret, size_t *ret_len)
{
	const char *line = t->at, *newline;
	size_t len;

	if (t->at == t->end)
		return false;
	newline = memchr(line, '\n', (size_t)(t->end - line));
	len = (size_t)((newline ? newline : t->end) - line);
	t->at = newline ? newline + 1 : t->end;
	while (len && (line[len - 1] == '\r' || line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	*ret = line;
	*ret_len = len;
	return true;
}

static bool line_is(const char *line, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(line, text, len) == 0;
}

static uint32_t crc24(const struct buf *b)
{
	uint32_t crc = 0xb704ce;

	for (size_t i = 0; i < b->len; i++) {
		crc ^= (uint32_t)(unsigned char)b->data[i] << 16;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc & 0x800000 ? 0x1864cfb : 0);
	}
	return crc & 0xffffff;
}

static bool crc_fits(const struct buf *body, const char *line, size_t len)
{
	AUTO(buf_clear) struct buf sum = {};
	bool good = base64_decode(line, len, &sum) >= 0 && sum.len == 3;
	const unsigned char *p = (const unsigned char *)sum.data;

	return good && ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) == crc24(body);
}

/* From the line after the headers to the end of the file. */
static bool armor_body(struct text *t, struct buf *body)
{
	AUTO(buf_clear) struct buf digits = {};
	const char *line, *sum = NULL;
	bool ended = false;
	size_t len;

	while (!ended && take_line(t, &line, &len)) {
		if (line_is(line, len, ARMOR_END))
			ended = true;
		else if (sum)
			return false;
		else if (len == 5 && line[0] == '=')
			sum = line + 1;
		else
			buf_add(&digits, line, len);
	}
	while (take_line(t, &line, &len))
		if (len)
			return false;
	return ended && digits.len && base64_decode(digits.data, digits.len, body) >= 0 &&
	       (!sum || crc_fits(body, sum, 4));
}

static bool dearmor(const char *text, size_t text_len, struct buf *body)
{
	struct text t = { text, text + text_len };
	const char *line = NULL;
	size_t len = 0;

	while (take_line(&t, &line, &len) && !len)
		;
	if (!line || !line_is(line, len, ARMOR_BEGIN))
		return false;
	while (take_line(&t, &line, &len) && len)	/* headers, which mean nothing, up to an empty line */
		if (!memchr(line, ':', len))
			return false;
	return armor_body(&t, body);
}

/* The length of the packet whose head is at p, moved behind the head; -1: none that we take. */
static long packet_length(const unsigned char **p, const unsigned char *end)
{
	static const int old_sizes[] = { 1, 2, 4, 0 };
	const unsigned char *at = *p;
	bool new_format = *at & 0x40;
	int tag = new_format ? *at & 0x3f : *at >> 2 & 0xf;
	int size = new_format ? 1 : old_sizes[*at & 3];
	uint32_t len = 0, add = 0;

	if (!(*at & 0x80) || tag != PACKET_SIGNATURE || !size || end - ++at < size)
		return -1;
	if (new_format && *at >= 192) {	/* 224 to 254 begin partial bodies, which signatures have not */
		size = *at < 224 ? 2 : *at == 255 ? 5 : 0;
		if (!size || end - at < size)
			return -1;
		add = size == 2 ? 192 : 0;
		len = size == 2 ? *at - 192u : 0;
		at++;
		size--;
	}
	while (size--)
		len = len << 8 | *at++;
	*p = at;
	return len > SIGNATURE_MAX ? -1 : (long)len + (long)add;
}

static bool all_detached(const unsigned char *p, size_t len)
{
	const unsigned char *end = p + len;
	int count = 0;

	while (p < end) {
		long body = packet_length(&p, end);

		if (body < 4 || body > end - p || p[0] != VERSION_4 || p[1] != TYPE_BINARY ||
		    ++count > SIGNATURES_MAX)
			return false;
		p += body;
	}
	return count;
}

int signature_packets(const char *text, size_t len, unsigned char **ret, size_t *ret_len, struct err *err)
{
	struct buf body = {};
	bool good = len && len <= SIGNATURE_MAX;

	if (good && *text & 0x80)
		buf_add(&body, text, len);
	else
		good = good && dearmor(text, len, &body);
	if (!good || !all_detached((const unsigned char *)body.data, body.len)) {
		buf_clear(&body);
		return refuse(err);
	}
	*ret_len = body.len;
	*ret = (unsigned char *)buf_steal(&body);
	return 0;
}
