#include "store/tar_build.h"

#include <string.h>

enum { BLOCK = 512 };

static void pad(struct buf *tar)
{
	static const char zeros[BLOCK];

	if (tar->len % BLOCK)
		buf_add(tar, zeros, BLOCK - tar->len % BLOCK);
}

static void put(char *field, size_t len, const char *text)
{
	size_t n = strlen(text);

	memcpy(field, text, n < len ? n : len);
}

static void put_octal(char *field, size_t len, unsigned long value)
{
	AUTO(free) char *text = xasprintf("%0*lo", (int)len - 1, value);

	put(field, len, text);
}

static void checksum(char *block)
{
	unsigned long sum = 0;

	memset(block + 148, ' ', 8);
	for (int i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	put_octal(block + 148, 7, sum);
	block[154] = 0;
}

static void add_header(struct buf *tar, const struct tar_header *h, size_t size)
{
	char block[BLOCK] = {};

	put(block, 100, h->name);
	put_octal(block + 100, 8, h->mode ?: (h->type == '5' ? 0755 : 0644));
	put_octal(block + 108, 8, h->uid);
	put_octal(block + 116, 8, h->gid);
	if (h->size)
		put(block + 124, 12, h->size);
	else
		put_octal(block + 124, 12, size);
	put_octal(block + 136, 12, (unsigned long)h->mtime);
	block[156] = h->type;
	if (h->link)
		put(block + 157, 100, h->link);
	memcpy(block + 257, "ustar\0" "00", 8);
	checksum(block);
	buf_add(tar, block, BLOCK);
}

/* Each line with its own length in front, as the format wants it. */
static void add_pax(struct buf *tar, const char *lines)
{
	struct buf body = {};

	while (*lines) {
		size_t len = strcspn(lines, "\n") + 1, total = len + 2;
		AUTO(free) char *text = NULL;

		for (;;) {
			free(text);
			text = xasprintf("%zu %.*s", total, (int)len, lines);
			if (strlen(text) == total)
				break;
			total = strlen(text);
		}
		buf_adds(&body, text);
		lines += len;
	}
	add_header(tar, &(struct tar_header){ .name = "PaxHeader", .type = 'x' }, body.len);
	buf_add(tar, body.data, body.len);
	pad(tar);
	buf_clear(&body);
}

void tar_add(struct buf *tar, const struct tar_header *h)
{
	size_t size = h->data ? strlen(h->data) : 0;

	if (h->pax)
		add_pax(tar, h->pax);
	add_header(tar, h, size);
	if (size)
		buf_add(tar, h->data, size);
	pad(tar);
}

void tar_end(struct buf *tar)
{
	static const char zeros[2 * BLOCK];

	buf_add(tar, zeros, sizeof(zeros));
}

void tar_begin(struct buf *tar, const char *manifest)
{
	tar_add(tar, &(struct tar_header){ .name = "manifest", .type = '0', .data = manifest });
	tar_add(tar, &(struct tar_header){ .name = "rootfs", .type = '5' });
}
