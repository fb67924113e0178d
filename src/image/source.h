#ifndef IMAGE_SOURCE_H
#define IMAGE_SOURCE_H
#include "base/buf.h"
#include "spec/oci.h"
/*
 * Where rkt-fetch gets an OCI image from: a registry, an image layout, an archive of one, or what `docker save`
 * and `podman save` write. Each gives documents and blobs; image/oci_server.c does the rest once for all.
 */
struct document {
	struct buf text;
	char *digest;		/* computed from the text: "sha256:…" */
	char *media_type;	/* as the source says; NULL: it does not */
};
/*
 * Sets the digest, by the algorithm of the one that is expected. NULL: none is, and it is SHA-256. A size below 0
 * is unknown. -ERR_BAD_INPUT: the text is not what was expected.
 */
int document_check(struct document *d, const char *digest, int64_t size, struct err *err);
void document_clear(struct document *d);
static inline void document_clear_auto(struct document *d) { document_clear(d); }

/* A blob on its way: what of it can be read from fd yet. */
struct blob_sink {
	int fd;			/* to read and write; what it holds already is gone on with */
	/* So much of fd is valid now: decompressing may go on to there. A failure ends the download. */
	int (*grown)(void *arg, int64_t size);
	void *arg;
	int64_t *done;		/* for the progress bar; atomic; NULL: nobody looks */
};

struct source {
	const struct source_ops *ops;	/* each source's struct begins with this one */
	/*
	 * What a file calls the image that root() gave: "[HOST/]NAME[:TAG]", and its tag alone. They are its maker's
	 * words, not checked in any way. NULL: none; always of a registry.
	 */
	char *name, *tag;
	/*
	 * How many servers may be asked for signatures, one after the other: each may have some that the others lack.
	 * 0: the source is one place.
	 */
	size_t n_places;
};

struct source_ops {
	/* The document that the request names: by tag or by digest, which is then verified. */
	int (*root)(struct source *s, struct document *ret, struct err *err);
	/* A document by its descriptor: size and digest are verified. */
	int (*document)(struct source *s, const struct oci_descriptor *d, struct document *ret, struct err *err);
	/* A blob by its descriptor: size and digest are verified at the end. May be called by several threads. */
	int (*blob)(struct source *s, const struct oci_descriptor *d, const struct blob_sink *sink, struct err *err);
	/* A document under another tag (signatures), at one of the places. -ERR_NOT_FOUND. NULL: the source has no tags. */
	int (*tag)(struct source *s, size_t place, const char *tag, struct document *ret, struct err *err);
	/*
	 * An index of what refers to the digest (bundles of signatures; the distribution API's "referrers", or the tag
	 * "sha256-HEX" where a registry has none of that), at one of the places. *next is NULL at first, and then what
	 * the call before set it to: where the list goes on; NULL: it doesn't. The caller frees it. -ERR_NOT_FOUND.
	 * NULL: the source knows no such thing.
	 */
	int (*referrers)(struct source *s, size_t place, const char *digest, char **next, struct document *ret,
			 struct err *err);
	void (*free)(struct source *s);
};

static inline void source_free(struct source *s)
{
	if (!s)
		return;
	free(s->name);
	free(s->tag);
	s->ops->free(s);
}
DEFINE_AUTO(struct source *, source_free)
#endif
