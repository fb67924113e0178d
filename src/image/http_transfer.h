#ifndef IMAGE_HTTP_TRANSFER_H
#define IMAGE_HTTP_TRANSFER_H
#include <curl/curl.h>

#include "image/http_header.h"
/*
 * One request and its answer, for http_get.c: no redirect is followed here and nothing
 * is tried twice.
 */
struct http {
	struct http_config config;
	CURL *curl;
};

enum again {
	AGAIN_NEVER,	/* another try would end the same way */
	AGAIN_LATER,	/* it may end otherwise */
	AGAIN_REACHED,	/* likewise, if the server was reached before */
	AGAIN_WHOLE,	/* at once, and without a range */
};

struct transfer {
	struct http *http;
	const struct http_get *get;
	const char *url;
	int64_t from;		/* what fd holds and is to stay; 0: the whole body is asked for */
	const char *if_range;	/* the version that those bytes are of */

	/* What came of it. */
	struct http_header header;
	bool begun;		/* the body was written to … */
	int64_t at;		/* … and ends here now */
	enum again again;	/* after a failure */

	struct curl_slist *lines;	/* of our header */
	int64_t other_bytes;	/* of the body of an answer that is none */
	size_t body_start;	/* where ours begins in get->body */
	bool accepted;		/* the header promises a body that we can take */
	int failed;		/* why a callback stopped it; 0: it did not */
	struct err *err;
	char words[CURL_ERROR_SIZE];
};

/* Returns the status, or how it failed. The caller clears the header. */
int transfer_run(struct transfer *t, struct err *err);
#endif
