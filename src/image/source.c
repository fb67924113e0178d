#include "image/source.h"

#include "image/sha.h"

int document_check(struct document *d, const char *digest, int64_t size, struct err *err)
{
	if (size >= 0 && (int64_t)d->text.len != size)
		return err_set(err, -ERR_BAD_INPUT, "\"%s\" has %zu bytes instead of %lld", digest, d->text.len,
			       (long long)size);
	free(d->digest);
	d->digest = sha_digest(digest ?: "sha256:", d->text.data ?: "", d->text.len);
	if (digest && !str_eq(d->digest, digest))
		return err_set(err, -ERR_BAD_INPUT, "\"%s\" is corrupt: what came has digest \"%s\"", digest, d->digest);
	return 0;
}

void document_clear(struct document *d)
{
	buf_clear(&d->text);
	free(d->digest);
	free(d->media_type);
	*d = (struct document){};
}
