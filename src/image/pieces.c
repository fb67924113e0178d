#include "image/pieces.h"

#include "base/fd.h"
#include "image/sha.h"
#include "spec/limits.h"

enum { CHUNK = 1 << 20 };

/* Exactly len bytes at offset of the piece. */
static int read_at(const struct piece *p, int64_t offset, void *data, size_t len, struct err *err)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = pread(p->fd, (char *)data + got, len - got, p->offset + offset + (int64_t)got);

		if (n < 0 && errno != EINTR)
			return err_sys(err, -errno, "cannot read the image");
		if (n == 0)
			return err_set(err, -ERR_BAD_INPUT, "the image changed while it was read");
		got += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int piece_read(const struct piece *p, size_t max, struct buf *ret, struct err *err)
{
	AUTO(buf_clear) struct buf all = {};
	int r;

	if (p->size > (int64_t)max)
		return err_set(err, -E2BIG, "larger than %zu bytes", max);
	buf_reserve(&all, (size_t)p->size + 1);
	r = read_at(p, 0, all.data, (size_t)p->size, err);
	if (r < 0)
		return r;
	all.len = (size_t)p->size;
	all.data[all.len] = 0;
	*ret = all;
	all = (struct buf){};
	return 0;
}

int piece_read_document(const struct piece *p, struct buf *ret, struct err *err)
{
	if (p->size > limits()->document_bytes)
		return limit_refuse(err, &limits()->document_bytes, "larger than");
	return piece_read(p, (size_t)limits()->document_bytes, ret, err);
}

static int copy_chunks(const struct piece *p, struct sha *sha, const struct blob_sink *sink, struct err *err)
{
	AUTO(free) char *chunk = xmalloc(CHUNK);
	int r = 0;

	for (int64_t at = 0; at < p->size && r >= 0;) {
		size_t len = p->size - at < CHUNK ? (size_t)(p->size - at) : CHUNK;

		r = read_at(p, at, chunk, len, err);
		if (r < 0)
			return r;
		sha_add(sha, chunk, len);
		r = fd_write_at(sink->fd, chunk, len, at);
		if (r < 0)
			return err_sys(err, r, "cannot keep a blob");
		at += (int64_t)len;
		if (sink->done)
			__atomic_store_n(sink->done, at, __ATOMIC_RELAXED);
		r = sink->grown ? sink->grown(sink->arg, at) : 0;
	}
	return r;
}

int piece_copy(const struct piece *p, const struct oci_descriptor *d, const struct blob_sink *sink, struct err *err)
{
	AUTO(sha_free) struct sha *sha = sha_new(d->digest);
	AUTO(free) char *digest = NULL;
	int r;

	if (p->size != d->size)
		return err_set(err, -ERR_BAD_INPUT, "blob \"%s\" has %lld bytes instead of %lld", d->digest,
			       (long long)p->size, (long long)d->size);
	if (ftruncate(sink->fd, 0) < 0)
		return err_sys(err, -errno, "cannot keep a blob");
	r = copy_chunks(p, sha, sink, err);
	if (r < 0)
		return r;
	digest = sha_finish(sha);
	if (!str_eq(digest, d->digest))
		return err_set(err, -ERR_BAD_INPUT, "blob \"%s\" is corrupt: its bytes have digest \"%s\"", d->digest, digest);
	return 0;
}

void piece_clear(struct piece *p)
{
	if (p->owned && p->fd >= 0)
		close(p->fd);
	*p = (struct piece){ .fd = -1 };
}
