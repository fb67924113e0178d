#include "image/decompress.h"

#include <bzlib.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "spec/limits.h"

enum {
	IN_ROOM = 256 << 10,
	OUT_ROOM = 1 << 20,
	HEAD_LEN = 512,
	MEMBER_HEAD_LEN = 32,		/* of each further member: any magic, and all of a zstd frame's header */
	WINDOW_LOG_MIN = 10, WINDOW_LOG_MAX = 30,
	WINDOW_LOG_SHARED = 23,		/* 8 MiB, what every zstd may ask for; a large one waits until there is room */
};

/* What a codec works on: it takes from in, puts to out, and moves both along. */
struct stream {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_room;
	bool at_end;	/* no more input than in holds */
	int window_log;	/* zstd: what a frame may ask for */
	void *state;
};

enum step { STEP_MORE, STEP_END, STEP_BAD, STEP_MEMORY };

struct codec {
	const char *name;
	const char *magic;
	size_t magic_at, magic_len;
	bool (*start)(struct stream *s);	/* also for the next member */
	enum step (*step)(struct stream *s);
	void (*stop)(struct stream *s);
	bool joins;	/* step() itself goes from member to member */
};

static bool gzip_start(struct stream *s)
{
	struct inflate_state *state = s->state;

	if (state) {
		isal_inflate_reset(state);
	} else {
		state = xmalloc(sizeof(*state));
		isal_inflate_init(state);
	}
	state->crc_flag = ISAL_GZIP;
	s->state = state;
	return true;
}

static enum step gzip_step(struct stream *s)
{
	struct inflate_state *state = s->state;
	int r;

	state->next_in = (uint8_t *)(uintptr_t)s->in;
	state->avail_in = (uint32_t)s->in_len;
	state->next_out = s->out;
	state->avail_out = (uint32_t)s->out_room;
	r = isal_inflate(state);
	s->in = state->next_in;
	s->in_len = state->avail_in;
	s->out = state->next_out;
	s->out_room = state->avail_out;
	if (r < 0)
		return STEP_BAD;
	return state->block_state == ISAL_BLOCK_FINISH ? STEP_END : STEP_MORE;
}

static void free_state(struct stream *s) { free(s->state); }

static bool bzip2_start(struct stream *s)
{
	bz_stream *state = s->state;

	if (state)
		BZ2_bzDecompressEnd(state);
	else
		state = xmalloc(sizeof(*state));
	memset(state, 0, sizeof(*state));
	s->state = state;
	return BZ2_bzDecompressInit(state, 0, 0) == BZ_OK;
}

static enum step bzip2_step(struct stream *s)
{
	bz_stream *state = s->state;
	int r;

	state->next_in = (char *)(uintptr_t)s->in;
	state->avail_in = (unsigned)s->in_len;
	state->next_out = (char *)s->out;
	state->avail_out = (unsigned)s->out_room;
	r = BZ2_bzDecompress(state);
	s->in = (uint8_t *)state->next_in;
	s->in_len = state->avail_in;
	s->out = (uint8_t *)state->next_out;
	s->out_room = state->avail_out;
	return r == BZ_OK ? STEP_MORE : r == BZ_STREAM_END ? STEP_END : r == BZ_MEM_ERROR ? STEP_MEMORY : STEP_BAD;
}

static void bzip2_stop(struct stream *s)
{
	if (s->state)
		BZ2_bzDecompressEnd(s->state);
	free(s->state);
}

static bool xz_start(struct stream *s)
{
	lzma_stream *state = s->state ? s->state : xcalloc(1, sizeof(*state));

	s->state = state;
	return lzma_stream_decoder(state, (uint64_t)limits()->decompress_memory, LZMA_CONCATENATED) == LZMA_OK;
}

static enum step xz_step(struct stream *s)
{
	lzma_stream *state = s->state;
	lzma_ret r;

