#include "image/tar_index.h"

#include <string.h>
#include <sys/stat.h>

#include "base/path.h"

enum { BLOCK = 512 };

struct header {			/* as it lies in the file */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[8], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

struct member {
	char *name, *link;		/* link: what another member is called, NULL: a file */
	int64_t offset, size;
};

struct tar_index {
	struct member *members;		/* by name */
	size_t n, room;
	int fd;
};

struct walk {
	struct tar_index *index;
	int64_t at, end;		/* of the file */
	char *name, *link;		/* what headers before it say of the next member; NULL: nothing */
	int64_t size;			/* likewise; -1: nothing */
	struct err *err;
};

static int bad(struct walk *w, const char *what)
{
	return err_set(w->err, -ERR_BAD_INPUT, "the tar is malformed at byte %lld: %s", (long long)w->at, what);
}

static int read_bytes(struct walk *w, int64_t at, void *data, size_t len)
{
	struct piece part = { .fd = w->index->fd, .offset = at, .size = (int64_t)len };
	AUTO(buf_clear) struct buf bytes = {};
	int r = piece_read(&part, len, &bytes, w->err);

	if (r >= 0)
		memcpy(data, bytes.data, len);
	return r;
}

/* --- numbers --- */

/* Octal digits between spaces, up to a NUL; or, with the first bit set, binary. -1: neither, or too large. */
static int64_t read_number(const char *field, size_t len)
{
	int64_t value = 0;
	size_t i = 0;

	if ((unsigned char)*field & 0x80) {
		value = (unsigned char)*field & 0x7f;
		for (i = 1; i < len; i++)
			if (__builtin_mul_overflow(value, 256, &value) ||
			    __builtin_add_overflow(value, (unsigned char)field[i], &value))
				return -1;
		return value;
	}
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		if (__builtin_mul_overflow(value, 8, &value) || __builtin_add_overflow(value, field[i] - '0', &value))
			return -1;
	while (i < len && (field[i] == ' ' || !field[i]))
		i++;
	return i == len ? value : -1;
}

/* The checksum counts itself as spaces; some count bytes as signed ones. */
static bool sum_is_right(const struct header *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	int64_t plain = 0, with_sign = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		bool of_sum = i >= offsetof(struct header, sum) && i < offsetof(struct header, type);

		plain += of_sum ? ' ' : bytes[i];
		with_sign += of_sum ? ' ' : (signed char)bytes[i];
	}
	return read_number(h->sum, sizeof(h->sum)) == plain || read_number(h->sum, sizeof(h->sum)) == with_sign;
}

/* --- names --- */

static char *field_text(const char *field, size_t len) { return xstrndup(field, strnlen(field, len)); }

static char *header_name(const struct header *h)
{
	AUTO(free) char *name = field_text(h->name, sizeof(h->name));

	/* GNU's own form has other things where the prefix is. */
	if (memcmp(h->magic, "ustar", 6) != 0 || !*h->prefix)
		return TAKE(name);
	return xasprintf("%.*s/%s", (int)strnlen(h->prefix, sizeof(h->prefix)), h->prefix, name);
}

/* As names are compared: without "./" and "/" around them. */
static char *plain_name(const char *name)
{
	AUTO(free) char *rooted = xasprintf("/%s", name), *clean = path_clean(rooted);

	return xstrdup(clean + 1);
}

/* --- headers that speak of the next member --- */

static int read_text(struct walk *w, int64_t size, char **ret)
{
	AUTO(free) char *text = NULL;
	int r;

	if (size > TAR_INDEX_HEADER_MAX)
		return bad(w, "a header is too large");
	text = xcalloc((size_t)size + 1, 1);
	r = read_bytes(w, w->at + BLOCK, text, (size_t)size);
	if (r < 0)
		return r;
	free(*ret);
	*ret = TAKE(text);
	return 0;
}

