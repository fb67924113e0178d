#ifndef IMAGE_SESSION_H
#define IMAGE_SESSION_H
#include "image/http.h"
#include "image/talk.h"

/* What rkt-fetch has at hand while it serves a request one thing after the other. */
struct session {
	int control_fd;
	struct wire_request request;
	struct talk *talk;
	struct http *http;		/* made when first needed */
	const char *label;		/* of the transfer that is going on, for the progress bar */
	int64_t told_at, told_done;	/* progress: when (ms) and what was last told */
};

/* How often in a row a request may bring nothing new (http_get.tries). */
enum { SESSION_TRIES = 5, SESSION_TRIES_SMALL = 3 };

/* http_get() as the request allows it, with progress told under the session's label. */
int session_get(struct session *s, const struct http_get *get, struct err *err);
void session_clear(struct session *s);
#endif
