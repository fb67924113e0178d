#include "image/authorize.h"

#include <curl/curl.h>

#include "image/aws.h"

/*
 * A URL in its parts, by the library that will send the request: two readings of
 * one URL could be made to differ.
 */
struct url {
	CURLU *handle;
	char *scheme, *host, *port, *path, *query;
};

static void url_clear(struct url *u)
{
	curl_free(u->scheme);
	curl_free(u->host);
	curl_free(u->port);
	curl_free(u->path);
	curl_free(u->query);
	curl_url_cleanup(u->handle);
}
static inline void url_clear_auto(struct url *u) { url_clear(u); }

static bool url_read(struct url *u, const char *text)
{
	u->handle = curl_url();
	if (!u->handle || curl_url_set(u->handle, CURLUPART_URL, text, 0) != CURLUE_OK)
		return false;
	(void)curl_url_get(u->handle, CURLUPART_PORT, &u->port, 0);
	(void)curl_url_get(u->handle, CURLUPART_QUERY, &u->query, 0);
	return curl_url_get(u->handle, CURLUPART_SCHEME, &u->scheme, 0) == CURLUE_OK &&
	       curl_url_get(u->handle, CURLUPART_HOST, &u->host, 0) == CURLUE_OK &&
	       curl_url_get(u->handle, CURLUPART_PATH, &u->path, 0) == CURLUE_OK;
}

static const struct wire_credential *find(const struct wire_credential *list, size_t n, const char *domain)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].domain, domain))
			return &list[i];
	return NULL;
}

int authorize(const struct wire_credential *list, size_t n, const char *url, time_t now, char ***ret,
	      struct err *err)
{
	AUTO(url_clear) struct url u = {};
	AUTO(free) char *domain = NULL;
	const struct wire_credential *c;
	struct aws_get get;

	if (!n || !url_read(&u, url) || !str_eq(u.scheme, "https"))
		return 0;
	domain = u.port ? xasprintf("%s:%s", u.host, u.port) : xstrdup(u.host);
	c = find(list, n, domain);
	if (!c || (!c->authorization && !c->aws_key_id))
		return 0;
	if (c->authorization) {
		strv_take(ret, xasprintf("Authorization: %s", c->authorization));
		return 0;
	}
	/* The library leaves the port of https out of the Host header. */
	get = (struct aws_get){ str_eq(u.port, "443") ? u.host : domain, u.path, u.query, now };
	return aws_sign(c, &get, ret, err);
}