/* One of pax's: "KEY=VALUE", without the newline. */
static int take_record(struct walk *w, const char *key, size_t key_len, const char *value, size_t value_len)
{
	static const struct { const char *key; size_t at; } texts[] = {
		{ "path", offsetof(struct walk, name) }, { "linkpath", offsetof(struct walk, link) },
	};
	AUTO(free) char *name = xstrndup(key, key_len), *text = xstrndup(value, value_len);
	unsigned long long size;

	if (str_starts(name, "GNU.sparse."))
		return bad(w, "a sparse file");
	if (memchr(value, 0, value_len))
		return bad(w, "NUL in a pax header");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char **to = (char **)((char *)w + texts[i].at);

		if (!str_eq(name, texts[i].key))
			continue;
		free(*to);
		*to = TAKE(text);
		return 0;
	}
	if (!str_eq(name, "size"))
		return 0;
	if (str_to_u64(text, INT64_MAX, &size) < 0)
		return bad(w, "size in a pax header is no number");
	w->size = (int64_t)size;
	return 0;
}

/* "LEN KEY=VALUE\n", LEN counting all of it, any number of times. */
static int take_pax(struct walk *w, int64_t size)
{
	AUTO(free) char *text = NULL;
	int r = read_text(w, size, &text);

	for (const char *s = text, *end = text + size; r >= 0 && s < end;) {
		size_t left = (size_t)(end - s), digits = strspn(s, "0123456789"), len = 0;
		const char *equals;

		if (!digits || digits > 7 || digits >= left || s[digits] != ' ')
			return bad(w, "a pax header");
		for (size_t i = 0; i < digits; i++)
			len = len * 10 + (size_t)(s[i] - '0');
		if (len > left || len < digits + 4 || s[len - 1] != '\n')
			return bad(w, "a pax header");
		equals = memchr(s + digits + 1, '=', len - digits - 2);
		if (!equals)
			return bad(w, "a pax header");
		r = take_record(w, s + digits + 1, (size_t)(equals - s) - digits - 1, equals + 1,
				(size_t)(s + len - 1 - equals - 1));
		s += len;
	}
	return r;
}

/* 1: it was such a header. */
static int take_extension(struct walk *w, const struct header *h, int64_t size)
{
	int r;

	switch (h->type) {
	case 'x':
		r = take_pax(w, size);
		break;
	case 'g':			/* of all that follow: nothing that we need may be said there */
		r = 0;
		break;
	case 'L':
		r = read_text(w, size, &w->name);
		break;
	case 'K':
		r = read_text(w, size, &w->link);
		break;
	default:
		return 0;
	}
	return r < 0 ? r : 1;
}

/* --- members --- */

static int add_member(struct walk *w, char *name, char *link, int64_t size)
{
	struct tar_index *t = w->index;

	if (t->n == TAR_INDEX_MEMBERS_MAX) {
		free(name);
		free(link);
		return err_set(w->err, -E2BIG, "the tar has more than %d members", TAR_INDEX_MEMBERS_MAX);
	}
	if (t->n == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->members = xreallocarray(t->members, t->room, sizeof(*t->members));
	}
	t->members[t->n++] = (struct member){ .name = name, .link = link, .offset = w->at + BLOCK, .size = size };
	return 0;
}

/* What a link of this name leads to, as a member's name. */
static char *link_target(const char *name, const char *link, bool symbolic)
{
	const char *slash = strrchr(name, '/');
	AUTO(free) char *from_here = NULL;

	if (!symbolic || *link == '/' || !slash)
		return plain_name(link);
	from_here = xasprintf("%.*s/%s", (int)(slash - name), name, link);
	return plain_name(from_here);
}

