#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "spec/limits.h"
#include "stage0/image.h"

enum { PIECE = 256 << 10 };

static const char standard_input[] = "/dev/stdin";

static int spool(int to_fd, struct err *err)
{
	AUTO(free) char *piece = xmalloc(PIECE);
	int64_t size = 0;
	size_t len = 0;
	int r;

	do {
		r = fd_read_upto(STDIN_FILENO, piece, PIECE, &len);
		if (r < 0)
			return err_sys(err, r, "cannot read standard input");
		size += (int64_t)len;
		if (size > limits()->image_bytes)
			return limit_refuse(err, &limits()->image_bytes, "what comes from standard input is larger than");
		r = fd_write_all(to_fd, piece, len);
		if (r < 0)
			return err_sys(err, r, "cannot keep what comes from standard input");
	} while (len == PIECE);
	return 0;
}

/*
 * Makes standard input a regular file that holds all that comes from it, so that
 * from here on it is a file like any other, whose path is /dev/stdin.
 */
static int take_standard_input(struct store *store, struct err *err)
{
	AUTO(close) int fd = -1;
	struct stat st;
	int r;

	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	if (isatty(STDIN_FILENO))
		return err_set(err, -EINVAL, "standard input is a terminal: an image has to come from a file or a pipe");
	r = store_temp_file(store, &fd, err);
	if (r >= 0)
		r = spool(fd, err);
	if (r >= 0 && dup2(fd, STDIN_FILENO) < 0)
		r = err_sys(err, -errno, "cannot keep what comes from standard input");
	return r;
}

int image_import(const struct engine *e, struct store *store, const struct image_import_request *q,
		 struct image_info *ret, struct err *err)
{
	const struct fetch_config config = { .libexec_dir = e->libexec_dir };
	const char *path = q->path ?: standard_input;
	struct reference ref = { .text = (char *)path, .path = (char *)path, .tag = (char *)q->tag };
	const struct fetch_image image = { .ref = &ref, .signature = q->signature };
	AUTO(image_info_clear) struct image_info info = {};
	int r = q->path ? 0 : take_standard_input(store, err);

	if (r >= 0)
		r = fetch_kind(&config, path, &ref.kind, err);
	if (r < 0)
		return r;
	if (q->tag && ref.kind == REFERENCE_FILE)
		return err_set(err, -EINVAL, "'%s' is an ACI, which holds one image and has no tags", path);
	if (!q->path && !q->signature && ref.kind == REFERENCE_FILE && !(e->insecure & INSECURE_IMAGE))
		return err_set(err, -ERR_NO_SIGNATURE, "an ACI on standard input has no signature beside it: name one with "
			       "--signature=FILE, or try --insecure-options=image");
	log_debug("image: importing %s as %s", path, ref.kind == REFERENCE_FILE ? "an ACI" : "an archive of images");
	r = image_fetch(e, store, &image, &info, err);
	if (r >= 0)
		r = image_check_verified(e, &info, err);
	if (r < 0)
		return r;
	*ret = info;
	info = (struct image_info){};
	return 0;
}
