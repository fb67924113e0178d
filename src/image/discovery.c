#include "image/discovery.h"

#include <string.h>

#include "base/buf.h"
#include "base/path.h"

enum { TAGS_MAX = 64, ATTRIBUTE_MAX = 8 << 10 };

char *discovery_page(const char *scheme, const char *path)
{
	return xasprintf("%s://%s?ac-discovery=1", scheme, path);
}

bool discovery_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = 0;
	return slash;
}

/* --- just enough HTML ---------------------------------------------------- */

struct html {
	const char *at, *end;
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static void skip_space(struct html *h)
{
	while (h->at < h->end && is_space(*h->at))
		h->at++;
}

/* Moves behind the next text, or to the end. Letters of any case match. */
static void skip_past(struct html *h, const char *text)
{
	size_t n = strlen(text);

	while (h->at < h->end) {
		if ((size_t)(h->end - h->at) >= n && strncasecmp(h->at, text, n) == 0) {
			h->at += n;
			return;
		}
		h->at++;
	}
}

/* A word of a tag: up to a space or one of the stop characters. */
static void take_word(struct html *h, const char *stop, struct buf *ret)
{
	while (h->at < h->end && !is_space(*h->at) && !strchr(stop, *h->at) && ret->len < ATTRIBUTE_MAX)
		buf_addc(ret, *h->at++);
}

static const struct { const char *name; char c; } entities[] = {
	{ "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&#34;", '"' },
	{ "&#38;", '&' }, { "&#39;", '\'' }, { "&#x27;", '\'' }, { "&#x2F;", '/' }, { "&#47;", '/' },
	{ "&#123;", '{' }, { "&#125;", '}' }, { "&#x7B;", '{' }, { "&#x7D;", '}' },
};

/* The character that p stands for; others than these few stay as they are written. */
static size_t entity(const char *p, size_t len, char *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
		size_t n = strlen(entities[i].name);

		if (len >= n && strncasecmp(p, entities[i].name, n) == 0) {
			*ret = entities[i].c;
			return n;
		}
	}
	*ret = *p;
	return 1;
}

static char *unescape(const struct buf *b)
{
	struct buf out = {};
	char c = 0;

	for (size_t i = 0; i < b->len; buf_addc(&out, c))
		i += entity(b->data + i, b->len - i, &c);
	return buf_steal(&out);
}

static char *take_value(struct html *h)
{
	AUTO(buf_clear) struct buf raw = {};
	char quote;

	skip_space(h);
	if (h->at == h->end || (*h->at != '"' && *h->at != '\'')) {
		take_word(h, ">", &raw);
		return unescape(&raw);
	}
	quote = *h->at++;
	while (h->at < h->end && *h->at != quote && raw.len < ATTRIBUTE_MAX)
		buf_addc(&raw, *h->at++);
	if (h->at < h->end && *h->at == quote)
		h->at++;
	return unescape(&raw);
}

/* Reads attributes up to ">"; the first of each name counts. Returns false at the end of the page. */
static bool take_attributes(struct html *h, char **ret_name, char **ret_content)
{
	for (;;) {
		AUTO(buf_clear) struct buf key = {};
		AUTO(free) char *value = NULL;

		while (h->at < h->end && (is_space(*h->at) || *h->at == '/'))
			h->at++;
		if (h->at == h->end)
			return false;
		if (*h->at == '>') {
			h->at++;
			return true;
		}
		buf_addc(&key, *h->at++);	/* also a stray "=": so that each turn moves on */
		take_word(h, "=>/", &key);
		skip_space(h);
		if (h->at < h->end && *h->at == '=') {
			h->at++;
			value = take_value(h);
		}
		if (value && !*ret_name && strcasecmp(key.data, "name") == 0)
			*ret_name = TAKE(value);
		else if (value && !*ret_content && strcasecmp(key.data, "content") == 0)
			*ret_content = TAKE(value);
	}
}

/* What stands between these is text, however much it looks like tags. */
static const char *const text_elements[] = { "script", "style", "title", "textarea", "noscript", "template", "xmp",
					     "iframe" };

