#include "image/source.h"

void document_clear(struct document *d)
{
	buf_clear(&d->text);
	free(d->digest);
	free(d->media_type);
	*d = (struct document){};
}
