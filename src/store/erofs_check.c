#include "store/erofs_check.h"

#include <string.h>
#include <sys/stat.h>

enum {
	BLOCK = 512, SUPER = 1024, NID = 32, INODE = 64, SLOT = 128, NAME_MAX_BYTES = 255,
	PLAIN = 0, INLINE = 2, CHUNKS = 4,
};

struct check {
	const uint8_t *image;
	size_t len;
	const struct merge *m;
	const struct buf *archives;
	size_t n;
	uint8_t *used;			/* for each byte of the image: has a use */
	uint64_t *nids;			/* of each inode, by its number; 0: not met yet */
	char *words;
};

/* One inode as it was read. */
struct raw {
	uint64_t at, size, tail_at;	/* tail_at: behind the inode and its attributes */
	unsigned layout;
	uint32_t block;
	unsigned chunk_format;
};

static int wrong(struct check *c, const char *fmt, ...) PRINTF(2, 3);
static int wrong(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!c->words)
		c->words = xvasprintf(fmt, ap);
	va_end(ap);
	return -1;
}

static uint64_t get(const uint8_t *p, size_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | p[bytes];
	return value;
}

/* These bytes of the image are now in use, and were not before. */
static int claim(struct check *c, uint64_t at, uint64_t len, const char *what)
{
	if (at > c->len || len > c->len - at)
		return wrong(c, "%s at %llu is outside the image", what, (unsigned long long)at);
	for (uint64_t i = at; i < at + len; i++) {
		if (c->used[i])
			return wrong(c, "%s at %llu overlaps with something", what, (unsigned long long)at);
		c->used[i] = 1;
	}
	return 0;
}

/* --- the superblock -------------------------------------------------------------- */

