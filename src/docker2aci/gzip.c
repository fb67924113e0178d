#include "docker2aci/gzip.h"

#include <isa-l/igzip_lib.h>

#include "base/fd.h"

enum { PIECE = 1 << 20 };

struct job {
	struct isal_zstream stream;
	unsigned char in[PIECE], out[PIECE], level[ISAL_DEF_LVL2_DEFAULT];
};

static int read_piece(int fd, int64_t at, struct job *j, struct err *err)
{
	size_t len = 0;

	while (len < PIECE) {
		ssize_t n = pread(fd, j->in + len, PIECE - len, at + (int64_t)len);

		if (n < 0 && errno != EINTR)
			return err_sys(err, -errno, "cannot read the image");
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	j->stream.next_in = j->in;
	j->stream.avail_in = (uint32_t)len;
	j->stream.end_of_stream = len < PIECE;
	return 0;
}

/* Until all of the input is used up and nothing more comes out. */
static int write_piece(int fd, struct job *j, struct err *err)
{
	int r;

	do {
		j->stream.next_out = j->out;
		j->stream.avail_out = PIECE;
		if (isal_deflate(&j->stream) != COMP_OK)
			return err_set(err, -EIO, "cannot compress the image");
		r = fd_write_all(fd, j->out, PIECE - j->stream.avail_out);
		if (r < 0)
			return err_sys(err, r, "cannot write the image");
	} while (!j->stream.avail_out);
	return 0;
}

int gzip_file(int in_fd, int out_fd, struct err *err)
{
	AUTO(free) struct job *j = xmalloc(sizeof(*j));
	int r = 0;

	isal_deflate_init(&j->stream);
	j->stream.gzip_flag = IGZIP_GZIP;
	j->stream.level = 2;
	j->stream.level_buf = j->level;
	j->stream.level_buf_size = sizeof(j->level);
	for (int64_t at = 0; r >= 0 && !j->stream.end_of_stream; at += PIECE) {
		r = read_piece(in_fd, at, j, err);
		if (r >= 0)
			r = write_piece(out_fd, j, err);
	}
	return r;
}
