#include "base/json.h"

#include <string.h>

#include "base/utf8.h"

/* Values live in chunks that never move, so they may point at each other while more are added. */
struct chunk {
	struct chunk *next;
	size_t used, room;
	struct json_value values[];
};

struct json {
	const struct json_value *root;
	struct chunk *chunks;	/* the newest first */
	/*
	 * What values and keys point at: each decoded string lies at the offset
	 * that its source had, which is always room enough, and tells where a
	 * key came from without storing it.
	 */
	char text[];
};

enum {
	CHUNK_MIN = 16, CHUNK_MAX = 4096,
	SMALL_OBJECT = 32,	/* up to here each new key is compared with all before it; then they are sorted */
};

struct frame {
	struct json_value *container, *last;
	size_t count;
};

struct parser {
	struct json *json;
	const char *text, *at, *end;
	uint32_t line;
	size_t values, depth;
	struct frame stack[JSON_MAX_DEPTH];
	struct err *err;
};

static int PRINTF(4, 5) fail(struct parser *p, int r, const char *where, const char *fmt, ...)
{
	AUTO(free) char *words = NULL;
	size_t line = 1, column = 1;
	va_list ap;

	for (const char *s = p->text; s < where; s++) {
		if (*s == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*s & 0xc0) != 0x80) {
			column++;
		}
	}
	va_start(ap, fmt);
	words = xvasprintf(fmt, ap);
	va_end(ap);
	return err_set(p->err, r, "line %zu, column %zu: %s", line, column, words);
}

static int unexpected(struct parser *p, const char *wanted)
{
	if (p->at == p->end)
		return fail(p, -ERR_BAD_INPUT, p->at, "unexpected end, expected %s", wanted);
	return fail(p, -ERR_BAD_INPUT, p->at, "expected %s", wanted);
}

static void skip_space(struct parser *p)
{
	for (; p->at < p->end; p->at++) {
		if (*p->at == '\n')
			p->line++;
		else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r')
			break;
	}
}

static int hex4(const char *s, const char *end, uint32_t *ret)
{
	uint32_t v = 0;

	if (end - s < 4)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		char c = s[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return -EINVAL;
		v = v << 4 | (uint32_t)digit;
	}
	*ret = v;
	return 0;
}