	state->next_in = s->in;
	state->avail_in = s->in_len;
	state->next_out = s->out;
	state->avail_out = s->out_room;
	r = lzma_code(state, s->at_end ? LZMA_FINISH : LZMA_RUN);
	s->in = state->next_in;
	s->in_len = state->avail_in;
	s->out = state->next_out;
	s->out_room = state->avail_out;
	if (r == LZMA_MEMLIMIT_ERROR || r == LZMA_MEM_ERROR)
		return STEP_MEMORY;
	return r == LZMA_STREAM_END ? STEP_END : r == LZMA_OK || r == LZMA_BUF_ERROR ? STEP_MORE : STEP_BAD;
}

static void xz_stop(struct stream *s)
{
	if (s->state)
		lzma_end(s->state);
	free(s->state);
}

/* The largest window that takes no more than so many bytes. */
static int window_log(int64_t bytes)
{
	int log = WINDOW_LOG_MIN;

	while (log < WINDOW_LOG_MAX && (int64_t)1 << (log + 1) <= bytes)
		log++;
	return log;
}

static bool zstd_start(struct stream *s)
{
	if (!s->state)
		s->state = ZSTD_createDCtx();
	return s->state && !ZSTD_isError(ZSTD_DCtx_reset(s->state, ZSTD_reset_session_only)) &&
	       !ZSTD_isError(ZSTD_DCtx_setParameter(s->state, ZSTD_d_windowLogMax, s->window_log));
}

static enum step zstd_step(struct stream *s)
{
	ZSTD_inBuffer in = { s->in, s->in_len, 0 };
	ZSTD_outBuffer out = { s->out, s->out_room, 0 };
	size_t r = ZSTD_decompressStream(s->state, &out, &in);

	s->in += in.pos;
	s->in_len -= in.pos;
	s->out += out.pos;
	s->out_room -= out.pos;
	if (ZSTD_isError(r))
		/* Its code for this is private; its words are not. */
		return strstr(ZSTD_getErrorName(r), "memory") ? STEP_MEMORY : STEP_BAD;
	return r == 0 ? STEP_END : STEP_MORE;
}

static void zstd_stop(struct stream *s) { ZSTD_freeDCtx(s->state); }

static bool tar_start(struct stream *s) { return true; }

/* Where a tar ends is for its reader to say; here it ends with the file. */
static enum step tar_step(struct stream *s)
{
	size_t n = s->in_len < s->out_room ? s->in_len : s->out_room;

	memcpy(s->out, s->in, n);
	s->in += n;
	s->in_len -= n;
	s->out += n;
	s->out_room -= n;
	return s->at_end && !s->in_len ? STEP_END : STEP_MORE;
}

static void tar_stop(struct stream *s) { }

/* zstd has two rows: a file may begin with a frame to be skipped, and what is called zstd:chunked ends with them. */
static const struct codec codecs[] = {
	{ "gzip",  "\x1f\x8b",              0,   2, gzip_start,  gzip_step,  free_state, false },
	{ "bzip2", "BZh",                   0,   3, bzip2_start, bzip2_step, bzip2_stop, false },
	{ "xz",    "\xfd" "7zXZ\0",         0,   6, xz_start,    xz_step,    xz_stop,    true },
	{ "zstd",  "\x28\xb5\x2f\xfd",      0,   4, zstd_start,  zstd_step,  zstd_stop,  false },
	{ "zstd",  "\x2a\x4d\x18",          1,   3, zstd_start,  zstd_step,  zstd_stop,  false },
	{ "tar",   "ustar",                 257, 5, tar_start,   tar_step,   tar_stop,   true },
};

static const struct codec *codec_find(const void *head, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++)
		if (len >= codecs[i].magic_at + codecs[i].magic_len &&
		    memcmp((const char *)head + codecs[i].magic_at, codecs[i].magic, codecs[i].magic_len) == 0)
			return &codecs[i];
	return NULL;
}

const char *decompress_format(const void *head, size_t len)
{
	const struct codec *codec = codec_find(head, len);

	return codec ? codec->name : NULL;
}

/* --- memory -------------------------------------------------------------------- */

