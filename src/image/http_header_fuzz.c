#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "image/http_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_header *h)
{
	const struct http_answer *a = &h->answer;
	const char *strings[] = { a->content_type, a->etag, a->last_modified, a->challenge, a->digest, a->version };

	/* What is sent back to servers and told to rkt. */
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		for (const char *s = strings[i]; s && *s; s++)
			assert(*s >= ' ' && *s <= '~');
	assert(!h->ended || (a->max_age >= 0 && a->max_age <= HTTP_AGE_MAX));
	if (h->range.given)
		assert(h->range.last >= h->range.first && (h->range.total < 0 || h->range.last < h->range.total));
}

/* A header, line by line as the library hands it over. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_header h = HTTP_HEADER_NONE;
	const char *p = (const char *)data, *end = p + size;
	int r = 0;

	while (p < end && r == 0) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *next = newline ? newline + 1 : end;

		r = http_header_line(&h, p, (size_t)(next - p));
		check(&h);
		p = next;
	}
	http_header_clear(&h);
	return 0;
}
