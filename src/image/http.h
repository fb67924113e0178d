#ifndef IMAGE_HTTP_H
#define IMAGE_HTTP_H
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
/*
 * HTTP GET for rkt-fetch, by libcurl. At most 10 redirects, each looked at
 * before it is followed: never from https to http unless that was allowed by
 * name. Certificates are checked, every size and every silence is bounded.
 */
enum { HTTP_REDIRECTS_MAX = 10, HTTP_HEADER_MAX = 64 << 10, HTTP_STALL_SECONDS = 30 };

struct wire_credential;

struct http_config {
	bool skip_tls;			/* take any certificate */
	const struct wire_credential *credentials;	/* see image/authorize.h; the caller's */
	size_t n_credentials;
	bool allow_downgrade;		/* follow https to http */
	int64_t stall_seconds;		/* below 100 bytes/s for so long: give up. 0: HTTP_STALL_SECONDS */
	/* Called now and then; a negative return ends the transfer with it. total 0: unknown. */
	int (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

struct http;
int http_new(const struct http_config *config, struct http **ret, struct err *err);
void http_free(struct http *h);
DEFINE_AUTO(struct http *, http_free)

/* What an answer's header said. Strings are owned. */
struct http_answer {
	char *url;			/* the last one asked */
	char *content_type, *etag, *last_modified, *challenge;	/* challenge: WWW-Authenticate */
	char *digest;			/* Docker-Content-Digest */
	int64_t max_age;		/* Cache-Control, seconds, clamped to a day; 0: none, no-store, no-cache */
	int status;
};
void http_answer_clear(struct http_answer *a);
static inline void http_answer_clear_auto(struct http_answer *a) { http_answer_clear(a); }

struct http_get {
	const char *url;
	const char *accept;		/* Accept, NULL: anything */
	const char *authorization;	/* for the first URL's origin alone; NULL: what the credentials say */
	const char *if_none_match, *if_modified_since;	/* 304 is then an answer */
	int64_t from;			/* fd holds so many bytes already: asks for the rest by Range … */
	const char *if_range;		/* … of this version (ETag or date); a 200 starts from 0 again */
	/* Before the first byte of the body is written. A failure ends the transfer with it. NULL: nobody asks. */
	int (*on_version)(void *arg, const struct http_answer *a, int64_t from, struct err *err);
	void *on_version_arg;
	/* Every byte of the body as it is written. NULL: nobody looks. */
	int (*on_data)(void *arg, const void *data, size_t len);
	void *on_data_arg;
	int tries;			/* how often a broken or refused (429, 5xx) request is tried, with growing waits; 0: once */
	struct http_answer *answer;	/* filled where given, also on 401 and 404 */
	const char *kind;		/* "signature" …, for messages */
	int64_t max;			/* bytes of the body */
	int64_t seconds_max;		/* for all of it; 0: no limit but the stall */
	bool accept_202;
	bool need_length;		/* refuse a body that ends when the connection does */
	bool progress;
	int fd;				/* where the body goes, from its start; -1: into *body */
	struct buf *body;
};

/*
 * 0: the body is there, whole. 202: accept_202 is set and the server asks for
 * patience. 304: it was asked conditionally and has not changed. -EACCES: 401 or 403. -ERR_NOT_FOUND: 404 or 410. -E2BIG, -ETIMEDOUT, -ECONNREFUSED,
 * -EPROTO (other status, broken answer, refused redirect), -EHOSTUNREACH.
 * *ret_url, where given, is the last URL asked; the caller frees it.
 */
int http_get(struct http *h, const struct http_get *get, char **ret_url, struct err *err);

/* May a redirect lead there? For http_get() and its tests. */
int http_redirect_check(const char *from, const char *to, bool allow_downgrade, struct err *err);

/* Is the host this machine itself? Proxies are not asked for it. */
bool http_url_is_loopback(const char *url);
bool http_url_is_secure(const char *url);	/* https */
bool http_url_is_http(const char *url);		/* plain http */
#endif
