#include <curl/curl.h>
#include <string.h>

#include "image/http.h"

/* By the library that will send the request: two readings of one URL could be made to differ. */
struct parts { CURLU *handle; char *scheme, *host, *port; };

static void parts_clear(struct parts *u)
{
	curl_free(u->scheme);
	curl_free(u->host);
	curl_free(u->port);
	curl_url_cleanup(u->handle);
}
static inline void parts_clear_auto(struct parts *u) { parts_clear(u); }

static bool parts_read(struct parts *u, const char *url)
{
	u->handle = curl_url();
	return u->handle && curl_url_set(u->handle, CURLUPART_URL, url, 0) == CURLUE_OK &&
	       curl_url_get(u->handle, CURLUPART_SCHEME, &u->scheme, 0) == CURLUE_OK &&
	       curl_url_get(u->handle, CURLUPART_HOST, &u->host, 0) == CURLUE_OK &&
	       curl_url_get(u->handle, CURLUPART_PORT, &u->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
}

bool http_url_is_secure(const char *url) { return strncasecmp(url, "https://", 8) == 0; }
bool http_url_is_http(const char *url) { return strncasecmp(url, "http://", 7) == 0; }

bool http_url_is_loopback(const char *url)
{
	AUTO(parts_clear) struct parts u = {};

	return parts_read(&u, url) &&
	       (strcasecmp(u.host, "localhost") == 0 || str_eq(u.host, "[::1]") ||
		(str_starts(u.host, "127.") && strspn(u.host, "0123456789.") == strlen(u.host)));
}

bool http_url_same_origin(const char *a, const char *b)
{
	AUTO(parts_clear) struct parts x = {};
	AUTO(parts_clear) struct parts y = {};

	return parts_read(&x, a) && parts_read(&y, b) && strcasecmp(x.scheme, y.scheme) == 0 &&
	       strcasecmp(x.host, y.host) == 0 && str_eq(x.port, y.port);
}

/* What a link leads to, seen from where it was found. */
static char *resolve(const char *base, const char *link)
{
	CURLU *handle = curl_url();
	char *url = NULL, *copy = NULL;

	if (handle && curl_url_set(handle, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    curl_url_set(handle, CURLUPART_URL, link, 0) == CURLUE_OK &&
	    curl_url_get(handle, CURLUPART_URL, &url, 0) == CURLUE_OK)
		copy = xstrdup(url);
	curl_free(url);
	curl_url_cleanup(handle);
	return copy;
}

/* <URL>; name="value"; …, <URL>; … */
char *http_url_next(const struct http_answer *answer)
{
	const char *end, *at = answer->link ? strchr(answer->link, '<') : NULL;

	for (; at; at = strchr(end, '<')) {
		AUTO(free) char *url = NULL, *about = NULL;

		end = strchr(at, '>');
		if (!end)
			return NULL;
		url = xstrndup(at + 1, (size_t)(end - at - 1));
		about = xstrndup(end, strcspn(end, "<"));
		if (strcasestr(about, "rel=\"next\"") || strcasestr(about, "rel=next"))
			return resolve(answer->url, url);
	}
	return NULL;
}

char *http_url_shown(const char *url)
{
	size_t n = strcspn(url, "?#");

	return xasprintf("%.*s%s", (int)n, url, url[n] ? "?…" : "");
}

int http_redirect_check(const char *from, const char *to, bool allow_downgrade, struct err *err)
{
	AUTO(free) char *shown = http_url_shown(to);

	if (http_url_is_secure(to))
		return 0;
	if (!http_url_is_http(to))
		return err_set(err, -EPROTO, "redirect to '%s', which is neither http nor https", shown);
	if (http_url_is_secure(from) && !allow_downgrade)
		return err_set(err, -EPROTO, "redirect to insecure http: '%s'", shown);
	return 0;
}
