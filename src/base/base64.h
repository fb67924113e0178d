#ifndef BASE_BASE64_H
#define BASE_BASE64_H
#include "base/buf.h"
/* Base64 (RFC 4648, section 4) in its one right form: padded, without blanks or line breaks, no bits left over. */

/* The caller frees it. */
char *base64_encode(const void *data, size_t len);

/* Adds the decoded bytes to ret. -EINVAL: not that form; ret is then as before. */
int base64_decode(const char *text, size_t len, struct buf *ret);
#endif
