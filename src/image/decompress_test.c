#include "image/decompress.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zstd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "spec/limits.h"

static char *seed(const char *name, size_t *ret_len)
{
	AUTO(free) char *path = xasprintf(SEEDS_DIR "/decompress/%s", name);
	char *data = NULL;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data, ret_len), 0);
	return data;
}

/* What data unpacks to; the caller frees it. */
static int unpack(const void *data, size_t len, char **ret, size_t *ret_len, struct err *err)
{
	AUTO(close) int in_fd = memfd_create("in", MFD_CLOEXEC);
	AUTO(close) int out_fd = memfd_create("out", MFD_CLOEXEC);
	struct stat st;
	int r;

	assert_int_equal(fd_write_all(in_fd, data, len), 0);
	r = decompress(in_fd, out_fd, err);
	assert_int_equal(fstat(out_fd, &st), 0);
	*ret_len = (size_t)st.st_size;
	*ret = xcalloc(1, *ret_len + 1);
	assert_int_equal(pread(out_fd, *ret, *ret_len, 0), st.st_size);
	return r;
}

static void each_format(void **state)
{
	static const struct { const char *name, *format; } formats[] = {
		{ "plain", "tar" }, { "gz", "gzip" }, { "bz", "bzip2" }, { "xz", "xz" }, { "zst", "zstd" },
	};
	size_t plain_len = 0;
	AUTO(free) char *plain = seed("plain", &plain_len);

	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		size_t len = 0, got_len = 0;
		AUTO(free) char *data = seed(formats[i].name, &len);
		AUTO(free) char *got = NULL;

		assert_string_equal(decompress_format(data, len), formats[i].format);
		assert_int_equal(unpack(data, len, &got, &got_len, NULL), 0);
		assert_int_equal(got_len, plain_len);
		assert_memory_equal(got, plain, plain_len);
	}
}

/* Two members one after the other, for all that know members. */
static void several_members(void **state)
{
	static const char *const names[] = { "gz", "bz", "xz", "zst" };
	size_t plain_len = 0;
	AUTO(free) char *plain = seed("plain", &plain_len);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = 0, got_len = 0;
		AUTO(free) char *data = seed(names[i], &len);
		AUTO(free) char *twice = xmalloc(2 * len);
		AUTO(free) char *got = NULL;

		memcpy(twice, data, len);
		memcpy(twice + len, data, len);
		assert_int_equal(unpack(twice, 2 * len, &got, &got_len, NULL), 0);
		assert_int_equal(got_len, 2 * plain_len);
		assert_memory_equal(got + plain_len, plain, plain_len);
	}
}

/* Wherever it is cut or one byte is changed: an error, or at least never other content. */
static void damage(void **state)
{
	static const char *const names[] = { "gz", "bz", "xz" };
	size_t plain_len = 0;
	AUTO(free) char *plain = seed("plain", &plain_len);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = 0, got_len = 0;
		AUTO(free) char *data = seed(names[i], &len);

		for (size_t cut = 0; cut < len; cut++) {
			AUTO(free) char *got = NULL;

			assert_int_equal(unpack(data, cut, &got, &got_len, NULL), -ERR_BAD_INPUT);
		}
		for (size_t at = 0; at < len; at++) {
			AUTO(free) char *got = NULL;
			int r;

			data[at] ^= 0x20;
			r = unpack(data, len, &got, &got_len, NULL);
			assert_true(r < 0 || (got_len == plain_len && memcmp(got, plain, plain_len) == 0));
			data[at] ^= 0x20;
		}
	}
}