static int take_member(struct walk *w, const struct header *h, int64_t size)
{
	AUTO(free) char *raw = w->name ? TAKE(w->name) : header_name(h);
	AUTO(free) char *link = w->link ? TAKE(w->link) : field_text(h->link, sizeof(h->link));
	bool is_dir = h->type == '5' || str_ends(raw, "/");
	AUTO(free) char *name = NULL;

	if (strlen(raw) > TAR_INDEX_NAME_MAX || strlen(link) > TAR_INDEX_NAME_MAX)
		return bad(w, "a name is too long");
	if (!strchr("01234567", h->type))	/* NUL too is a file */
		return bad(w, "a member of a type that is not known");
	if (size && (is_dir || (h->type >= '1' && h->type <= '6')))
		return bad(w, "a member that is no file has bytes");
	if (is_dir || (h->type >= '3' && h->type <= '6'))
		return 0;
	name = plain_name(raw);
	if (h->type == '1' || h->type == '2') {
		char *target = link_target(name, link, h->type == '2');

		return add_member(w, TAKE(name), target, 0);
	}
	return add_member(w, TAKE(name), NULL, size);
}

static bool is_zero(const struct header *h)
{
	static const char zeros[BLOCK];

	return memcmp(h, zeros, BLOCK) == 0;
}

static int finish(struct walk *w)
{
	bool awaited = w->name || w->link || w->size >= 0;

	return awaited ? bad(w, "it ends behind a header that speaks of the next member") : 1;
}

/* One header and what belongs to it. 1: the end. */
static int step(struct walk *w)
{
	struct header h;
	int64_t size, next;
	int r;

	if (w->at == w->end)
		return finish(w);
	if (w->end - w->at < BLOCK)
		return bad(w, "it ends within a header");
	r = read_bytes(w, w->at, &h, BLOCK);
	if (r < 0)
		return r;
	if (is_zero(&h))
		return finish(w);
	size = read_number(h.size, sizeof(h.size));
	if (!sum_is_right(&h) || size < 0)
		return bad(w, "no header");
	if (w->size >= 0 && !memchr("xgLK", h.type, 4)) {
		size = w->size;
		w->size = -1;
	}
	if (size > w->end - w->at - BLOCK)
		return bad(w, "it ends within a member");
	next = w->at + BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
	r = take_extension(w, &h, size);
	if (r == 0)
		r = take_member(w, &h, size);
	w->at = next < w->end ? next : w->end;
	return r < 0 ? r : 0;
}

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

int tar_index_new(int fd, struct tar_index **ret, struct err *err)
{
	AUTO(tar_index_free) struct tar_index *t = xcalloc(1, sizeof(*t));
	struct walk w = { .index = t, .size = -1, .err = err };
	struct stat st;
	int r;

	t->fd = fd;
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the archive");
	if (!S_ISREG(st.st_mode))
		return err_set(err, -ERR_BAD_INPUT, "the archive is not a regular file");
	w.end = st.st_size;
	do
		r = step(&w);
	while (r == 0);
	free(w.name);
	free(w.link);
	if (r < 0)
		return r;
	if (t->n)
		qsort(t->members, t->n, sizeof(*t->members), compare_members);
	for (size_t i = 1; i < t->n; i++)
		if (str_eq(t->members[i - 1].name, t->members[i].name))
			return err_set(err, -ERR_BAD_INPUT, "two members of the tar are called \"%s\"", t->members[i].name);
	*ret = TAKE(t);
	return 0;
}

void tar_index_free(struct tar_index *t)
{
	for (size_t i = 0; t && i < t->n; i++) {
		free(t->members[i].name);
		free(t->members[i].link);
	}
	if (t)
		free(t->members);
	free(t);
}

int tar_index_find(const struct tar_index *t, const char *path, struct piece *ret, struct err *err)
{
	AUTO(free) char *name = plain_name(path);

	for (int links = 0; links <= TAR_INDEX_LINKS_MAX && t->n; links++) {
		const struct member key = { .name = name };
		const struct member *m = bsearch(&key, t->members, t->n, sizeof(key), compare_members);

		if (!m)
			break;
		if (!m->link) {
			*ret = (struct piece){ .fd = t->fd, .offset = m->offset, .size = m->size };
			return 0;
		}
		free(name);
		name = xstrdup(m->link);
	}
	return err_set(err, -ERR_NOT_FOUND, "the archive has no \"%s\"", path);
}
