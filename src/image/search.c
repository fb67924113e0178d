#include "image/search.h"

#include "image/discovery.h"
#include "spec/limits.h"

struct search {
	struct session *session;
	const char *kind;	/* DISCOVERY_IMAGE, DISCOVERY_KEYS */
	bool allow_http;
	/* Takes of what a page offers what can be used. */
	bool (*take)(struct search *s, const char *value);
	struct endpoint *endpoints; size_t n;
	char **keys;
	struct err first;	/* why the first page gave nothing */
};

static void search_clear(struct search *s)
{
	endpoints_free(s->endpoints, s->n);
	strv_free(s->keys);
	err_clear(&s->first);
}
static inline void search_clear_auto(struct search *s) { search_clear(s); }

static void note_failure(struct search *s, struct err *why)
{
	AUTO(free) char *text = err_text(why);

	talk_say(s->session->talk, "%s", text);
	if (!s->first.chain)
		s->first = *why;
	else
		err_clear(why);
	*why = (struct err){};
}

/* Takes what there is. Without anything, *err says why. */
static bool take_all(struct search *s, const char *url, const struct buf *page, struct err *err)
{
	AUTO(strv_free) char **values = discovery_tags(page->data ?: "", page->len, s->kind, s->session->request.name);
	bool found = false;

	for (char **value = values; value && *value; value++) {
		if (s->take(s, *value))
			found = true;
		else
			talk_say(s->session->talk, "cannot use discovered '%s'", *value);
	}
	if (!found)
		err_set(err, -ERR_NOT_FOUND, values ? "no meta tag '%s' on %s can be used" : "meta tag '%s' not found on %s",
			s->kind, url);
	return found;
}

/* Has this page something? *ret_page: there is a page. */
static bool look_at(struct search *s, const char *scheme, const char *path, bool *ret_page)
{
	AUTO(free) char *url = discovery_page(scheme, path);
	AUTO(buf_clear) struct buf page = {};
	struct http_get request = { .url = url, .kind = "discovery page", .limit = &limits()->page_bytes,
				    .seconds_max = limits()->document_seconds, .tries = SESSION_TRIES_SMALL, .fd = -1,
				    .body = &page };
	struct err why = {};
	bool found = false;

	*ret_page = session_get(s->session, &request, &why) >= 0;
	if (*ret_page)
		found = take_all(s, url, &page, &why);
	if (!found)
		note_failure(s, &why);
	return found;
}

/* What went wrong at the first page stands behind words. */
static int walk(struct search *s, struct err *err, const char *words)
{
	AUTO(free) char *path = xstrdup(s->session->request.name), *why = NULL;
	bool page, found;

	do {
		found = look_at(s, "https", path, &page);
		if (!found && !page && s->allow_http)
			found = look_at(s, "http", path, &page);
	} while (!found && discovery_parent(path));
	if (found)
		return 0;
	why = err_text(&s->first);
	return err_wrap(err, err_set(err, -ERR_NOT_FOUND, "%s", why), "%s", words);
}

/* --- images ------------------------------------------------------------------------ */

void endpoints_free(struct endpoint *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].image);
		free(list[i].signature);
	}
	free(list);
}

static bool take_template(struct search *s, const char *template)
{
	const struct wire_request *q = &s->session->request;
	AUTO(free) char *image = discovery_render(template, q->name, q->labels, q->n_labels, "aci");
	AUTO(free) char *signature = discovery_render(template, q->name, q->labels, q->n_labels, "aci.asc");

	if (!image || !signature || (!q->allow_http && !http_url_is_secure(image)))
		return false;
	s->endpoints = xreallocarray(s->endpoints, s->n + 1, sizeof(*s->endpoints));
	s->endpoints[s->n++] = (struct endpoint){ TAKE(image), TAKE(signature) };
	return true;
}

int search_images(struct session *session, struct endpoint **ret, size_t *ret_n, struct err *err)
{
	AUTO(search_clear) struct search s = { .session = session, .kind = DISCOVERY_IMAGE, .take = take_template,
					       .allow_http = session->request.allow_http };
	int r = walk(&s, err, "no endpoints discovered");

	if (r < 0)
		return err_wrap(err, r, "discovery failed for \"%s\"", session->request.name);
	*ret = TAKE(s.endpoints);
	*ret_n = s.n;
	s.n = 0;
	return 0;
}

/* --- keys ---------------------------------------------------------------------------- */

static bool take_key(struct search *s, const char *url)
{
	strv_add(&s->keys, url);
	return true;
}

int search_keys(struct session *session, char ***ret, struct err *err)
{
	AUTO(search_clear) struct search s = { .session = session, .kind = DISCOVERY_KEYS, .take = take_key,
					       .allow_http = session->request.pubkey_http };
	AUTO(free) char *words = xasprintf("meta discovery on %s resulted in no keys", session->request.name);
	int r = walk(&s, err, words);

	if (r >= 0)
		*ret = TAKE(s.keys);
	return r;
}
