#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "spec/limits.h"
#include "store/erofs.h"
#include "store/erofs_check.h"
#include "store/hash.h"

/*
 * Archives put together and written as an index, which is read back. The first
 * byte says what they are (odd: layers of an OCI image), the rest is one
 * archive after the other with SEPARATOR between them.
 */
enum { LAYERS_MAX = 8 };
#define SEPARATOR "NEXTLAYR"

struct pieces {
	const uint8_t *data;
	size_t len, at;
};

static int next_piece(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	struct pieces *p = arg;
	size_t left = p->len - p->at;

	(void)err;
	*ret = p->data + p->at;
	*ret_len = left < 1536 ? left : 1536;
	p->at += *ret_len;
	return 0;
}

static int read_bytes(void *arg, unsigned archive, int64_t offset, void *data, size_t len, struct err *err)
{
	const struct buf *b = (const struct buf *)arg + archive;

	(void)err;
	if (offset < 0 || (size_t)offset > b->len || len > b->len - (size_t)offset)
		abort();
	memcpy(data, b->data + offset, len);
	return 0;
}

/* What looks like a header gets the right checksum: otherwise nearly no change would come through. */
static void repair(struct buf *archive)
{
	for (size_t at = 0; at + 512 <= archive->len; at += 512) {
		char *header = archive->data + at, digits[9];
		unsigned sum = 0;

		if (memcmp(header + 257, "ustar", 5))
			continue;
		memset(header + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += (unsigned char)header[i];
		snprintf(digits, sizeof(digits), "%06o", sum);
		memcpy(header + 148, digits, 7);
	}
}

static void check_names(const struct node *n, bool oci)
{
	for (const struct node *c = n->children; c; c = c->next) {
		if (!*c->name || strchr(c->name, '/') || str_eq(c->name, ".") || str_eq(c->name, "..") ||
		    (oci && str_starts(c->name, ".wh.")))
			abort();
		check_names(c, oci);
	}
}

static void write_and_check(const struct merge *m, const struct buf *archives, size_t n)
{
	AUTO(close) int fd = memfd_create("index", MFD_CLOEXEC);
	AUTO(err_clear) struct err err = {};
	struct merge_source source = { read_bytes, (void *)archives };
	int64_t sizes[LAYERS_MAX] = {}, size = 0;
	char *words = NULL;
	void *image;
	int r;

	for (size_t i = 0; i < n; i++)
		sizes[i] = (int64_t)archives[i].len;
	r = erofs_write(fd, m, sizes, n, &source, &size, &err);
	if (r == -E2BIG)
		return;
	if (r < 0)
		abort();
	image = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (image == MAP_FAILED)
		abort();
	if (erofs_check(image, (size_t)size, m, archives, n, &words) < 0) {
		fprintf(stderr, "%s\n", words);
		abort();
	}
	munmap(image, (size_t)size);
}

static int add(struct merge *m, bool oci, unsigned number, const struct buf *archive)
{
	struct merge_layer layer = {
		.format = oci ? TAR_OCI : TAR_ACI, .archive = number, .below = !oci && number,
	};
	struct pieces pieces = { .data = (const uint8_t *)archive->data, .len = archive->len };
	struct tar_source source = { next_piece, &pieces, layer.format };
	struct tar_sink sink = merge_begin(m, &layer);
	AUTO(err_clear) struct err err = {};
	struct tar_result result = {};
	int r = tar_read(&source, &sink, &result, &err);

	free(result.manifest);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct limits small = {
		.members = 5000, .tree_memory = 16 << 20, .index_bytes = 16 << 20, .sparse_parts = 5000,
	};
	AUTO(merge_free) struct merge *m = merge_new();
	struct buf archives[LAYERS_MAX] = {};
	const uint8_t *at = data + 1, *end = data + size;
	bool oci;
	size_t n = 0;

	if (size < 2)
		return 0;
	oci = *data & 1;
	limits_set(&small);
	hash_init();
	while (n < LAYERS_MAX && at < end) {
		const uint8_t *next = memmem(at, (size_t)(end - at), SEPARATOR, strlen(SEPARATOR)) ?: end;

		buf_add(&archives[n++], at, (size_t)(next - at));
		repair(&archives[n - 1]);
		at = next < end ? next + strlen(SEPARATOR) : end;
		if (add(m, oci, (unsigned)n - 1, &archives[n - 1]) < 0)
			break;
	}
	/* Also what was put together until a failure must make sense. */
	merge_finish(m);
	check_names(merge_root(m), oci);
	write_and_check(m, archives, n);
	for (size_t i = 0; i < n; i++)
		buf_clear(&archives[i]);
	return 0;
}
