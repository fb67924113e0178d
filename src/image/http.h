#ifndef IMAGE_HTTP_H
#define IMAGE_HTTP_H
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
/*
 * HTTP GET for rkt-fetch, by libcurl. Each redirect is looked at
 * before it is followed: never from https to http unless that was allowed by
 * name. Certificates are checked, every size and every silence is bounded (spec/limits.h). What
 * breaks on the way is tried again, and goes on where it broke if the server
 * has a name for the version that it sends.
 *
 * Threads may get at the same time, each with a struct http of its own.
 */
enum { HTTP_AGE_MAX = 24 * 60 * 60, HTTP_ETAG_MAX = 1000, HTTP_OVERLAP = 4 << 10 };

struct wire_credential;

struct http_config {
	bool skip_tls;			/* take any certificate */
	const struct wire_credential *credentials;	/* see image/authorize.h; the caller's */
	size_t n_credentials;
	bool allow_downgrade;		/* follow https to http */
	int64_t wait_ms;		/* before the second try, doubled before each further one; 0: half a second */
	/* Called now and then; a negative return ends the transfer with it. total 0: unknown. */
	int (*progress)(void *arg, int64_t done, int64_t total);
	void (*tell)(void *arg, const char *words);	/* what --debug should show. NULL: nobody listens */
	void *arg;
};

struct http;
int http_new(const struct http_config *config, struct http **ret, struct err *err);
void http_free(struct http *h);
DEFINE_AUTO(struct http *, http_free)

/*
 * What an answer's header said. Strings are owned, and printable ASCII; what
 * breaks the form that a field must have is NULL, as if it were not there.
 */
struct http_answer {
	char *url;			/* the last one asked */
	char *content_type, *etag, *last_modified;
	char *challenge;		/* WWW-Authenticate; several are joined by ", " */
	char *digest;			/* Docker-Content-Digest */
	char *link;			/* Link; several are joined by ", " */
	char *version;			/* names these very bytes: a strong ETag or a safe date. NULL: nothing does */
	int64_t max_age;		/* Cache-Control, seconds, at most HTTP_AGE_MAX; 0: none, no-store, no-cache */
	int status;
};
void http_answer_clear(struct http_answer *a);
static inline void http_answer_clear_auto(struct http_answer *a) { http_answer_clear(a); }

struct http_get {
	const char *url;
	const char *kind;		/* "signature" …, for messages */
	const char *accept;		/* Accept, NULL: anything */
	const char *authorization;	/* for the first URL's origin alone; NULL: what the credentials say */
	const char *form;		/* is posted, in application/x-www-form-urlencoded; a redirect is then refused */
	const char *if_none_match, *if_modified_since;	/* 304 is then an answer */
	/*
	 * fd holds so many bytes of the body already, of the version if_range (another answer's version). Only the
	 * rest is asked for, and HTTP_OVERLAP bytes before it: where those differ from what fd holds, or the server
	 * does not go on there, everything is fetched.
	 */
	int64_t from;
	const char *if_range;
	bool fixed;			/* what the URL names never changes: may be gone on with under any version */
	/*
	 * Before the first byte of each answer's body is written: fd holds from bytes that stay, more follow. A
	 * failure ends the transfer with it.
	 */
	int (*on_version)(void *arg, const struct http_answer *a, int64_t from, struct err *err);
	void *on_version_arg;
	/* Every byte of the body as it is written, after on_version told where. A failure ends the transfer with it. */
	int (*on_data)(void *arg, const void *data, size_t len);
	void *on_data_arg;
	/*
	 * How many times in a row a request may break or be refused (408, 429, 5xx) without bringing anything new, with
	 * growing waits in between. 0: once.
	 */
	int tries;
	struct http_answer *answer;	/* of the last answer, filled also on failure; the caller clears it */
	int64_t max;			/* bytes of the body … */
	const int64_t *limit;		/* … or one of limits(), which a refusal then names */
	bool exact;			/* max is its size, known from elsewhere: the server need not say it */
	int64_t seconds_max;		/* for one try; 0: no limit but the stall */
	bool accept_202;
	bool own_only;			/* a redirect to another origin is not followed: that is the answer (-EPROTO) */
	bool need_length;		/* refuse a body that ends when the connection does */
	bool progress;
	int fd;				/* a file to read and write: the body from its start; -1: into *body */
	struct buf *body;		/* added to */
};

/*
 * 0: the body is there, whole. 202: accept_202 is set and the server asks for
 * patience. 304: it was asked conditionally and has not changed.
 *
 * -EACCES: 401 or 403. -ERR_NOT_FOUND: 404 or 410. -E2BIG, -ETIMEDOUT,
 * -ECONNREFUSED, -EHOSTUNREACH, -EKEYREJECTED (its certificate), -EAGAIN (refused
 * for now: 408, 429, 5xx), -EPROTO (other status, broken answer, refused redirect). fd may hold a part of
 * the body then: as much as was written since on_version was last called.
 *
 * *ret_url, where given, is the last URL asked; the caller frees it.
 */
int http_get(struct http *h, const struct http_get *get, char **ret_url, struct err *err);

/* May a redirect lead there? For http_get() and its tests. */
int http_redirect_check(const char *from, const char *to, bool allow_downgrade, struct err *err);

/* Is the host this machine itself? Proxies are not asked for it. */
bool http_url_is_loopback(const char *url);
bool http_url_is_secure(const char *url);	/* https */
bool http_url_is_http(const char *url);		/* plain http */

/*
 * A URL that a server made, as people may see it: its query often is a signature that lets in whoever has it. The
 * caller frees it.
 */
char *http_url_shown(const char *url);

/* Where a list goes on: the link "next" of an answer's (RFC 8288), whole. The caller frees it. NULL: nowhere. */
char *http_url_next(const struct http_answer *answer);

/* The same scheme, host and port. false also where one of them is no URL. */
bool http_url_same_origin(const char *a, const char *b);
#endif