static void memory_take(struct decompress_memory *m, int64_t bytes)
{
	pthread_mutex_lock(&m->lock);
	/* What is larger than all there is has it to itself. */
	while (m->left < bytes && m->left < DECOMPRESS_WINDOWS)
		pthread_cond_wait(&m->freed, &m->lock);
	m->left -= bytes;
	pthread_mutex_unlock(&m->lock);
}

static void memory_give(struct decompress_memory *m, int64_t bytes)
{
	pthread_mutex_lock(&m->lock);
	m->left += bytes;
	pthread_cond_broadcast(&m->freed);
	pthread_mutex_unlock(&m->lock);
}

/* --- from one end to the other --------------------------------------------------- */

struct job {
	const struct decompress_input *input;
	const struct codec *codec;
	struct stream s;
	int out_fd;
	uint8_t *in, *out;
	int64_t read, written;
	int64_t window;		/* taken of the shared memory */
};

/* Where in the file the codec stands. */
static long long offset(const struct job *j) { return (long long)(j->read - (int64_t)j->s.in_len); }

/* Sees to it that so many bytes of input are there, if there are so many. */
static int fill(struct job *j, size_t want, struct err *err)
{
	size_t len = 0, kept = j->s.in_len;
	int r;

	if (kept >= want || j->s.at_end)
		return 0;
	if (kept)
		memmove(j->in, j->s.in, kept);
	r = j->input->read(j->input->arg, j->in + kept, IN_ROOM - kept, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read the %s", j->input->what);
	j->s.in = j->in;
	j->s.in_len = kept + len;
	j->s.at_end = kept + len < IN_ROOM;
	j->read += (int64_t)len;
	return 0;
}

static int flush(struct job *j, struct err *err)
{
	size_t len = (size_t)(j->s.out - j->out);
	int64_t *all = j->input->written;
	int r;

	j->written += (int64_t)len;
	if ((all ? __atomic_add_fetch(all, (int64_t)len, __ATOMIC_RELAXED) : j->written) > limits()->unpacked_bytes)
		return limit_refuse(err, &limits()->unpacked_bytes, "the image unpacks to more than");
	if (j->written > DECOMPRESS_RATIO_FROM && j->written / limits()->unpack_ratio > offset(j))
		return limit_refuse(err, &limits()->unpack_ratio, "the %s unpacks to more times its size than",
				    j->input->what);
	r = fd_write_all(j->out_fd, j->out, len);
	if (r < 0)
		return err_sys(err, r, "cannot hand the %s on", j->input->what);
	j->s.out = j->out;
	j->s.out_room = OUT_ROOM;
	return 0;
}

/* After one member: is there another? 1: yes, 0: the file ends here. */
static int next_member(struct job *j, struct err *err)
{
	const struct codec *next;
	int r = fill(j, MEMBER_HEAD_LEN, err);

	if (r < 0)
		return r;
	if (!j->s.in_len)
		return 0;
	next = codec_find(j->s.in, j->s.in_len);
	if (j->codec->joins || !next || next->step != j->codec->step)
		return err_set(err, -ERR_BAD_INPUT, "garbage after the end of the %s data at offset %lld",
			       j->codec->name, offset(j));
	if (!j->codec->start(&j->s))
		return err_sys(err, -ENOMEM, "cannot read %s data", j->codec->name);
	return 1;
}

/* A frame of zstd asks for a larger window than it may have. Waits until that is free, if it ever may have it. */
static bool widen(struct job *j)
{
	struct decompress_memory *memory = j->input->memory;

	if (!j->window || j->s.window_log >= window_log(limits()->layer_memory))
		return false;
	/* The old one first, or two that wait would wait for each other. */
	memory_give(memory, j->window);
	j->window = (int64_t)1 << ++j->s.window_log;
	memory_take(memory, j->window);
	return j->codec->start(&j->s);	/* nothing of the frame was taken yet */
}

/* What one step came to, and all that follows from it but the next one. 1: go on. */
static int after_step(struct job *j, enum step step, bool stands_still, struct err *err)
{
	int r;

	if (step == STEP_MEMORY && widen(j))
		return 1;
	if (step == STEP_BAD)
		return err_set(err, -ERR_BAD_INPUT, "corrupt %s data at offset %lld", j->codec->name, offset(j));
	if (step == STEP_MEMORY)
		return limit_refuse(err, j->window ? &limits()->layer_memory : &limits()->decompress_memory,
				    "%s data at offset %lld asks for more memory than", j->codec->name, offset(j));
	/* Standing still with nothing left means that the rest is missing. */
	if (step == STEP_MORE && stands_still)
		return err_set(err, -ERR_BAD_INPUT, "%s data is %s at offset %lld", j->codec->name,
			       j->s.in_len ? "corrupt" : "truncated", offset(j));
	if (j->s.out_room && step != STEP_END)
		return 1;
	r = flush(j, err);
	return r < 0 || step != STEP_END ? (r < 0 ? r : 1) : next_member(j, err);
}

/* Until the end of the file or a failure. */
static int run(struct job *j, struct err *err)
{
	int r;

	do {
		size_t in_before, out_before = j->s.out_room;
		enum step step;

		r = fill(j, 1, err);
		if (r < 0)
			return r;
		in_before = j->s.in_len;
		step = j->codec->step(&j->s);
		r = after_step(j, step, j->s.in_len == in_before && j->s.out_room == out_before, err);
	} while (r > 0);
	return r;
}

/* By the first bytes, which what was said beforehand must agree with. */
static int find_codec(struct job *j, struct err *err)
{
	const char *format = j->input->format;

	j->codec = codec_find(j->in, j->s.in_len < HEAD_LEN ? j->s.in_len : HEAD_LEN);
	if (!j->codec && str_eq(format, "tar"))
		for (size_t i = 0; i < ARRAY_LEN(codecs); i++)
			if (str_eq(codecs[i].name, format))
				j->codec = &codecs[i];
	if (format && (!j->codec || !str_eq(j->codec->name, format)))
		return err_set(err, -ERR_BAD_INPUT, "the %s is called %s and is %s", j->input->what, format,
			       j->codec ? j->codec->name : "something else");
	return j->codec ? 0 : err_set(err, -ERR_BAD_INPUT, "error: unknown image filetype");
}

int decompress_from(const struct decompress_input *input, int out_fd, struct err *err)
{
	AUTO(free) uint8_t *in = xmalloc(IN_ROOM);
	AUTO(free) uint8_t *out = xmalloc(OUT_ROOM);
	struct job j = {
		.input = input, .out_fd = out_fd, .in = in, .out = out,
		.s = { .in = in, .out = out, .out_room = OUT_ROOM,
		       .window_log = window_log(limits()->decompress_memory / 2) },	/* it takes about as much again */
	};
	int r = fill(&j, HEAD_LEN, err);

	if (r >= 0)
		r = find_codec(&j, err);
	if (r < 0)
		return r;
	if (input->memory && str_eq(j.codec->name, "zstd")) {
		j.s.window_log = WINDOW_LOG_SHARED;
		j.window = (int64_t)1 << WINDOW_LOG_SHARED;
		memory_take(input->memory, j.window);
	}
	r = j.codec->start(&j.s) ? run(&j, err) : err_sys(err, -ENOMEM, "cannot read %s data", j.codec->name);
	j.codec->stop(&j.s);
	if (j.window)
		memory_give(input->memory, j.window);
	return r;
}

static int read_fd(void *arg, void *data, size_t len, size_t *ret_len)
{
	return fd_read_upto(*(int *)arg, data, len, ret_len);
}

int decompress(int in_fd, int out_fd, struct err *err)
{
	struct decompress_input input = { .read = read_fd, .arg = &in_fd, .what = "image" };

	if (lseek(in_fd, 0, SEEK_SET) < 0)
		return err_sys(err, -errno, "cannot read the image");
	return decompress_from(&input, out_fd, err);
}
