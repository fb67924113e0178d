#include <string.h>

#include "store/tarread.h"

/* The walk and the rules over any bytes, in pieces of odd sizes; no file is touched. */
struct pieces {
	const uint8_t *data;
	size_t len, at;
};

static int next_piece(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	struct pieces *p = arg;
	size_t len = p->len - p->at < 1000 ? p->len - p->at : 1000;

	(void)err;
	*ret = p->data + p->at;
	*ret_len = len;
	p->at += len;
	return 0;
}

static int look(void *arg, const struct member *m, struct err *err)
{
	(void)arg, (void)err;
	if (m->kind == MEMBER_SKIP || m->kind == MEMBER_MANIFEST || *m->path == '/' || strstr(m->path, "//") ||
	    str_eq(m->path, "..") || str_starts(m->path, "../") || strstr(m->path, "/../") ||
	    str_ends(m->path, "/.."))
		abort();
	return 0;
}

static int look_at_data(void *arg, const void *data, size_t len, int64_t offset, struct err *err)
{
	(void)arg, (void)data, (void)err;
	if (offset < 0 || !len)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pieces pieces = { .data = data, .len = size };
	struct tar_source source = { .read = next_piece, .arg = &pieces };
	struct tar_sink sink = { .begin = look, .data = look_at_data };
	AUTO(err_clear) struct err err = {};
	struct tar_result result = {};

	if (tar_read(&source, &sink, &result, &err) < 0 && !err.chain)
		abort();
	free(result.manifest);
	return 0;
}
