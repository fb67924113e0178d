#include "unpack/window.h"

#include <sys/mman.h>
#include <sys/stat.h>

enum { PIECE_BYTES = 4 << 20 };

int window_open(int fd, struct window *ret, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the archive");
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "the archive is no regular file");
	*ret = (struct window){ .fd = fd, .size = st.st_size };
	return 0;
}

int window_next(struct window *w, const void **ret, size_t *ret_len, struct err *err)
{
	int64_t left = w->size - w->at;
	size_t len = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
	void *piece;

	window_close(w);
	*ret = NULL;
	*ret_len = len;
	if (!len)
		return 0;
	piece = mmap(NULL, len, PROT_READ, MAP_SHARED, w->fd, w->at);
	if (piece == MAP_FAILED)
		return err_sys(err, -errno, "cannot read the archive");
	w->piece = piece;
	w->len = len;
	w->at += (int64_t)len;
	*ret = piece;
	return 0;
}

void window_close(struct window *w)
{
	if (w->piece)
		munmap(w->piece, w->len);
	w->piece = NULL;
}
