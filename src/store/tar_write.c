#include "store/tar_write.h"

#include <string.h>

#include "base/utf8.h"

enum {
	NAME_FIELD = 100,
	NUMBER_MAX = 07777777,	/* of a user or group */
	ATTRIBUTE_NAME_MAX = 255,
};
static const int64_t LARGEST_SIZE = 077777777777, LATEST_TIME = 077777777777;

static void put_text(char *block, size_t at, size_t len, const char *text)
{
	size_t n = strlen(text);

	memcpy(block + at, text, n < len ? n : len);
}

/* Digits up to the field's last byte, which stays NUL. What does not fit is said elsewhere, and 0 here. */
static void put_number(char *block, size_t at, size_t len, int64_t value)
{
	for (size_t i = len - 1; i > 0; i--, value >>= 3)
		block[at + i - 1] = (char)('0' + (value & 7));
}

static void put_checksum(char *block)
{
	int64_t sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	put_number(block, 148, 7, sum);
	block[154] = 0;
}

static int64_t within(int64_t value, int64_t max) { return value >= 0 && value <= max ? value : 0; }

static void add_block(struct buf *out, char type, const char *name, const char *link, const struct member *m)
{
	char block[TAR_BLOCK] = {};

	put_text(block, 0, NAME_FIELD, name);
	put_number(block, 100, 8, m->mode & 07777);
	put_number(block, 108, 8, within(m->uid, NUMBER_MAX));
	put_number(block, 116, 8, within(m->gid, NUMBER_MAX));
	put_number(block, 124, 12, within(m->size, LARGEST_SIZE));
	put_number(block, 136, 12, within(m->mtime.tv_sec, LATEST_TIME));
	block[156] = type;
	put_text(block, 157, NAME_FIELD, link);
	memcpy(block + 257, "ustar\0" "00", 8);
	put_checksum(block);
	buf_add(out, block, sizeof(block));
}

/* --- pax headers --- */

/* "LEN KEY=VALUE\n", where LEN counts itself. */
static void add_record(struct buf *out, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3, total = rest + 1;

	for (size_t power = 10; power <= total; power *= 10)
		total++;
	buf_addf(out, "%zu %s=", total, key);
	buf_add(out, value, len);
	buf_addc(out, '\n');
}

static void add_text(struct buf *out, const char *key, const char *value) { add_record(out, key, value, strlen(value)); }

static void add_number(struct buf *out, const char *key, int64_t value, int64_t max)
{
	AUTO(free) char *text = xasprintf("%lld", (long long)value);

	if (value > max)
		add_text(out, key, text);
}

static void add_name(struct buf *out, const char *key, const char *name)
{
	if (strlen(name) > NAME_FIELD)
		add_text(out, key, name);
}

static void add_time(struct buf *out, struct timespec t)
{
	bool before = t.tv_sec < 0;
	AUTO(free) char *text = NULL;
	size_t n;

	if (!t.tv_nsec && !before && t.tv_sec <= LATEST_TIME)
		return;
	if (before && t.tv_nsec) {	/* -1.5 is two seconds before and half a one after */
		t.tv_sec++;
		t.tv_nsec = 1000000000 - t.tv_nsec;
	}
	text = xasprintf("%s%lld.%09ld", before ? "-" : "", llabs((long long)t.tv_sec), t.tv_nsec);
	for (n = strlen(text); text[n - 1] == '0'; n--)
		text[n - 1] = 0;
	if (text[n - 1] == '.')
		text[n - 1] = 0;
	add_text(out, "mtime", text);
}

static int add_xattrs(struct buf *out, const struct member *m, struct err *err)
{
	for (size_t i = 0; i < m->n_xattrs; i++) {
		AUTO(free) char *key = xasprintf("SCHILY.xattr.%s", m->xattrs[i].name);

		if (strchr(key, '=') || strlen(m->xattrs[i].name) > ATTRIBUTE_NAME_MAX)
			return err_set(err, -ERR_BAD_INPUT, "attribute \"%s\" cannot be written into an archive",
				       m->xattrs[i].name);
		add_record(out, key, m->xattrs[i].value, m->xattrs[i].len);
	}
	return 0;
}

static void pad(struct buf *out, size_t n)
{
	static const char zeros[TAR_BLOCK];

	buf_add(out, zeros, n);
}

static int add_pax(struct buf *out, const char *name, const char *link, const struct member *m, struct err *err)
{
	static const char folder[] = "PaxHeaders/";
	struct member header = { .mode = 0644 };
	AUTO(free) char *header_name = xasprintf("%s%.*s", folder, (int)(NAME_FIELD - sizeof(folder)), name);
	AUTO(buf_clear) struct buf body = {};
	int r;

	add_name(&body, "path", name);
	add_name(&body, "linkpath", link);
	/* Names are UTF-8 by the standard; these are what they are. */
	if (body.len && (!utf8_is_valid(name) || !utf8_is_valid(link))) {
		buf_clear(&body);
		add_text(&body, "hdrcharset", "BINARY");
		add_name(&body, "path", name);
		add_name(&body, "linkpath", link);
	}
	add_number(&body, "size", m->size, LARGEST_SIZE);
	add_number(&body, "uid", m->uid, NUMBER_MAX);
	add_number(&body, "gid", m->gid, NUMBER_MAX);
	add_time(&body, m->mtime);
	r = add_xattrs(&body, m, err);
	if (r < 0 || !body.len)
		return r;
	header.size = (int64_t)body.len;
	add_block(out, 'x', header_name, "", &header);
	buf_add(out, body.data, body.len);
	pad(out, tar_padding(header.size));
	return 0;
}

/* --- entries --- */

int tar_write_header(struct buf *out, const char *name, const char *link, const struct member *m, struct err *err)
{
	static const char types[] = {
		[MEMBER_MANIFEST] = '0', [MEMBER_FILE] = '0', [MEMBER_DIRECTORY] = '5', [MEMBER_HARDLINK] = '1',
		[MEMBER_SYMLINK] = '2', [MEMBER_FIFO] = '6',
	};
	AUTO(free) char *full = xasprintf("%s%s", name, m->kind == MEMBER_DIRECTORY ? "/" : "");
	struct member entry = *m;
	int r;

	if (m->kind != MEMBER_FILE && m->kind != MEMBER_MANIFEST)
		entry.size = 0;
	link = link ?: "";
	r = add_pax(out, full, link, &entry, err);
	if (r < 0)
		return r;
	add_block(out, types[m->kind], full, link, &entry);
	return 0;
}

void tar_write_end(struct buf *out)
{
	pad(out, TAR_BLOCK);
	pad(out, TAR_BLOCK);
}
