#include "image/challenge.h"

#include <curl/curl.h>
#include <string.h>

#include "base/buf.h"
#include "image/http.h"

/* --- reading ------------------------------------------------------------------ */

/* RFC 9110, 5.6.2. */
static const char token_bytes[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static size_t spaces(const char *p) { return strspn(p, " \t"); }

static bool is_printable(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((*p < ' ' && *p != '\t') || *p > '~')
			return false;
	return true;
}

static char *lower_case(const char *text, size_t len)
{
	char *copy = xstrndup(text, len);

	for (char *p = copy; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	return copy;
}

/* After the opening quote. NULL: it does not end. */
static const char *quoted_string(const char *p, struct buf *ret)
{
	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && !*++p)
			return NULL;
		buf_addc(ret, *p);
	}
	return *p ? p + 1 : NULL;
}

/* token BWS "=" BWS ( token / quoted-string ). NULL: no parameter begins here. */
static const char *parameter(const char *p, char **ret_name, char **ret_value)
{
	AUTO(buf_clear) struct buf value = {};
	AUTO(free) char *name = NULL;
	size_t n = strspn(p, token_bytes);

	name = lower_case(p, n);
	p += n + spaces(p + n);
	if (!n || *p != '=')
		return NULL;
	p += 1 + spaces(p + 1);
	if (*p == '"') {
		p = quoted_string(p + 1, &value);
	} else {
		n = strspn(p, token_bytes);
		buf_add(&value, p, n);
		p = n ? p + n : NULL;
	}
	if (!p)
		return NULL;
	*ret_name = TAKE(name);
	*ret_value = buf_steal(&value);
	return p;
}

/* RFC 9110, 11.2: what Negotiate and its like put in place of parameters. Only looked past. */
static size_t token68(const char *p)
{
	size_t n = strspn(p, "-._~+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

	return n ? n + strspn(p + n, "=") : 0;
}

static bool at_end_of_element(const char *p)
{
	p += spaces(p);
	return !*p || *p == ',';
}

/* Of those that matter; the others are passed over. false: it is there already. */
static bool keep(struct challenge *c, const char *name, char *value)
{
	char **const places[] = { &c->realm, &c->service, &c->scope };
	static const char *const names[] = { "realm", "service", "scope" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!str_eq(name, names[i]))
			continue;
		if (*places[i])
			return false;
		*places[i] = xstrdup(value);
	}
	return true;
}

struct reading {
	struct challenge list[CHALLENGES_MAX];
	size_t n;
};

static void challenge_clear(struct challenge *c)
{
	free(c->scheme);
	free(c->realm);
	free(c->service);
	free(c->scope);
}

static void reading_clear(struct reading *r)
{
	while (r->n)
		challenge_clear(&r->list[--r->n]);
}
static inline void reading_clear_auto(struct reading *r) { reading_clear(r); }

static int broken(struct err *err) { return err_set(err, -ERR_BAD_INPUT, "its challenge makes no sense"); }

/* What follows a scheme: nothing, its first parameter, or a token68. NULL: something else. */
static const char *after_scheme(const char *p, char **ret_name, char **ret_value)
{
	const char *next;

	if (at_end_of_element(p))
		return p;
	if (!spaces(p))
		return NULL;
	p += spaces(p);
	next = parameter(p, ret_name, ret_value);
	return next || !at_end_of_element(p + token68(p)) ? next : p + token68(p);
}

/*
 * One element of the list: a scheme with what follows it, or a further parameter of the last scheme. Which of them
 * it is shows only behind its first word.
 */
static int element(const char **at, struct reading *r, struct err *err)
{
	AUTO(free) char *name = NULL;
	AUTO(free) char *value = NULL;
	const char *p = *at, *next = r->n ? parameter(p, &name, &value) : NULL;
	size_t n = strspn(p, token_bytes);

	if (!next) {
		if (r->n == CHALLENGES_MAX)
			return err_set(err, -E2BIG, "more than %d challenges", CHALLENGES_MAX);
		r->list[r->n++].scheme = lower_case(p, n);
		next = n ? after_scheme(p + n, &name, &value) : NULL;
	}
	if (!next || !at_end_of_element(next) || (name && !keep(&r->list[r->n - 1], name, value)))
		return broken(err);
	*at = next + spaces(next);
	return 0;
}

int challenge_parse(const char *text, struct challenge **ret, size_t *ret_n, struct err *err)
{
	AUTO(reading_clear) struct reading reading = {};
	int r;

	if (strlen(text) > CHALLENGE_TEXT_MAX)
		return err_set(err, -E2BIG, "its challenge is larger than %d bytes", CHALLENGE_TEXT_MAX);
	if (!is_printable(text))
		return broken(err);
	for (const char *p = text; *(p += strspn(p, " \t,"));) {
		r = element(&p, &reading, err);
		if (r < 0)
			return r;
	}
	*ret = xcalloc(CHALLENGES_MAX, sizeof(**ret));
	*ret_n = reading.n;
	for (size_t i = 0; i < reading.n; i++)
		(*ret)[i] = reading.list[i];
	reading.n = 0;
	return 0;
}

void challenges_free(struct challenge *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		challenge_clear(&list[i]);
	free(list);
}

const struct challenge *challenge_find(const struct challenge *list, size_t n, const char *scheme)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].scheme, scheme))
			return &list[i];
	return NULL;
}

/* --- where to go ---------------------------------------------------------------- */

static bool add_query(CURLU *url, const char *name, const char *value)
{
	AUTO(free) char *both = xasprintf("%s=%s", name, value);

	return curl_url_set(url, CURLUPART_QUERY, both, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK;
}

/* Several scopes are several parameters. */
static bool add_scopes(CURLU *url, const char *scope)
{
	AUTO(strv_free) char **list = strv_split(scope, ' ');

	for (char **s = list; s && *s; s++)
		if (**s && !add_query(url, "scope", *s))
			return false;
	return true;
}

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

static bool realm_to_url(CURLU *url, const struct challenge *c, const char *scope, char **ret)
{
	char *text = NULL;

	if (!http_url_is_secure(c->realm) && !http_url_is_http(c->realm))
		return false;
	if (curl_url_set(url, CURLUPART_URL, c->realm, 0) != CURLUE_OK ||
	    has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
	    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		return false;
	if ((c->service && !add_query(url, "service", c->service)) || !add_scopes(url, c->scope ?: scope) ||
	    curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK)
		return false;
	*ret = xstrdup(text);
	curl_free(text);
	return true;
}

int challenge_url(const struct challenge *c, const char *scope, char **ret, struct err *err)
{
	CURLU *url = curl_url();
	bool good = url && c->realm && realm_to_url(url, c, scope, ret);

	curl_url_cleanup(url);
	return good ? 0 : err_set(err, -ERR_BAD_INPUT, "'%s' is no place to ask for a token", c->realm ?: "");
}
