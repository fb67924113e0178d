#include "image/token.h"

#include <curl/curl.h>
#include <string.h>

#include "base/json.h"

enum { TOKEN_SECONDS = 60, TOKEN_TRIES = 3 };

struct answer { char *token, *access_token; };

static const struct json_field answer_fields[] = {
	{ "token", JSON_STRING, offsetof(struct answer, token), 0 },
	{ "access_token", JSON_STRING, offsetof(struct answer, access_token), 0 },
	{}
};

/* It becomes a part of a header line. */
static bool is_token(const char *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		if (text[n] <= ' ' || text[n] > '~')
			return false;
	return n && n <= TOKEN_MAX;
}

int token_read(const char *text, size_t len, char **ret, struct err *err)
{
	struct answer a = {};
	const char *token;
	int r = json_decode_text(text, len, answer_fields, &a, err);

	if (r < 0)
		return err_wrap(err, r, "the token server's answer makes no sense");
	token = a.token && *a.token ? a.token : a.access_token ?: "";
	if (is_token(token))
		*ret = xasprintf("Bearer %s", token);
	else
		r = err_set(err, -ERR_BAD_INPUT, "the token server's answer has no token that could be used");
	json_clear(answer_fields, &a);
	return r;
}

static void add_value(struct buf *form, const char *name, const char *value)
{
	char *escaped = value ? curl_easy_escape(NULL, value, 0) : NULL;

	if (value && !escaped)
		mem_oom();
	if (value)
		buf_addf(form, "%s%s=%s", form->len ? "&" : "", name, escaped);
	curl_free(escaped);
}

/* OAuth2: what an identity token is exchanged with. */
static char *exchange(const struct token_request *q)
{
	struct buf form = {};

	add_value(&form, "grant_type", "refresh_token");
	add_value(&form, "client_id", "rkt");
	add_value(&form, "service", q->challenge->service);
	add_value(&form, "scope", q->challenge->scope ?: q->scope);
	add_value(&form, "refresh_token", q->credential->identity_token);
	return buf_steal(&form);
}

int token_get(struct http *h, const struct token_request *request, char **ret, struct err *err)
{
	const struct wire_credential *c = request->credential;
	AUTO(free) char *form = c && c->identity_token ? exchange(request) : NULL;
	AUTO(buf_clear) struct buf body = {};
	struct http_get get = {
		.url = request->url, .kind = "token", .accept = "application/json",
		.authorization = c && !form ? c->authorization : NULL, .form = form,
		.max = TOKEN_ANSWER_MAX, .seconds_max = TOKEN_SECONDS, .tries = TOKEN_TRIES, .fd = -1, .body = &body,
	};
	int r = http_get(h, &get, NULL, err);

	return r < 0 ? r : token_read(body.data ? body.data : "", body.len, ret, err);
}
