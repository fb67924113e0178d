#include <string.h>

#include "base/buf.h"
#include "store/tarread.h"

/*
 * The walk and the rules over any bytes, in pieces of odd sizes, as an ACI and as a layer of an OCI image; no file is
 * touched. Where the bytes of a file are said to be, they must be.
 */
struct walked {
	const uint8_t *data;
	size_t len, at;
	struct buf contents;	/* of the member, without its holes */
};

static int next_piece(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	struct walked *w = arg;
	size_t len = w->len - w->at < 1000 ? w->len - w->at : 1000;

	(void)err;
	*ret = w->data + w->at;
	*ret_len = len;
	w->at += len;
	return 0;
}

static int look(void *arg, const struct member *m, struct err *err)
{
	struct walked *w = arg;

	(void)err;
	w->contents.len = 0;
	if (m->kind == MEMBER_SKIP || m->kind == MEMBER_MANIFEST || *m->path == '/' || strstr(m->path, "//") ||
	    str_eq(m->path, "..") || str_starts(m->path, "../") || strstr(m->path, "/../") ||
	    str_ends(m->path, "/.."))
		abort();
	return 0;
}

static int look_at_data(void *arg, const void *data, size_t len, int64_t offset, struct err *err)
{
	struct walked *w = arg;

	(void)err;
	if (offset < 0 || !len)
		abort();
	buf_add(&w->contents, data, len);
	return 0;
}

static int look_at_extents(void *arg, const struct member *m, struct err *err)
{
	struct walked *w = arg;
	size_t seen = 0;
	int64_t at = 0;

	(void)err;
	for (size_t i = 0; i < m->n_extents; i++) {
		const struct extent *x = &m->extents[i];

		if (x->at < at || x->len <= 0 || x->len > m->size - x->at || x->offset < 0 ||
		    (size_t)(x->offset + x->len) > w->len || (size_t)x->len > w->contents.len - seen ||
		    memcmp(w->contents.data + seen, w->data + x->offset, (size_t)x->len))
			abort();
		at = x->at + x->len;
		seen += (size_t)x->len;
		for (int64_t end = x->offset + x->len; at == m->size && m->tail_zero && end % 512; end++)
			if (w->data[end])
				abort();
	}
	if (seen != w->contents.len)
		abort();
	return 0;
}

static void walk(const uint8_t *data, size_t size, enum tar_format format)
{
	struct walked w = { .data = data, .len = size };
	struct tar_source source = { next_piece, &w, format };
	struct tar_sink sink = { look, look_at_data, look_at_extents, &w };
	AUTO(err_clear) struct err err = {};
	struct tar_result result = {};

	if (tar_read(&source, &sink, &result, &err) < 0 && !err.chain)
		abort();
	free(result.manifest);
	buf_clear(&w.contents);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	walk(data, size, TAR_ACI);
	walk(data, size, TAR_OCI);
	return 0;
}
