#ifndef IMAGE_AWS_H
#define IMAGE_AWS_H
#include <time.h>

#include "image/wire.h"

/* One GET as Amazon's S3 wants it signed (AWS4-HMAC-SHA256). */
struct aws_get {
	const char *host;	/* as the Host header has it */
	const char *path;	/* as in the URL */
	const char *query;	/* likewise, without "?"; NULL: none */
	time_t at;
};

/* Adds the header lines that sign the request to *lines, a strv. */
int aws_sign(const struct wire_credential *key, const struct aws_get *get, char ***lines, struct err *err);

/* The region that a host of Amazon's has in its name, else the one that is the default. */
char *aws_region(const char *host);
#endif
