#include "image/oci_archive.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An archive of any bytes: an answer, and a blob only if it is what its digest says. */
static void read_blobs(struct source *s, const struct document *root)
{
	AUTO(oci_document_clear) struct oci_document d = {};
	AUTO(close) int fd = memfd_create("blob", MFD_CLOEXEC);
	const struct blob_sink sink = { .fd = fd };

	if (oci_document_read(root->text.data, root->text.len, root->media_type, &d, NULL) < 0)
		return;
	for (size_t i = 0; i < d.n; i++) {
		AUTO(document_clear) struct document other = {};

		if (d.kind == OCI_KIND_MANIFEST)
			(void)s->ops->blob(s, &d.list[i], &sink, NULL);
		else
			(void)s->ops->document(s, &d.list[i], &other, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(close) int fd = memfd_create("archive", MFD_CLOEXEC);
	AUTO(document_clear) struct document root = {};
	AUTO(source_free) struct source *s = NULL;
	AUTO(err_clear) struct err err = {};
	int r;

	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		return 0;
	r = oci_archive_new(fd, -1, &(struct layout_wish){}, &s, &err);
	if (r >= 0)
		r = s->ops->root(s, &root, &err);
	if (r < 0 && (!err.chain || !*err.chain[0]))
		abort();
	if (r >= 0)
		read_blobs(s, &root);
	return 0;
}
