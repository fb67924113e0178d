#include "store/erofs.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "spec/limits.h"
#include "store/hash.h"

/* As Linux has it in fs/erofs/erofs_fs.h. All numbers are little-endian. */
enum {
	BLOCK_BITS = 9, BLOCK = 1 << BLOCK_BITS,
	SUPER_AT = 1024, SUPER_BYTES = 128, SUPER_SUM_AT = 4, SLOT_BYTES = 128,
	SUPER_MAGIC = (int)0xE0F5E1E2,
	COMPAT_SUPER_SUM = 1, COMPAT_MTIME = 2,
	INCOMPAT_CHUNKED_FILE = 4, INCOMPAT_DEVICE_TABLE = 8,
	INODE_BYTES = 64, NID_BYTES = 32,
	INODE_EXTENDED = 1, LAYOUT_PLAIN = 0 << 1, LAYOUT_INLINE = 2 << 1, LAYOUT_CHUNKS = 4 << 1,
	CHUNK_WITH_INDEXES = 0x20, CHUNK_INDEX_BYTES = 8,
	/* The format could say 40; below this one nobody's arithmetic overflows. */
	CHUNK_BITS_MAX = 30,
	XATTR_HEADER_BYTES = 12, XATTR_ENTRY_BYTES = 4,
	DIRENT_BYTES = 12, DIRENTS_MAX = BLOCK / (DIRENT_BYTES + 1),
};
#define NO_BLOCK 0xffffffffu		/* a hole; so the last block of a device cannot be named */

/* Where an inode is, and what belongs to it. */
struct place {
	uint64_t at;		/* of the inode */
	uint64_t size;		/* of the file, or of what a directory is made of */
	uint32_t block;		/* first of its own blocks, counted from the end of the metadata */
	uint8_t layout, chunk_bits;
};

/* One of the two parts of the image that grow side by side: metadata, and blocks of data. */
struct stream {
	int fd;
	int64_t at;		/* of what comes next */
	size_t held;
	char data[64 << 10];
};

struct writer {
	const struct merge *m;
	const struct merge_source *source;
	const int64_t *sizes;
	size_t n_sizes;
	struct place *places;	/* by number of the inode */
	uint64_t meta_at, meta_end;
	uint64_t blocks;	/* of data */
	struct stream meta, data;
};

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* --- streams -------------------------------------------------------------------- */

static int stream_flush(struct stream *s, struct err *err)
{
	size_t done = 0;

	while (done < s->held) {
		ssize_t n = pwrite(s->fd, s->data + done, s->held - done, s->at - (int64_t)(s->held - done));

		if (n < 0 && errno != EINTR)
			return err_sys(err, -errno, "cannot write the index");
		done += n < 0 ? 0 : (size_t)n;
	}
	s->held = 0;
	return 0;
}

