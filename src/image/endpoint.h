#ifndef IMAGE_ENDPOINT_H
#define IMAGE_ENDPOINT_H
#include "image/http.h"
#include "image/talk.h"
/*
 * One server that speaks the distribution API (OCI distribution-spec 1.1): a
 * registry, or a mirror of one. How it is reached, who we are to it, and the
 * tokens that it wants.
 *
 * It is asked by https, and by plain http only if it is this machine itself or
 * request->allow_http is set. A password is used for the server whose domain
 * it is configured for: with that server, or where that server says that tokens
 * are given, in an answer of its own and over https. What a server says that a
 * redirect led to is no such answer (CVE-2020-15157), and without allow_http no
 * password crosses plain http (CVE-2019-10214).
 */
struct endpoint_config {
	const char *base;	/* "host[:port]", or of a mirror "https://host[:port][/prefix]", "http://…" */
	const char *repository;	/* a mirror has it below the prefix */
	const struct wire_request *request;	/* the caller's, as is talk */
	struct talk *talk;
};

struct endpoint;
/* -ERR_BAD_INPUT: base is nothing of that form. -EPROTO: it is plain http that is not allowed. */
int endpoint_new(const struct endpoint_config *config, struct endpoint **ret, struct err *err);
void endpoint_free(struct endpoint *e);
DEFINE_AUTO(struct endpoint *, endpoint_free)

/* host[:port], for messages. */
const char *endpoint_name(const struct endpoint *e);

/* Where something of the repository lies ("manifests/latest"). The caller frees it. */
char *endpoint_url(const struct endpoint *e, bool plain, const char *path);

/* The path that this is the URL of, by https or http. The caller frees it. NULL: it is elsewhere, or of another repository. */
char *endpoint_path(const struct endpoint *e, const char *url);

/*
 * http_get() of that, with what get says but for its url, authorization and tries; get->answer is needed. held, where
 * given, is what get->from becomes when it is asked once more with new credentials, which it is each time that
 * more was held before the server wanted them. May be called by several threads.
 * -EACCES: we are not let.
 */
int endpoint_get(struct endpoint *e, const char *path, struct http_get *get, const int64_t *held, struct err *err);

/* Was it asked, and has never answered? Whoever has another place to ask need not wait for this one again. */
bool endpoint_is_silent(struct endpoint *e);
#endif
