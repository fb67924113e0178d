#ifndef IMAGE_HTTP_HEADER_H
#define IMAGE_HTTP_HEADER_H
#include "image/http.h"
/*
 * The header of an answer, read line by line as it comes. The lines are foreign
 * bytes, whatever the library has let through.
 */
struct http_range {
	bool given;
	int64_t first, last;	/* both -1: of no byte ("*") */
	int64_t total;		/* -1: not said */
};

struct http_header {
	struct http_answer answer;	/* all but url and status */
	size_t bytes;			/* of all lines */
	bool ended;			/* its empty line came: what follows are trailers, which count only as bytes */
	bool has_length, chunked;
	char *encoding;			/* Content-Encoding other than identity */
	struct http_range range;	/* Content-Range */
	int64_t retry_after;		/* seconds; -1: not said */
	int64_t date, retry_date, age;	/* Date and Retry-After as seconds since the epoch, -1: none; Age */
	bool no_cache;
};
#define HTTP_HEADER_NONE ((struct http_header){ .retry_after = -1, .date = -1, .retry_date = -1 })

/*
 * Takes one line, with or without its end. A status line begins the next header
 * (interim answers come before the real one). -E2BIG: it is over the limit header-bytes.
 */
int http_header_line(struct http_header *h, const char *line, size_t len);
void http_header_clear(struct http_header *h);

/* "Sun, 06 Nov 1994 08:49:37 GMT", and no other form, as seconds since the epoch. -EINVAL: it is none. */
int http_date(const char *s, int64_t *ret);
#endif