static char *utf8_put(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* At the backslash of "\u": one code point, of one or two escapes. */
static int read_unicode_escape(struct parser *p, char **to)
{
	const char *start = p->at;
	uint32_t c, low;

	if (hex4(start + 2, p->end, &c) < 0)
		return fail(p, -ERR_BAD_INPUT, start, "bad \\u escape");
	p->at += 6;
	if (!c)
		return fail(p, -ERR_BAD_INPUT, start, "\\u0000 is not allowed");
	if (c >= 0xd800 && c < 0xe000) {
		if (c >= 0xdc00 || p->end - p->at < 6 || p->at[0] != '\\' || p->at[1] != 'u' ||
		    hex4(p->at + 2, p->end, &low) < 0 || low < 0xdc00 || low >= 0xe000)
			return fail(p, -ERR_BAD_INPUT, start, "half of a surrogate pair");
		p->at += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	*to = utf8_put(*to, c);
	return 0;
}

static int read_escape(struct parser *p, char **to)
{
	static const char plain[256] = {
		['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b',
		['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
	};
	unsigned char c = p->end - p->at > 1 ? (unsigned char)p->at[1] : 0;

	if (c == 'u')
		return read_unicode_escape(p, to);
	if (!plain[c])
		return fail(p, -ERR_BAD_INPUT, p->at, "bad escape");
	*(*to)++ = plain[c];
	p->at += 2;
	return 0;
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* At the opening quote. */
static int read_string(struct parser *p, const char **ret)
{
	const char *quote = p->at++;
	char *start = p->json->text + (p->at - p->text), *to = start;
	uint32_t c;
	int r;

	for (;;) {
		const char *run = p->at;
		size_t n;

		while (p->at < p->end && is_plain(*p->at))
			p->at++;
		n = (size_t)(p->at - run);
		memcpy(to, run, n);
		to += n;
		if (p->at == p->end)
			return fail(p, -ERR_BAD_INPUT, quote, "string without an end");
		if (*p->at == '"')
			break;
		if (*p->at == '\\') {
			r = read_escape(p, &to);
			if (r < 0)
				return r;
			continue;
		}
		if ((unsigned char)*p->at < 0x20)
			return fail(p, -ERR_BAD_INPUT, p->at, "control character in a string");
		n = utf8_next(p->at, (size_t)(p->end - p->at), &c);
		if (!n)
			return fail(p, -ERR_BAD_INPUT, p->at, "invalid UTF-8");
		memcpy(to, p->at, n);
		to += n;
		p->at += n;
	}
	p->at++;
	*to = 0;
	*ret = start;
	return 0;
}

static bool skip_digits(struct parser *p)
{
	const char *start = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return p->at > start;
}

static bool skip_char(struct parser *p, char a, char b)
{
	if (p->at == p->end || (*p->at != a && *p->at != b))
		return false;
	p->at++;
	return true;
}

static int read_number(struct parser *p, const char **ret)
{
	const char *start = p->at;
	char *to = p->json->text + (start - p->text);
	size_t n;

	skip_char(p, '-', '-');
	if (!skip_char(p, '0', '0') && !skip_digits(p))
		return unexpected(p, "a digit");
	if (skip_char(p, '.', '.') && !skip_digits(p))
		return unexpected(p, "a digit");
	if (skip_char(p, 'e', 'E')) {
		skip_char(p, '+', '-');
		if (!skip_digits(p))
			return unexpected(p, "a digit");
	}
	n = (size_t)(p->at - start);
	memcpy(to, start, n);
	to[n] = 0;
	*ret = to;
	return 0;
}

static void add_chunk(struct json *json, size_t room)
{
	struct chunk *chunk = xmalloc(sizeof(*chunk) + room * sizeof(struct json_value));

	chunk->next = json->chunks;
	chunk->used = 0;
	chunk->room = room;
	json->chunks = chunk;
}

/* A new value as the next member or element of the innermost open container. */
static struct json_value *add_value(struct parser *p, const char *key)
{
	struct chunk *chunk = p->json->chunks;
	struct json_value *v;

	if (chunk->used == chunk->room) {
		add_chunk(p->json, CHUNK_MAX);
		chunk = p->json->chunks;
	}
	v = &chunk->values[chunk->used++];
	*v = (struct json_value){ .line = p->line, .key = key };
	if (p->depth) {
		struct frame *f = &p->stack[p->depth - 1];

		if (f->last)
			f->last->next = v;
		else
			f->container->child = v;
		f->last = v;
		f->count++;
	} else {
		p->json->root = v;
	}
	return v;
}

static int open_container(struct parser *p, struct json_value *v, enum json_kind kind)
{
	if (p->depth == JSON_MAX_DEPTH)
		return fail(p, -E2BIG, p->at, "nested deeper than %d", JSON_MAX_DEPTH);
	v->kind = kind;
	p->stack[p->depth++] = (struct frame){ .container = v };
	p->at++;
	return 0;
}

static int read_word(struct parser *p, struct json_value *v)
{
	static const struct { const char *word; size_t len; enum json_kind kind; } words[] = {
		{ "true", 4, JSON_TRUE }, { "false", 5, JSON_FALSE }, { "null", 4, JSON_NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if ((size_t)(p->end - p->at) < words[i].len || memcmp(p->at, words[i].word, words[i].len) != 0)
			continue;
		v->kind = words[i].kind;
		p->at += words[i].len;
		return 0;
	}
	return unexpected(p, "a value");
}

/* Reads a scalar whole, of an object or array only its bracket. */
static int read_value(struct parser *p, const char *key)
{
	struct json_value *v;

	if (p->at == p->end)
		return unexpected(p, "a value");
	if (p->values++ == JSON_MAX_VALUES)
		return fail(p, -E2BIG, p->at, "more than %d values", JSON_MAX_VALUES);
	v = add_value(p, key);
	if (*p->at == '"') {
		v->kind = JSON_TEXT;
		return read_string(p, &v->text);
	}
	if (*p->at == '{')
		return open_container(p, v, JSON_DICT);
	if (*p->at == '[')
		return open_container(p, v, JSON_ARRAY);
	if (*p->at == '-' || (*p->at >= '0' && *p->at <= '9')) {
		v->kind = JSON_NUMBER;
		return read_number(p, &v->text);
	}
	return read_word(p, v);
}

static int fail_duplicate(struct parser *p, const char *key)
{
	return fail(p, -ERR_BAD_INPUT, p->text + (key - p->json->text) - 1, "duplicate key \"%s\"", key);
}

/* Equal keys in the order of the document, so that the second one is the duplicate. */
static int compare_keys(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	int order = strcmp(x, y);

	return order ? order : x < y ? -1 : x > y;
}

static int check_large_object(struct parser *p, const struct frame *f)
{
	AUTO(free) const char **keys = xcalloc(f->count, sizeof(*keys));
	const char *duplicate = NULL;
	size_t n = 0;

	for (const struct json_value *v = f->container->child; v; v = v->next)
		keys[n++] = v->key;
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n; i++)
		if (str_eq(keys[i - 1], keys[i]) && (!duplicate || keys[i] < duplicate))
			duplicate = keys[i];
	return duplicate ? fail_duplicate(p, duplicate) : 0;
}

/* Most keys differ in their first byte, and this is asked for every pair of them. */
static inline bool same_key(const char *a, const char *b) { return *a == *b && strcmp(a, b) == 0; }

static int read_key(struct parser *p, const struct frame *f, const char **ret)
{
	const char *key;
	int r;

	if (p->at == p->end || *p->at != '"')
		return unexpected(p, "a key");
	r = read_string(p, &key);
	if (r < 0)
		return r;
	if (f->count < SMALL_OBJECT)
		for (const struct json_value *v = f->container->child; v; v = v->next)
			if (same_key(v->key, key))
				return fail_duplicate(p, key);
	skip_space(p);
	if (!skip_char(p, ':', ':'))
		return unexpected(p, "':'");
	skip_space(p);
	*ret = key;
	return 0;
}

/* Goes to the next value, over closing brackets. 0: the document has ended. */
static int next_value(struct parser *p, const char **ret_key)
{
	int r;

	for (;;) {
		struct frame *f = p->depth ? &p->stack[p->depth - 1] : NULL;
		bool object = f && f->container->kind == JSON_DICT;

		skip_space(p);
		if (!f)
			return p->at == p->end ? 0 : unexpected(p, "the end of the document");
		if (!skip_char(p, object ? '}' : ']', object ? '}' : ']')) {
			if (f->count && !skip_char(p, ',', ','))
				return unexpected(p, object ? "',' or '}'" : "',' or ']'");
			skip_space(p);
			*ret_key = NULL;
			r = object ? read_key(p, f, ret_key) : 0;
			return r < 0 ? r : 1;
		}
		if (object && f->count > SMALL_OBJECT) {
			r = check_large_object(p, f);
			if (r < 0)
				return r;
		}
		p->depth--;
	}
}

static int parse_all(struct parser *p)
{
	const char *key = NULL;
	int r;

	skip_space(p);
	do {
		r = read_value(p, key);
		if (r >= 0)
			r = next_value(p, &key);
	} while (r > 0);
	return r;
}

int json_parse(const char *text, size_t len, struct json **ret, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	struct parser p = { .text = text, .at = text, .end = text + len, .line = 1, .err = err };
	size_t room = len / 16;
	int r;

	if (len > JSON_MAX_BYTES)
		return err_set(err, -E2BIG, "larger than %d bytes", JSON_MAX_BYTES);
	json = xmalloc(sizeof(*json) + len + 1);
	*json = (struct json){};
	add_chunk(json, room < CHUNK_MIN ? CHUNK_MIN : room > CHUNK_MAX ? CHUNK_MAX : room);
	p.json = json;
	r = parse_all(&p);
	if (r < 0)
		return r;
	*ret = TAKE(json);
	return 0;
}

const struct json_value *json_root(const struct json *json) { return json->root; }

void json_free(struct json *json)
{
	struct chunk *next;

	if (!json)
		return;
	for (struct chunk *c = json->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(json);
}

const struct json_value *json_get(const struct json_value *v, const char *key)
{
	if (!v || v->kind != JSON_DICT)
		return NULL;
	for (v = v->child; v; v = v->next)
		if (same_key(v->key, key))
			return v;
	return NULL;
}

const char *json_get_text(const struct json_value *v, const char *key)
{
	v = json_get(v, key);
	return v && v->kind == JSON_TEXT ? v->text : NULL;
}

bool json_get_bool(const struct json_value *v, const char *key)
{
	v = json_get(v, key);
	return v && v->kind == JSON_TRUE;
}

int json_i64(const struct json_value *v, int64_t *ret)
{
	long long n;
	char *end;

	if (!v || v->kind != JSON_NUMBER)
		return -EINVAL;
	errno = 0;
	n = strtoll(v->text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*ret = n;
	return 0;
}