static void skip_text_element(struct html *h, const char *tag)
{
	for (size_t i = 0; i < ARRAY_LEN(text_elements); i++) {
		AUTO(free) char *close = xasprintf("</%s", text_elements[i]);

		if (strcasecmp(tag, text_elements[i]) == 0)
			skip_past(h, close);
	}
}

/*
 * The next meta tag with a name and a content. Tags count only in the head: what
 * comes in the body may have been written by visitors of the site.
 */
static bool next_meta(struct html *h, char **ret_name, char **ret_content)
{
	while (skip_past(h, "<"), h->at < h->end) {
		AUTO(buf_clear) struct buf tag = {};
		AUTO(free) char *name = NULL;
		AUTO(free) char *content = NULL;
		bool closing = *h->at == '/';

		if (h->end - h->at >= 3 && memcmp(h->at, "!--", 3) == 0) {
			skip_past(h, "-->");
			continue;
		}
		if (closing)
			h->at++;
		if (h->at == h->end || !is_letter(*h->at))
			continue;
		take_word(h, "/>", &tag);
		if (!take_attributes(h, &name, &content) || strcasecmp(tag.data, closing ? "head" : "body") == 0)
			return false;
		if (closing)
			continue;
		skip_text_element(h, tag.data);
		if (strcasecmp(tag.data, "meta") == 0 && name && content) {
			*ret_name = TAKE(name);
			*ret_content = TAKE(content);
			return true;
		}
	}
	return false;
}

/* --- tags and templates --------------------------------------------------- */

/* "PREFIX VALUE": both there, nothing more, and the prefix covers name. */
static char *tag_value(const char *content, const char *name)
{
	struct html h = { content, content + strlen(content) };
	AUTO(buf_clear) struct buf prefix = {};
	AUTO(buf_clear) struct buf value = {};

	skip_space(&h);
	take_word(&h, "", &prefix);
	skip_space(&h);
	take_word(&h, "", &value);
	skip_space(&h);
	if (h.at != h.end || !prefix.len || !value.len || !path_has_prefix(name, prefix.data))
		return NULL;
	return buf_steal(&value);
}

char **discovery_tags(const char *html, size_t len, const char *kind, const char *name)
{
	struct html h = { html, html + len };
	char **values = NULL;

	while (strv_len(values) < TAGS_MAX) {
		AUTO(free) char *key = NULL;
		AUTO(free) char *content = NULL;
		char *value;

		if (!next_meta(&h, &key, &content))
			break;
		value = str_eq(key, kind) ? tag_value(content, name) : NULL;
		if (value)
			strv_take(&values, value);
	}
	return values;
}

/* A label's value as part of a URL: what would end or change the path is escaped. */
static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("\"#%<>?[\\]^`{|}", *s))
			buf_addf(out, "%%%02X", (unsigned char)*s);
		else
			buf_addc(out, *s);
	}
}

static const char *variable(const char *key, const char *name, const struct label *labels, size_t n,
			    const char *ext)
{
	const char *value;

	if (str_eq(key, "name"))
		return name;
	if (str_eq(key, "ext"))
		return ext;
	value = label_get(labels, n, key);
	return !value && str_eq(key, "version") ? "latest" : value;
}

char *discovery_render(const char *template, const char *name, const struct label *labels, size_t n_labels,
		       const char *ext)
{
	AUTO(buf_clear) struct buf out = {};

	/* One pass, so that no value is looked into for variables. */
	for (const char *p = template; *p;) {
		AUTO(free) char *key = NULL;
		const char *close = strchr(p, '}'), *value;

		if (*p != '{') {
			buf_addc(&out, *p++);
			continue;
		}
		if (!close)
			return NULL;
		key = xstrndup(p + 1, (size_t)(close - p - 1));
		value = variable(key, name, labels, n_labels, ext);
		if (!value)
			return NULL;
		add_escaped(&out, value);
		p = close + 1;
	}
	return buf_steal(&out);
}

char *discovery_signature_url(const char *url)
{
	size_t path_len = strcspn(url, "?#");
	AUTO(free) char *path = xstrndup(url, path_len);

	return str_ends(path, ".aci") ? xasprintf("%s.asc%s", path, url + path_len) : NULL;
}
