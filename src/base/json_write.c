#include "base/json.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

struct json_writer {
	struct buf out, closers;	/* closers: one bracket per open container */
	bool indent;
};

struct json_writer *json_writer_new(bool indent)
{
	struct json_writer *w = xcalloc(1, sizeof(*w));

	w->indent = indent;
	return w;
}

static void new_line(struct json_writer *w)
{
	if (!w->indent)
		return;
	buf_addc(&w->out, '\n');
	for (size_t i = 0; i < w->closers.len; i++)
		buf_addc(&w->out, '\t');
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f && c != '"' && c != '\\';
}

/* The first sequence of s[0..len), escaped where it must be. Returns its length. */
static size_t add_escaped(struct buf *out, const char *s, size_t len)
{
	static const char short_escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	uint32_t c = 0;
	size_t n = utf8_next(s, len, &c);

	if (!n) {
		buf_adds(out, "\\ufffd");
		return 1;
	}
	for (const char *e = short_escapes; *e; e += 2) {
		if (c == (unsigned char)e[0]) {
			buf_addc(out, '\\');
			buf_addc(out, e[1]);
			return n;
		}
	}
	if (utf8_is_control(c))
		buf_addf(out, "\\u%04x", c);
	else
		buf_add(out, s, n);
	return n;
}

static void add_string(struct buf *out, const char *s)
{
	const char *end = s + strlen(s);

	buf_addc(out, '"');
	while (s < end) {
		const char *run = s;

		while (s < end && is_plain(*s))
			s++;
		buf_add(out, run, (size_t)(s - run));
		if (s < end)
			s += add_escaped(out, s, (size_t)(end - s));
	}
	buf_addc(out, '"');
}

/*
 * What stands before a value. Only an open bracket that nothing follows yet
 * ends the output in '{' or '[': strings end in a quote.
 */
static void begin_value(struct json_writer *w, const char *key)
{
	char last = w->out.len ? w->out.data[w->out.len - 1] : 0;

	if (w->closers.len) {
		if (last != '{' && last != '[')
			buf_addc(&w->out, ',');
		new_line(w);
	}
	if (key) {
		add_string(&w->out, key);
		buf_adds(&w->out, w->indent ? ": " : ":");
	}
}

static void open_container(struct json_writer *w, const char *key, char open, char close)
{
	begin_value(w, key);
	buf_addc(&w->out, open);
	buf_addc(&w->closers, close);
}

void json_open_object(struct json_writer *w, const char *key) { open_container(w, key, '{', '}'); }
void json_open_array(struct json_writer *w, const char *key) { open_container(w, key, '[', ']'); }

void json_close(struct json_writer *w)
{
	char last = w->out.data[w->out.len - 1], closer = w->closers.data[--w->closers.len];

	if (last != '{' && last != '[')
		new_line(w);
	buf_addc(&w->out, closer);
}

void json_write_text(struct json_writer *w, const char *key, const char *value)
{
	begin_value(w, key);
	if (value)
		add_string(&w->out, value);
	else
		buf_adds(&w->out, "null");
}

void json_write_i64(struct json_writer *w, const char *key, int64_t value)
{
	begin_value(w, key);
	buf_addf(&w->out, "%lld", (long long)value);
}

void json_write_bool(struct json_writer *w, const char *key, bool value)
{
	begin_value(w, key);
	buf_adds(&w->out, value ? "true" : "false");
}

/* Recursion is bounded by JSON_MAX_DEPTH, which reading holds. */
void json_write_value(struct json_writer *w, const char *key, const struct json_value *v)
{
	static const char *const words[] = {
		[JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true",
	};

	if (v->kind == JSON_ARRAY || v->kind == JSON_DICT) {
		open_container(w, key, v->kind == JSON_DICT ? '{' : '[', v->kind == JSON_DICT ? '}' : ']');
		for (const struct json_value *c = v->child; c; c = c->next)
			json_write_value(w, c->key, c);
		json_close(w);
		return;
	}
	if (v->kind == JSON_TEXT) {
		json_write_text(w, key, v->text);
		return;
	}
	begin_value(w, key);
	buf_adds(&w->out, v->kind == JSON_NUMBER ? v->text : words[v->kind]);
}

char *json_writer_finish(struct json_writer *w)
{
	char *text = buf_steal(&w->out);

	buf_clear(&w->closers);
	free(w);
	return text;
}