static uint32_t sum_of(const uint8_t *super)
{
	uint32_t sum = ~0u;

	for (int i = 0; i < BLOCK; i++) {
		sum ^= i >= 4 && i < 8 ? 0 : super[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (0x82f63b78u & -(sum & 1));
	}
	return sum;
}

static int check_super(struct check *c)
{
	const uint8_t *s = c->image + SUPER;

	if (c->len % BLOCK || c->len < SUPER + BLOCK || get(s, 4) != 0xE0F5E1E2)
		return wrong(c, "no superblock");
	if (get(s + 4, 4) != sum_of(s))
		return wrong(c, "the superblock's checksum is wrong");
	if (get(s + 8, 4) != 3 || s[12] != 9 || s[13] || get(s + 16, 8) != merge_inodes(c->m) || get(s + 24, 8) ||
	    get(s + 32, 4) || get(s + 36, 4) != c->len / BLOCK || get(s + 40, 4) || get(s + 44, 4) ||
	    get(s + 80, 4) != 12 || get(s + 84, 2) || get(s + 86, 2) != c->n ||
	    get(s + 88, 2) != (SUPER + SLOT) / SLOT || s[90] || s[91])
		return wrong(c, "the superblock has another value somewhere");
	if (claim(c, SUPER, 92, "the superblock") < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		uint64_t at = SUPER + SLOT + i * SLOT;

		if (claim(c, at + 64, 4, "a device") < 0)
			return -1;
		if (get(c->image + at + 64, 4) != c->archives[i].len / BLOCK)
			return wrong(c, "device %zu has another size", i);
	}
	return 0;
}

/* --- inodes ---------------------------------------------------------------------- */

static int read_inode(struct check *c, uint64_t nid, const struct inode *i, struct raw *ret)
{
	uint64_t at = nid * NID;
	const uint8_t *p = c->image + at;
	unsigned format;
	size_t xattrs;

	if (claim(c, at, INODE, "an inode") < 0)
		return -1;
	format = (unsigned)get(p, 2);
	xattrs = get(p + 2, 2) ? 12 + 4 * (size_t)(get(p + 2, 2) - 1) : 0;
	if (!(format & 1) || format & ~0xfu)
		return wrong(c, "the inode %u has format %u", i->number, format);
	*ret = (struct raw){
		.at = at, .size = get(p + 8, 8), .tail_at = at + INODE + xattrs, .layout = format >> 1,
		.block = (uint32_t)get(p + 16, 4), .chunk_format = (unsigned)get(p + 16, 2),
	};
	if (get(p + 4, 2) != i->mode || get(p + 6, 2) || get(p + 20, 4) != i->number || get(p + 24, 4) != i->uid ||
	    get(p + 28, 4) != i->gid || get(p + 32, 8) != (uint64_t)i->mtime.tv_sec ||
	    get(p + 40, 4) != (uint64_t)i->mtime.tv_nsec || get(p + 44, 4) != i->nlink)
		return wrong(c, "the inode %u has another value somewhere", i->number);
	return claim(c, at + INODE, xattrs, "attributes");
}

static int check_xattrs(struct check *c, const struct inode *i, const struct raw *raw)
{
	static const char *const prefixes[] = { [1] = "user.", [6] = "security." };
	uint64_t at = raw->at + INODE;

	if (!i->n_xattrs)
		return raw->tail_at == at ? 0 : wrong(c, "the inode %u has attributes", i->number);
	at += 12;
	for (uint32_t k = 0; k < i->n_xattrs; k++) {
		const struct member_xattr *x = &i->xattrs[k];
		const uint8_t *p = c->image + at;
		const char *prefix;

		if (at + 4 > raw->tail_at || p[1] >= ARRAY_LEN(prefixes) || !prefixes[p[1]])
			return wrong(c, "an attribute of the inode %u is damaged", i->number);
		prefix = prefixes[p[1]];
		if (at + 4 + p[0] + get(p + 2, 2) > raw->tail_at || strlen(prefix) + p[0] != strlen(x->name) ||
		    !str_starts(x->name, prefix) || memcmp(x->name + strlen(prefix), p + 4, p[0]) ||
		    get(p + 2, 2) != x->len || (x->len && memcmp(p + 4 + p[0], x->value, x->len)))
			return wrong(c, "the inode %u has another '%s'", i->number, x->name);
		at += (4 + p[0] + x->len + 3) / 4 * 4;
	}
	return at == raw->tail_at ? 0 : wrong(c, "the inode %u has more attributes", i->number);
}

/* Puts together what a directory or symlink consists of. */
static int read_flat(struct check *c, const struct raw *raw, struct buf *ret)
{
	uint64_t tail = raw->layout == INLINE ? raw->size % BLOCK : 0, blocks = (raw->size - tail + BLOCK - 1) / BLOCK;
	uint64_t from = (uint64_t)raw->block * BLOCK;

	if (raw->layout != INLINE && raw->layout != PLAIN)
		return wrong(c, "a directory or symlink has layout %u", raw->layout);
	if (blocks && claim(c, from, blocks * BLOCK, "a block") < 0)
		return -1;
	buf_add(ret, c->image + (blocks ? from : 0), raw->size - tail);
	for (uint64_t i = raw->size - tail; i < blocks * BLOCK; i++)
		if (c->image[from + i])
			return wrong(c, "there is something behind the end of a block");
	if (!tail)
		return 0;
	if (raw->tail_at % BLOCK + tail > BLOCK)
		return wrong(c, "an end lies across two blocks");
	if (claim(c, raw->tail_at, tail, "an end") < 0)
		return -1;
	buf_add(ret, c->image + raw->tail_at, tail);
	return 0;
}

/* --- directories ------------------------------------------------------------------- */

/* One block of a directory: at most 512 bytes at p. */
struct dir_block {
	const uint8_t *p;
	size_t len, n;
};

static int open_block(struct check *c, const struct buf *dir, size_t k, struct dir_block *ret)
{
	size_t at = k * BLOCK, left = dir->len - at, first;

	*ret = (struct dir_block){ .p = (const uint8_t *)dir->data + at, .len = left < BLOCK ? left : BLOCK };
	first = ret->len >= 12 ? get(ret->p + 8, 2) : 0;
	if (!first || first % 12 || first >= ret->len)
		return wrong(c, "a block of a directory is damaged");
	ret->n = first / 12;
	return 0;
}

/* Ends where the next begins, or at a NUL, or with the block. */
static size_t entry_name(const struct dir_block *b, size_t i, const char **ret)
{
	size_t from = get(b->p + i * 12 + 8, 2), to = i + 1 < b->n ? get(b->p + (i + 1) * 12 + 8, 2) : b->len;

	if (from >= to || to > b->len)
		return 0;
	*ret = (const char *)b->p + from;
	return strnlen(*ret, to - from);
}

static int compare_names(const char *name, const struct dir_block *b, size_t i)
{
	const char *other = NULL;
	size_t other_len = entry_name(b, i, &other), len = strlen(name), min = len < other_len ? len : other_len;
	int r = memcmp(name, other, min);

	return r ? r : (len > other_len) - (len < other_len);
}

/* As the kernel looks a name up: by the first name of each block, then within one. */
static bool find(struct check *c, const struct buf *dir, const char *name, uint64_t *ret_nid, unsigned *ret_type)
{
	size_t head = 0, back = (dir->len + BLOCK - 1) / BLOCK;
	struct dir_block b;

	while (back - head > 1) {
		size_t mid = head + (back - head) / 2;

		if (open_block(c, dir, mid, &b) < 0)
			return false;
		if (compare_names(name, &b, 0) < 0)
			back = mid;
		else
			head = mid;
	}
	if (open_block(c, dir, head, &b) < 0)
		return false;
	head = 0;
	back = b.n;
	while (head < back) {
		size_t mid = head + (back - head) / 2;
		int r = compare_names(name, &b, mid);

		if (!r) {
			*ret_nid = get(b.p + mid * 12, 8);
			*ret_type = b.p[mid * 12 + 10];
			return true;
		}
		if (r < 0)
			back = mid;
		else
			head = mid + 1;
	}
	return false;
}

/* Are there as many names as expected, each larger than the one before? */
static int check_order(struct check *c, const struct buf *dir, size_t expected)
{
	char last[NAME_MAX_BYTES + 1] = "";
	size_t count = 0;

	for (size_t k = 0; k * BLOCK < dir->len; k++) {
		struct dir_block b;

		if (open_block(c, dir, k, &b) < 0)
			return -1;
		for (size_t i = 0; i < b.n; i++, count++) {
			const char *name = NULL;
			size_t len = entry_name(&b, i, &name);

			if (!len || len > NAME_MAX_BYTES || b.p[i * 12 + 11])
				return wrong(c, "an entry of a directory is damaged");
			if (compare_names(last, &b, i) >= 0)
				return wrong(c, "'%.*s' is out of order", (int)len, name);
			memcpy(last, name, len);
			last[len] = 0;
		}
	}
	return count == expected ? 0 : wrong(c, "a directory has %zu names, not %zu", count, expected);
}

static unsigned type_of(const struct node *n)
{
	mode_t mode = n->inode->mode;

	return S_ISREG(mode) ? 1 : S_ISDIR(mode) ? 2 : S_ISFIFO(mode) ? 5 : 7;
}

static int check_entry(struct check *c, const struct buf *dir, const char *name, const struct node *n,
		       uint64_t *ret_nid)
{
	unsigned type;

	if (!find(c, dir, name, ret_nid, &type))
		return wrong(c, "'%s' is not found", name);
	if (type != type_of(n))
		return wrong(c, "'%s' has type %u", name, type);
	return 0;
}

static int check_dots(struct check *c, const struct buf *dir, const struct node *n)
{
	const struct node *up = n->parent ?: n;
	uint64_t self, parent;

	if (check_entry(c, dir, ".", n, &self) < 0 || check_entry(c, dir, "..", up, &parent) < 0)
		return -1;
	if (self != c->nids[n->inode->number] || parent != c->nids[up->inode->number])
		return wrong(c, "'.' or '..' is another directory");
	return 0;
}

/* --- files ----------------------------------------------------------------------- */

/* What the file has there. */
static void expected_bytes(const struct check *c, const struct inode *i, int64_t at, uint8_t *out, size_t len)
{
	memset(out, 0, len);
	for (uint32_t k = 0; k < i->n_extents; k++) {
		const struct extent *x = &i->extents[k];
		int64_t from = x->at > at ? x->at : at, to = x->at + x->len;

		to = to < at + (int64_t)len ? to : at + (int64_t)len;
		if (from < to)
			memcpy(out + (from - at), c->archives[i->archive].data + x->offset + (from - x->at),
			       (size_t)(to - from));
	}
}

static bool is_hole(const struct inode *i, int64_t from, int64_t to)
{
	for (uint32_t k = 0; k < i->n_extents; k++)
		if (i->extents[k].at < to && i->extents[k].at + i->extents[k].len > from)
			return false;
	return true;
}

static int check_bytes(struct check *c, const struct inode *i, int64_t from, int64_t to, const uint8_t *bytes)
{
	uint8_t expected[BLOCK];

	for (int64_t at = from; at < to; at += BLOCK) {
		size_t len = to - at < BLOCK ? (size_t)(to - at) : BLOCK;

		expected_bytes(c, i, at, expected, len);
		memset(expected + len, 0, BLOCK - len);		/* what a mapping shows behind the end */
		if (memcmp(bytes + (at - from), expected, BLOCK))
			return wrong(c, "the inode %u has other bytes at %lld", i->number, (long long)at);
	}
	return 0;
}

static int check_chunk(struct check *c, const struct inode *i, const uint8_t *index, int64_t from, int64_t to)
{
	uint64_t device = get(index + 2, 2), at = get(index + 4, 4) * BLOCK, len = (uint64_t)(to - from);

	len = (len + BLOCK - 1) / BLOCK * BLOCK;
	if (get(index, 2) || device > c->n)
		return wrong(c, "a chunk of the inode %u is damaged", i->number);
	if (get(index + 4, 4) == UINT32_MAX)
		return is_hole(i, from, to) ? 0 : wrong(c, "the inode %u has a hole at %lld", i->number,
							(long long)from);
	if (!device)
		return claim(c, at, len, "a chunk") < 0 ? -1 : check_bytes(c, i, from, to, c->image + at);
	if (at > c->archives[device - 1].len || len > c->archives[device - 1].len - at)
		return wrong(c, "a chunk of the inode %u is outside its archive", i->number);
	return check_bytes(c, i, from, to, (const uint8_t *)c->archives[device - 1].data + at);
}

static int check_file(struct check *c, const struct inode *i, const struct raw *raw)
{
	uint64_t at = (raw->tail_at + 7) / 8 * 8;
	int64_t chunk = 1LL << (9 + (raw->chunk_format & 0x1f));

	if (!i->size)
		return raw->layout == PLAIN && !raw->block ? 0 : wrong(c, "the empty inode %u has data", i->number);
	if (raw->layout != CHUNKS || (raw->chunk_format & ~0x1fu) != 0x20 || raw->block >> 16)
		return wrong(c, "the inode %u is not in chunks", i->number);
	for (int64_t from = 0; from < i->size; from += chunk, at += 8) {
		int64_t to = i->size - from < chunk ? i->size : from + chunk;

		if (claim(c, at, 8, "a chunk's index") < 0 || check_chunk(c, i, c->image + at, from, to) < 0)
			return -1;
	}
	return 0;
}

/* --- the whole --------------------------------------------------------------------- */

static int check_node(struct check *c, const struct node *n, uint64_t nid);

static int check_dir(struct check *c, const struct node *n, const struct buf *dir)
{
	size_t expected = 2;

	for (const struct node *child = n->children; child; child = child->next, expected++) {
		uint64_t nid;

		if (check_entry(c, dir, child->name, child, &nid) < 0 || check_node(c, child, nid) < 0)
			return -1;
	}
	return check_order(c, dir, expected) < 0 ? -1 : check_dots(c, dir, n);
}

static int check_node(struct check *c, const struct node *n, uint64_t nid)
{
	AUTO(buf_clear) struct buf flat = {};
	const struct inode *i = n->inode;
	struct raw raw = {};

	if (c->nids[i->number])
		return c->nids[i->number] == nid ? 0 : wrong(c, "'%s' is another file", n->name);
	c->nids[i->number] = nid;
	if (read_inode(c, nid, i, &raw) < 0 || check_xattrs(c, i, &raw) < 0)
		return -1;
	if (!S_ISDIR(i->mode) && raw.size != (uint64_t)i->size)
		return wrong(c, "'%s' has another size", n->name);
	if (S_ISREG(i->mode))
		return check_file(c, i, &raw);
	if (S_ISFIFO(i->mode))
		return raw.layout == PLAIN && !raw.block ? 0 : wrong(c, "'%s' has data", n->name);
	if (read_flat(c, &raw, &flat) < 0)
		return -1;
	if (S_ISDIR(i->mode))
		return check_dir(c, n, &flat);
	return flat.len == strlen(i->link) && !memcmp(flat.data, i->link, flat.len) ? 0 :
		wrong(c, "'%s' has another text", n->name);
}

static int check_rest(struct check *c)
{
	for (size_t i = 0; i < c->len; i++)
		if (!c->used[i] && c->image[i])
			return wrong(c, "byte %zu has no use", i);
	return 0;
}

int erofs_check(const uint8_t *image, size_t len, const struct merge *m, const struct buf *archives, size_t n,
		char **ret_words)
{
	AUTO(free) uint8_t *used = xcalloc(len + 1, 1);
	AUTO(free) uint64_t *nids = xcalloc(merge_inodes(m) + 1, sizeof(*nids));
	struct check c = {
		.image = image, .len = len, .m = m, .archives = archives, .n = n, .used = used, .nids = nids,
	};
	int r = check_super(&c);

	if (r >= 0)
		r = check_node(&c, merge_root(m), get(image + SUPER + 14, 2));
	if (r >= 0)
		r = check_rest(&c);
	*ret_words = c.words;
	return r;
}
