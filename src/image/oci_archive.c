#include "image/oci_archive.h"

#include "image/decompress.h"
#include "image/docker_archive.h"

enum { HEAD = 512 };

struct tar_files {
	struct pieces pieces;
	struct tar_index *tar;
};

static int open_member(struct pieces *p, const char *path, struct piece *ret, struct err *err)
{
	return tar_index_find(((struct tar_files *)p)->tar, path, ret, err);
}

static void free_members(struct pieces *p)
{
	tar_index_free(((struct tar_files *)p)->tar);
	free(p);
}

static bool has(const struct tar_index *tar, const char *path)
{
	struct piece piece;

	return tar_index_find(tar, path, &piece, NULL) >= 0;
}

/* *fd becomes the one with the plain tar. */
static int unpack(int *fd, int scratch_fd, struct err *err)
{
	unsigned char head[HEAD];
	ssize_t n = pread(*fd, head, sizeof(head), 0);
	const char *format = n > 0 ? decompress_format(head, (size_t)n) : NULL;
	int r;

	if (n < 0)
		return err_sys(err, -errno, "cannot read the archive");
	if (!format || str_eq(format, "tar"))
		return 0;
	if (scratch_fd < 0)
		return err_set(err, -ERR_BAD_INPUT, "the archive is packed with %s: unpack it first", format);
	r = decompress(*fd, scratch_fd, err);
	if (r < 0)
		return r;
	*fd = scratch_fd;
	return 0;
}

static int choose_format(struct tar_index *tar, const struct layout_wish *wish, struct source **ret, struct err *err)
{
	struct tar_files *files;

	if (has(tar, "oci-layout") && has(tar, "index.json")) {
		files = xcalloc(1, sizeof(*files));
		*files = (struct tar_files){ .pieces = { open_member, free_members }, .tar = tar };
		*ret = layout_in(&files->pieces, wish);
		return 0;
	}
	if (!has(tar, "manifest.json"))
		return err_set(err, -ERR_BAD_INPUT, "the archive is neither an OCI image layout nor of a docker that is still "
			       "supported: it has neither \"oci-layout\" nor \"manifest.json\"");
	if (wish->digest)
		return err_set(err, -ERR_BAD_INPUT, "the archive is docker's, which knows its images by name, not by digest");
	*ret = docker_archive_new(tar, wish->tag);
	return 0;
}

int oci_archive_new(int fd, int scratch_fd, const struct layout_wish *wish, struct source **ret,
		    struct err *err)
{
	AUTO(tar_index_free) struct tar_index *tar = NULL;
	int r = unpack(&fd, scratch_fd, err);

	if (r >= 0)
		r = tar_index_new(fd, &tar, err);
	if (r >= 0)
		r = choose_format(tar, wish, ret, err);
	if (r >= 0)
		(void)TAKE(tar);	/* it is the source's now */
	return r;
}
