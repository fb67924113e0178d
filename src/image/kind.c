#include "image/kind.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/fd.h"
#include "image/decompress.h"

enum { BLOCK = 512, INPUT_MAX = 2 << 20, PIPE_ROOM = 1 << 20 };

/* --- the first member ------------------------------------------------------------- */

/* Octal digits, as far as there are any; a size that takes more is no header's that is passed over here. */
static size_t read_octal(const char *field, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && field[i] >= '0' && field[i] <= '7' && n < SIZE_MAX / 16; i++)
		n = n * 8 + (size_t)(field[i] - '0');
	return n;
}

/* Of headers that speak about the next member. */
static bool is_about_next(char type) { return type && strchr("xgLK", type); }

/* The member's name without a leading "./", or as much as the header has; the caller frees it. */
static char *name_of(const char *block)
{
	AUTO(free) char *name = xstrndup(block, 100);
	const char *bare = name;

	while (str_starts(bare, "./"))
		bare += 2;
	return xstrdup(str_eq(bare, ".") ? "" : bare);
}

const char *kind_of_head(const char *head, size_t len)
{
	for (size_t at = 0; at + BLOCK <= len;) {
		const char *block = head + at;
		AUTO(free) char *name = name_of(block);
		size_t size = read_octal(block + 124, 12);

		if (memcmp(block + 257, "ustar", 5) != 0)
			return NULL;
		if (!is_about_next(block[156]) && *name)
			return str_eq(name, "manifest") || str_eq(name, "rootfs") || str_starts(name, "rootfs/") ?
			       KIND_ACI : KIND_ARCHIVE;
		if (size > len)
			return NULL;
		at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
	}
	return NULL;
}

/* --- a file ------------------------------------------------------------------------- */

struct input {
	int fd;
	size_t left;
};

static int read_some(void *arg, void *data, size_t len, size_t *ret_len)
{
	struct input *in = arg;
	int r = fd_read_upto(in->fd, data, len < in->left ? len : in->left, ret_len);

	in->left -= r >= 0 ? *ret_len : 0;
	/* What was unpacked so far is enough. */
	return r >= 0 && !in->left ? -ECANCELED : r;
}

/*
 * Unpacks as much as a pipe takes. Whether that works to its end is for
 * whoever unpacks it all to say: here only the beginning is looked at.
 */
static int read_head(int fd, char *head, size_t *ret_len, struct err *err)
{
	struct input in = { .fd = fd, .left = INPUT_MAX };
	const struct decompress_input input = { .read = read_some, .arg = &in, .what = "image" };
	AUTO(close) int read_fd = -1, write_fd = -1;
	int pipe_fds[2], r;

	if (lseek(fd, 0, SEEK_SET) < 0 || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, -errno, "cannot read the image");
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	(void)fcntl(write_fd, F_SETPIPE_SZ, PIPE_ROOM);
	r = decompress_from(&input, write_fd, err);
	close(TAKE_FD(write_fd));
	*ret_len = 0;
	(void)fd_read_upto(read_fd, head, KIND_HEAD, ret_len);
	if (!*ret_len && r < 0)
		return r;
	err_clear(err);
	return 0;
}

int kind_of_file(int fd, const char **ret, struct err *err)
{
	AUTO(free) char *head = xmalloc(KIND_HEAD);
	AUTO(err_clear) struct err unheard = {};
	size_t len = 0;
	int r;

	err = err ?: &unheard;
	r = read_head(fd, head, &len, err);
	if (r < 0)
		return r;
	*ret = kind_of_head(head, len);
	return *ret ? 0 : err_set(err, -ERR_BAD_INPUT, "error: unknown image filetype");
}