static void words(void **state)
{
	AUTO(err_clear) struct err err = {};
	size_t len = 0, got_len = 0;
	AUTO(free) char *cut = seed("gz_cut", &len);
	AUTO(free) char *got = NULL;
	AUTO(free) char *junk = NULL;
	AUTO(free) char *got_junk = NULL;
	AUTO(free) char *got_text = NULL;

	assert_int_equal(unpack(cut, len, &got, &got_len, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "gzip data is truncated at offset 40");
	junk = seed("gz_junk", &len);
	assert_int_equal(unpack(junk, len, &got_junk, &got_len, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "garbage after the end of the gzip data at offset 101");
	assert_int_equal(unpack("hello", 5, &got_text, &got_len, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "error: unknown image filetype");
}

static void ceiling(void **state)
{
	AUTO(err_clear) struct err err = {};
	size_t len = 0, got_len = 0;
	AUTO(free) char *data = seed("gz", &len);
	AUTO(free) char *got = NULL;

	limits_set(&(struct limits){ .unpacked_bytes = 1023 });
	assert_int_equal(unpack(data, len, &got, &got_len, &err), -E2BIG);
	limits_set(NULL);
	assert_string_equal(err.chain[0], "the image unpacks to more than the limit unpacked-bytes (1023B; limits.d)");
	assert_int_equal(got_len, 0);
}

static void reader_gone(void **state)
{
	AUTO(close) int in_fd = memfd_create("in", MFD_CLOEXEC);
	AUTO(close) int out_fd = -1;
	size_t len = 0;
	AUTO(free) char *data = seed("gz", &len);
	int pipe_fds[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	close(pipe_fds[0]);
	out_fd = pipe_fds[1];
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(fd_write_all(in_fd, data, len), 0);
	assert_int_equal(decompress(in_fd, out_fd, NULL), -EPIPE);
	signal(SIGPIPE, SIG_DFL);
}

/* Bytes that come a few at a time, as a growing file has them. */
struct trickle { const char *data; size_t len; };

static int read_trickle(void *arg, void *data, size_t len, size_t *ret_len)
{
	struct trickle *t = arg;

	*ret_len = len < t->len ? len : t->len;
	memcpy(data, t->data, *ret_len);
	t->data += *ret_len;
	t->len -= *ret_len;
	return 0;
}

static int unpack_as(const char *format, const void *data, size_t len, struct decompress_memory *memory,
		     struct err *err)
{
	AUTO(close) int out_fd = memfd_create("out", MFD_CLOEXEC);
	struct trickle t = { data, len };
	struct decompress_input input = { .read = read_trickle, .arg = &t, .what = "layer", .format = format,
					  .memory = memory };
	int r = decompress_from(&input, out_fd, err);

	return r < 0 ? r : (int)lseek(out_fd, 0, SEEK_END);
}

static void called_something_else(void **state)
{
	AUTO(err_clear) struct err err = {};
	size_t len = 0;
	AUTO(free) char *gz = seed("gz", &len);
	static const char zeros[1024];

	assert_int_equal(unpack_as("gzip", gz, len, NULL, NULL), 1024);
	assert_int_equal(unpack_as("zstd", gz, len, NULL, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "the layer is called zstd and is gzip");
	assert_int_equal(unpack_as("tar", gz, len, NULL, NULL), -ERR_BAD_INPUT);
	assert_int_equal(unpack_as("gzip", zeros, sizeof(zeros), NULL, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "the layer is called gzip and is something else");
	/* An archive of nothing is two blocks of zeros, and nothing marks it as tar. */
	assert_int_equal(unpack_as("tar", zeros, sizeof(zeros), NULL, NULL), 1024);
	assert_int_equal(unpack_as("tar", zeros, 0, NULL, NULL), 0);
}

/* A frame that asks for a window of 1 << log bytes, which unpacks to 1000. Returns its length. */
static size_t zstd_frame(int log, char ret[1 << 10])
{
	static const char text[1000];
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer in = { text, sizeof(text), 0 };
	ZSTD_outBuffer out = { ret, 1 << 10, 0 };

	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, log);
	assert_false(ZSTD_isError(ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush)));
	assert_int_equal(ZSTD_compressStream2(c, &out, &in, ZSTD_e_end), 0);
	ZSTD_freeCCtx(c);
	return out.pos;
}

static void windows(void **state)
{
	struct decompress_memory memory = DECOMPRESS_MEMORY;
	char frame[4 << 10];

	for (int log = 20; log <= 27; log++) {
		size_t len = zstd_frame(log, frame);
		AUTO(err_clear) struct err err = {};

		assert_int_equal(unpack_as("zstd", frame, len, NULL, NULL), 1000);
		assert_int_equal(unpack_as("zstd", frame, len, &memory, &err), log <= 25 ? 1000 : -E2BIG);
		if (log > 25)
			assert_string_equal(err.chain[0], "zstd data at offset 0 asks for more memory than the limit "
					   "layer-memory (32MiB; limits.d)");
		assert_true(memory.left == DECOMPRESS_WINDOWS);
	}
	/* One after the other, the later ones larger. */
	for (size_t len = 0, i = 0; i < 3; i++) {
		len += zstd_frame(22 + 2 * (int)i, frame + len);
		assert_int_equal(unpack_as("zstd", frame, len, &memory, NULL), i < 2 ? 1000 * ((int)i + 1) : -E2BIG);
	}
}

/* A limit above what is shared: one has it all. */
static void wider_than_all(void **state)
{
	struct decompress_memory memory = DECOMPRESS_MEMORY;
	char frame[1 << 10];
	size_t len = zstd_frame(27, frame);

	limits_set(&(struct limits){ .layer_memory = 128 << 20 });
	assert_int_equal(unpack_as("zstd", frame, len, &memory, NULL), 1000);
	limits_set(NULL);
	assert_true(memory.left == DECOMPRESS_WINDOWS);
}

static void *unpack_large(void *memory)
{
	char frame[1 << 10];
	size_t len = zstd_frame(25, frame);

	assert_int_equal(unpack_as("zstd", frame, len, memory, NULL), 1000);
	return NULL;
}

/* More than fit at the same time, and none of them waits for ever. */
static void many_windows(void **state)
{
	struct decompress_memory memory = DECOMPRESS_MEMORY;
	pthread_t threads[16];

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, unpack_large, &memory), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_true(memory.left == DECOMPRESS_WINDOWS);
}

/* What has such frames: files of pzstd before, those called zstd:chunked behind all else. */
static void skipped_frames(void **state)
{
	static const char skipped[] = "\x5e\x2a\x4d\x18\x03\0\0\0abc";
	const size_t n = sizeof(skipped) - 1;
	char both[4 << 10];
	size_t len;

	memcpy(both, skipped, n);
	len = n + zstd_frame(20, both + n);
	memcpy(both + len, skipped, n);
	assert_int_equal(unpack_as("zstd", both, len + n, NULL, NULL), 1000);
	both[len] = 'x';
	assert_int_equal(unpack_as("zstd", both, len + n, NULL, NULL), -ERR_BAD_INPUT);
}

/* All that share a ceiling are measured together. */
static void shared_ceiling(void **state)
{
	AUTO(close) int out_fd = memfd_create("out", MFD_CLOEXEC);
	AUTO(err_clear) struct err err = {};
	size_t len = 0;
	AUTO(free) char *gz = seed("gz", &len);
	int64_t written = 0;

	limits_set(&(struct limits){ .unpacked_bytes = 2500 });
	for (int i = 0; i < 3; i++) {
		struct trickle t = { gz, len };
		struct decompress_input input = { .read = read_trickle, .arg = &t, .what = "layer",
						  .written = &written };

		assert_int_equal(decompress_from(&input, out_fd, &err), i < 2 ? 0 : -E2BIG);
	}
	limits_set(NULL);
	assert_string_equal(err.chain[0], "the image unpacks to more than the limit unpacked-bytes (2500B; limits.d)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format), cmocka_unit_test(several_members), cmocka_unit_test(damage),
		cmocka_unit_test(words), cmocka_unit_test(ceiling), cmocka_unit_test(reader_gone),
		cmocka_unit_test(called_something_else), cmocka_unit_test(windows), cmocka_unit_test(wider_than_all), cmocka_unit_test(many_windows),
		cmocka_unit_test(skipped_frames), cmocka_unit_test(shared_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