/* data NULL: zeros. */
static int stream_put(struct stream *s, const void *data, size_t len, struct err *err)
{
	int r;

	while (len) {
		size_t room = sizeof(s->data) - s->held, n = len < room ? len : room;

		if (data) {
			memcpy(s->data + s->held, data, n);
			data = (const char *)data + n;
		} else {
			memset(s->data + s->held, 0, n);
		}
		s->held += n;
		s->at += (int64_t)n;
		len -= n;
		r = s->held == sizeof(s->data) ? stream_flush(s, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int stream_pad(struct stream *s, uint64_t to, struct err *err)
{
	assert(s->at <= (int64_t)to);
	return stream_put(s, NULL, (size_t)((int64_t)to - s->at), err);
}

static void put16(uint8_t *to, uint16_t value) { value = htole16(value); memcpy(to, &value, sizeof(value)); }
static void put32(uint8_t *to, uint32_t value) { value = htole32(value); memcpy(to, &value, sizeof(value)); }
static void put64(uint8_t *to, uint64_t value) { value = htole64(value); memcpy(to, &value, sizeof(value)); }

/* --- attributes ------------------------------------------------------------------- */

static const struct {
	const char *prefix;
	uint8_t index;
} xattr_prefixes[] = { { "user.", 1 }, { "security.", 6 } };

/* What is left of the name. */
static const char *xattr_name(const char *name, uint8_t *ret_index)
{
	for (size_t i = 0; i < ARRAY_LEN(xattr_prefixes); i++) {
		if (str_starts(name, xattr_prefixes[i].prefix)) {
			*ret_index = xattr_prefixes[i].index;
			return name + strlen(xattr_prefixes[i].prefix);
		}
	}
	assert(!"an attribute that no member may have");
	return NULL;
}

static uint64_t xattr_bytes(const struct inode *i)
{
	uint64_t size = i->n_xattrs ? XATTR_HEADER_BYTES : 0;
	uint8_t index;

	for (uint32_t k = 0; k < i->n_xattrs; k++)
		size += round_up(XATTR_ENTRY_BYTES + strlen(xattr_name(i->xattrs[k].name, &index)) +
				 i->xattrs[k].len, 4);
	return size;
}

static int write_xattrs(struct writer *w, const struct inode *i, struct err *err)
{
	int r = i->n_xattrs ? stream_put(&w->meta, NULL, XATTR_HEADER_BYTES, err) : 0;

	for (uint32_t k = 0; r >= 0 && k < i->n_xattrs; k++) {
		const struct member_xattr *x = &i->xattrs[k];
		uint8_t entry[XATTR_ENTRY_BYTES];
		const char *name = xattr_name(x->name, &entry[1]);
		size_t len = strlen(name);

		entry[0] = (uint8_t)len;
		put16(entry + 2, (uint16_t)x->len);
		r = stream_put(&w->meta, entry, sizeof(entry), err);
		if (r >= 0)
			r = stream_put(&w->meta, name, len, err);
		if (r >= 0)
			r = stream_put(&w->meta, x->value, x->len, err);
		if (r >= 0)
			r = stream_pad(&w->meta, round_up((uint64_t)w->meta.at, 4), err);
	}
	return r;
}

/* --- directories ------------------------------------------------------------------ */

/* The entries of a directory in byte order, among which "." and ".." are not always the first. */
struct listing {
	const struct node *dir, *child;
	unsigned dots;		/* how many of "." and ".." were given */
};

struct entry {
	const struct node *node;
	const char *name;
	size_t len;
};

/* The next one, which is still to be stepped over; false: there is none. */
static bool listing_peek(const struct listing *l, struct entry *ret)
{
	static const char dots[] = "..";

	if (l->dots < 2 && (!l->child || strcmp(dots + 1 - l->dots, l->child->name) < 0)) {
		const struct node *up = l->dots && l->dir->parent ? l->dir->parent : l->dir;

		*ret = (struct entry){ up, dots + 1 - l->dots, l->dots + 1 };
		return true;
	}
	if (!l->child)
		return false;
	*ret = (struct entry){ l->child, l->child->name, l->child->len };
	return true;
}

static void listing_step(struct listing *l, const struct entry *e)
{
	if (e->node == l->child)
		l->child = l->child->next;
	else
		l->dots++;
}

/* What goes into one block: as many entries as fit, first all the numbers, then all the names. */
struct dir_block {
	struct entry entries[DIRENTS_MAX];
	size_t n, bytes;
};

static bool dir_block_fill(struct dir_block *b, struct listing *l)
{
	struct entry e;

	b->n = b->bytes = 0;
	while (listing_peek(l, &e) && b->bytes + DIRENT_BYTES + e.len <= BLOCK) {
		b->entries[b->n++] = e;
		b->bytes += DIRENT_BYTES + e.len;
		listing_step(l, &e);
	}
	return b->n;
}

static uint8_t dirent_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return 1;
	case S_IFDIR: return 2;
	case S_IFIFO: return 5;
	default:      return 7;
	}
}

static void dir_block_encode(const struct writer *w, const struct dir_block *b, uint8_t block[BLOCK])
{
	size_t at = b->n * DIRENT_BYTES;

	memset(block, 0, BLOCK);
	for (size_t i = 0; i < b->n; i++) {
		const struct entry *e = &b->entries[i];
		const struct inode *inode = e->node->inode;
		uint8_t *entry = block + i * DIRENT_BYTES;

		put64(entry, w->places[inode->number].at / NID_BYTES);
		put16(entry + 8, (uint16_t)at);
		entry[10] = dirent_type(inode->mode);
		memcpy(block + at, e->name, e->len);
		at += e->len;
	}
}

static uint64_t dir_bytes(const struct node *dir)
{
	struct listing l = { .dir = dir, .child = dir->children };
	struct dir_block b;
	uint64_t blocks = 0, last = 0;

	while (dir_block_fill(&b, &l)) {
		blocks++;
		last = b.bytes;
	}
	return (blocks - 1) * BLOCK + last;
}

static int write_dir(struct writer *w, const struct node *dir, const struct place *p, struct err *err)
{
	bool is_inline = p->layout == LAYOUT_INLINE;
	struct listing l = { .dir = dir, .child = dir->children };
	uint64_t left = p->size;
	uint8_t block[BLOCK];
	struct dir_block b;
	int r = 0;

	while (r >= 0 && dir_block_fill(&b, &l)) {
		dir_block_encode(w, &b, block);
		if (is_inline && left < BLOCK)
			r = stream_put(&w->meta, block, b.bytes, err);
		else
			r = stream_put(&w->data, block, BLOCK, err);
		left -= left < BLOCK ? left : BLOCK;
	}
	return r;
}

/* --- files ---------------------------------------------------------------------- */

static int64_t extent_end(const struct extent *x)
{
	return x->at + x->len;
}

/* Can blocks of the archive be taken for [from, to) of a file, all of which is in the extent? */
static bool blocks_serve(const struct inode *i, const struct extent *x, int64_t from, int64_t to)
{
	if (x->at > from || extent_end(x) < to || (x->offset + from - x->at) % BLOCK)
		return false;
	/* What a program maps ends in zeros. */
	return to % BLOCK == 0 || i->tail_zero;
}

static uint64_t chunk_count(const struct inode *i, unsigned bits)
{
	return ((uint64_t)i->size + (1ULL << bits) - 1) >> bits;
}

/* Blocks of the file's chunks first to last. */
static uint64_t chunk_blocks(const struct inode *i, unsigned bits, int64_t first, int64_t last)
{
	int64_t end = (last + 1) << bits < i->size ? (last + 1) << bits : i->size;

	return round_up((uint64_t)(end - (first << bits)), BLOCK) / BLOCK;
}

/* How many blocks would have to be copied if chunks were of that size? As write_chunks() will decide. */
static uint64_t copied_blocks(const struct inode *i, unsigned bits)
{
	int64_t next = 0;	/* the first chunk that is not counted yet */
	uint64_t n = 0;

	for (uint32_t k = 0; k < i->n_extents; k++) {
		const struct extent *x = &i->extents[k];
		int64_t first = x->at >> bits, last = (extent_end(x) - 1) >> bits;
		int64_t end = (last + 1) << bits < i->size ? (last + 1) << bits : i->size;

		first = first < next ? next : first;
		if (first > last)
			continue;
		if ((x->offset - x->at) % BLOCK) {
			n += chunk_blocks(i, bits, first, last);
			next = last + 1;
			continue;
		}
		/* Between the first and the last one the extent fills whole chunks. */
		if (!blocks_serve(i, x, first << bits, first < last ? (first + 1) << bits : end)) {
			n += chunk_blocks(i, bits, first, first);
			next = first + 1;
		}
		if (first < last && !blocks_serve(i, x, last << bits, end)) {
			n += chunk_blocks(i, bits, last, last);
			next = last + 1;
		}
	}
	return n;
}

/* The size of chunks that takes the least room, in indexes and in what must be copied. */
static unsigned choose_chunk_bits(const struct inode *i, uint64_t *ret_copied)
{
	uint64_t least = UINT64_MAX, copied;
	unsigned bits = 64 - (unsigned)__builtin_clzll((unsigned long long)(i->size - 1) | (BLOCK - 1)), best;

	if (bits > CHUNK_BITS_MAX)
		bits = CHUNK_BITS_MAX;
	best = bits;
	*ret_copied = 0;
	do {
		uint64_t cost;

		copied = copied_blocks(i, bits);
		cost = chunk_count(i, bits) * CHUNK_INDEX_BYTES + copied * BLOCK;
		if (cost < least) {
			least = cost;
			best = bits;
			*ret_copied = copied;
		}
	} while (copied && bits-- > BLOCK_BITS);
	return best;
}

/* Writes [from, to) of a file into whole blocks of our own. x: the first extent that ends behind from. */
static int copy_chunk(struct writer *w, const struct inode *i, const struct extent *x, int64_t from, int64_t to,
		      struct err *err)
{
	const struct extent *end = i->extents + i->n_extents;
	char piece[16 << 10];
	int r = 0;

	while (r >= 0 && from < to) {
		int64_t hole_end = x < end && x->at < to ? x->at : to, len;

		if (from < hole_end) {
			r = stream_put(&w->data, NULL, (size_t)(hole_end - from), err);
			from = hole_end;
			continue;
		}
		len = (extent_end(x) < to ? extent_end(x) : to) - from;
		len = len < (int64_t)sizeof(piece) ? len : (int64_t)sizeof(piece);
		r = w->source->read(w->source->arg, i->archive, x->offset + from - x->at, piece, (size_t)len, err);
		if (r >= 0)
			r = stream_put(&w->data, piece, (size_t)len, err);
		from += len;
		x += from == extent_end(x);
	}
	return r < 0 ? r : stream_pad(&w->data, round_up((uint64_t)w->data.at, BLOCK), err);
}

static int write_chunks(struct writer *w, const struct inode *i, const struct place *p, struct err *err)
{
	const struct extent *x = i->extents, *end = i->extents + i->n_extents;
	int64_t chunk = 1LL << p->chunk_bits;
	int r = stream_pad(&w->meta, round_up((uint64_t)w->meta.at, CHUNK_INDEX_BYTES), err);

	for (int64_t from = 0; r >= 0 && from < i->size; from += chunk) {
		int64_t to = from + chunk < i->size ? from + chunk : i->size;
		uint8_t index[CHUNK_INDEX_BYTES] = {};

		while (x < end && extent_end(x) <= from)
			x++;
		if (x == end || x->at >= to) {
			put32(index + 4, NO_BLOCK);
		} else if (blocks_serve(i, x, from, to)) {
			put16(index + 2, (uint16_t)(i->archive + 1));
			put32(index + 4, (uint32_t)((x->offset + from - x->at) >> BLOCK_BITS));
		} else {
			put32(index + 4, (uint32_t)(w->data.at >> BLOCK_BITS));
			r = copy_chunk(w, i, x, from, to, err);
		}
		if (r >= 0)
			r = stream_put(&w->meta, index, sizeof(index), err);
	}
	return r;
}

/* --- inodes --------------------------------------------------------------------- */

/* A directory or symlink: whole blocks of its own, and the rest behind the inode, unless that costs more. */
static uint64_t place_flat(struct writer *w, struct place *p, uint64_t head)
{
	uint64_t tail = p->size % BLOCK, at = p->at;

	p->block = (uint32_t)w->blocks;
	w->blocks += p->size / BLOCK;
	p->layout = LAYOUT_PLAIN;
	if (!tail)
		return p->at + head;
	while ((at + head) % BLOCK + tail > BLOCK && at - p->at <= BLOCK)	/* it may not lie across two blocks */
		at += NID_BYTES;
	if (at - p->at + tail > BLOCK) {
		w->blocks++;
		return p->at + head;
	}
	p->at = at;
	p->layout = LAYOUT_INLINE;
	return at + head + tail;
}

static uint64_t place_file(struct writer *w, struct place *p, const struct inode *i, uint64_t head)
{
	uint64_t copied;

	assert(!i->n_extents || i->archive < w->n_sizes);
	p->layout = LAYOUT_CHUNKS;
	p->chunk_bits = (uint8_t)choose_chunk_bits(i, &copied);
	w->blocks += copied;
	return round_up(p->at + head, CHUNK_INDEX_BYTES) + chunk_count(i, p->chunk_bits) * CHUNK_INDEX_BYTES;
}

static int place_inode(struct writer *w, const struct node *n, struct err *err)
{
	const struct inode *i = n->inode;
	struct place *p = &w->places[i->number];
	uint64_t head = INODE_BYTES + xattr_bytes(i), end;

	p->at = round_up(w->meta_end, NID_BYTES);
	p->size = S_ISDIR(i->mode) ? dir_bytes(n) : (uint64_t)i->size;
	end = p->at + head;
	if (S_ISDIR(i->mode) || S_ISLNK(i->mode))
		end = place_flat(w, p, head);
	else if (S_ISREG(i->mode) && i->size)
		end = place_file(w, p, i, head);
	w->meta_end = end;
	if (w->meta_end + w->blocks * BLOCK > (uint64_t)limits()->index_bytes)
		return limit_refuse(err, &limits()->index_bytes, "the index of the image's files is larger than");
	return 0;
}

static uint64_t data_at(const struct writer *w)
{
	return round_up(w->meta_end, BLOCK);
}

static int write_inode(struct writer *w, const struct node *n, struct err *err)
{
	const struct inode *i = n->inode;
	const struct place *p = &w->places[i->number];
	uint64_t xattrs = xattr_bytes(i);
	uint8_t raw[INODE_BYTES] = {};
	int r;

	put16(raw, (uint16_t)(INODE_EXTENDED | p->layout));
	put16(raw + 2, (uint16_t)(xattrs ? 1 + (xattrs - XATTR_HEADER_BYTES) / 4 : 0));
	put16(raw + 4, (uint16_t)i->mode);
	put64(raw + 8, p->size);
	if (p->layout == LAYOUT_CHUNKS)
		put16(raw + 16, (uint16_t)(CHUNK_WITH_INDEXES | (p->chunk_bits - BLOCK_BITS)));
	else if (p->size)
		put32(raw + 16, (uint32_t)(data_at(w) / BLOCK + p->block));
	put32(raw + 20, i->number);
	put32(raw + 24, i->uid);
	put32(raw + 28, i->gid);
	put64(raw + 32, (uint64_t)i->mtime.tv_sec);
	put32(raw + 40, (uint32_t)i->mtime.tv_nsec);
	put32(raw + 44, i->nlink);

	r = stream_pad(&w->meta, p->at, err);
	if (r >= 0)
		r = stream_put(&w->meta, raw, sizeof(raw), err);
	if (r >= 0)
		r = write_xattrs(w, i, err);
	return r;
}

static int write_symlink(struct writer *w, const struct inode *i, const struct place *p, struct err *err)
{
	size_t size = (size_t)i->size, tail = p->layout == LAYOUT_INLINE ? size % BLOCK : 0;
	int r = stream_put(&w->data, i->link, size - tail, err);

	if (r >= 0)
		r = stream_pad(&w->data, round_up((uint64_t)w->data.at, BLOCK), err);
	return r < 0 ? r : stream_put(&w->meta, i->link + size - tail, tail, err);
}

static int write_node(struct writer *w, const struct node *n, struct err *err)
{
	const struct inode *i = n->inode;
	const struct place *p = &w->places[i->number];
	int r = write_inode(w, n, err);

	if (r < 0)
		return r;
	if (S_ISDIR(i->mode))
		return write_dir(w, n, p, err);
	if (S_ISLNK(i->mode))
		return write_symlink(w, i, p, err);
	return p->layout == LAYOUT_CHUNKS ? write_chunks(w, i, p, err) : 0;
}

/* Every inode once, in the order of their numbers. */
static int each_inode(struct writer *w, int (*each)(struct writer *w, const struct node *n, struct err *err),
		      struct err *err)
{
	const struct node *n = merge_root(w->m);
	uint32_t seen = 0;
	int r;

	while (n) {
		if (n->inode->number > seen) {
			seen = n->inode->number;
			r = each(w, n, err);
			if (r < 0)
				return r;
		}
		if (n->children) {
			n = n->children;
			continue;
		}
		while (n && !n->next)
			n = n->parent;
		n = n ? n->next : NULL;
	}
	return 0;
}

/* --- the whole -------------------------------------------------------------------- */

static uint32_t crc32c(const uint8_t *data, size_t len)
{
	uint32_t sum = ~0u;

	while (len--) {
		sum ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			sum = sum & 1 ? sum >> 1 ^ 0x82f63b78u : sum >> 1;
	}
	return sum;
}

/* The file system's UUID is a digest of what follows the superblock, so that two of them never look like one. */
static int make_uuid(struct writer *w, uint64_t size, uint8_t ret[16], struct err *err)
{
	AUTO(hash_free) struct hash *hash = hash_new(HASH_SHA256);
	AUTO(free) char *data = xmalloc(sizeof(w->data.data));
	char name[HASH_NAME_MAX + 1];
	uint64_t at = w->meta_at;
	int r = 0;

	while (r >= 0 && at < size) {
		size_t len = size - at < sizeof(w->data.data) ? (size_t)(size - at) : sizeof(w->data.data);
		ssize_t n = pread(w->meta.fd, data, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, n < 0 ? -errno : -EIO, "cannot read the index");
		r = hash_add(hash, data, (size_t)n);
		at += (size_t)n;
	}
	if (r >= 0)
		r = hash_end(hash, name);
	if (r < 0)
		return err_sys(err, r, "cannot hash");
	for (size_t i = 0; i < 16; i++) {
		const char *digits = "0123456789abcdef", *hex = name + strlen("sha256-") + 2 * i;

		ret[i] = (uint8_t)((strchr(digits, hex[0]) - digits) << 4 | (strchr(digits, hex[1]) - digits));
	}
	return 0;
}

static int write_head(struct writer *w, uint64_t size, struct err *err)
{
	AUTO(free) uint8_t *head = xcalloc(1, w->meta_at);
	uint8_t *super = head + SUPER_AT, *slot = super + SUPER_BYTES;
	int r;

	put32(super, (uint32_t)SUPER_MAGIC);
	put32(super + 8, COMPAT_SUPER_SUM | COMPAT_MTIME);
	super[12] = BLOCK_BITS;
	put16(super + 14, (uint16_t)(w->places[1].at / NID_BYTES));
	put64(super + 16, merge_inodes(w->m));
	put32(super + 36, (uint32_t)(size / BLOCK));
	r = make_uuid(w, size, super + 48, err);
	if (r < 0)
		return r;
	put32(super + 80, INCOMPAT_CHUNKED_FILE | INCOMPAT_DEVICE_TABLE);
	put16(super + 86, (uint16_t)w->n_sizes);
	put16(super + 88, (SUPER_AT + SUPER_BYTES) / SLOT_BYTES);
	for (size_t i = 0; i < w->n_sizes; i++)
		put32(slot + i * SLOT_BYTES + 64, (uint32_t)(w->sizes[i] / BLOCK));
	put32(super + SUPER_SUM_AT, crc32c(super, BLOCK));

	if (lseek(w->meta.fd, 0, SEEK_SET) < 0)
		return err_sys(err, -errno, "cannot write the index");
	r = fd_write_all(w->meta.fd, head, w->meta_at);
	return r < 0 ? err_sys(err, r, "cannot write the index") : 0;
}

static int check_archives(const int64_t *sizes, size_t n, struct err *err)
{
	if (n > EROFS_ARCHIVES_MAX)
		return err_set(err, -E2BIG, "an image may not have more than %d archives", EROFS_ARCHIVES_MAX);
	for (size_t i = 0; i < n; i++)
		if (sizes[i] / BLOCK >= NO_BLOCK)
			return err_set(err, -E2BIG, "the archive is larger than %lld bytes",
				       (long long)NO_BLOCK * BLOCK);
	return 0;
}

int erofs_write(int fd, const struct merge *m, const int64_t *sizes, size_t n, const struct merge_source *source,
		int64_t *ret_size, struct err *err)
{
	AUTO(free) struct place *places = xcalloc((size_t)merge_inodes(m) + 1, sizeof(*places));
	AUTO(free) struct writer *w = xcalloc(1, sizeof(*w));
	uint64_t size;
	int r;

	w->m = m;
	w->source = source;
	w->sizes = sizes;
	w->n_sizes = n;
	w->places = places;
	w->meta_at = w->meta_end = round_up(SUPER_AT + SUPER_BYTES + n * SLOT_BYTES, BLOCK);
	r = check_archives(sizes, n, err);
	if (r >= 0)
		r = each_inode(w, place_inode, err);
	if (r < 0)
		return r;
	size = data_at(w) + w->blocks * BLOCK;
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_sys(err, -errno, "cannot write the index");
	w->meta = (struct stream){ .fd = fd, .at = (int64_t)w->meta_at };
	w->data = (struct stream){ .fd = fd, .at = (int64_t)data_at(w) };
	r = each_inode(w, write_node, err);
	if (r >= 0)
		r = stream_flush(&w->meta, err);
	if (r >= 0)
		r = stream_flush(&w->data, err);
	if (r >= 0)
		r = write_head(w, size, err);
	if (r < 0)
		return r;
	*ret_size = (int64_t)size;
	return 0;
}
