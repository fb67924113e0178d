#include "image/decompress.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"

static char *seed(const char *name, size_t *ret_len)
{
	AUTO(free) char *path = xasprintf(SEEDS_DIR "/decompress/%s", name);
	char *data = NULL;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data, ret_len), 0);
	return data;
}

/* What data unpacks to; the caller frees it. */
static int unpack(const void *data, size_t len, int64_t max, char **ret, size_t *ret_len, struct err *err)
{
	AUTO(close) int in_fd = memfd_create("in", MFD_CLOEXEC);
	AUTO(close) int out_fd = memfd_create("out", MFD_CLOEXEC);
	struct stat st;
	int r;

	assert_int_equal(fd_write_all(in_fd, data, len), 0);
	r = decompress(in_fd, out_fd, max, err);
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
		assert_int_equal(unpack(data, len, 0, &got, &got_len, NULL), 0);
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
		assert_int_equal(unpack(twice, 2 * len, 0, &got, &got_len, NULL), 0);
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

			assert_int_equal(unpack(data, cut, 0, &got, &got_len, NULL), -ERR_BAD_INPUT);
		}
		for (size_t at = 0; at < len; at++) {
			AUTO(free) char *got = NULL;
			int r;

			data[at] ^= 0x20;
			r = unpack(data, len, 0, &got, &got_len, NULL);
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

	assert_int_equal(unpack(cut, len, 0, &got, &got_len, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "gzip data is truncated at offset 40");
	junk = seed("gz_junk", &len);
	assert_int_equal(unpack(junk, len, 0, &got_junk, &got_len, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "garbage after the end of the gzip data at offset 101");
	assert_int_equal(unpack("hello", 5, 0, &got_text, &got_len, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "error: unknown image filetype");
}

static void ceiling(void **state)
{
	AUTO(err_clear) struct err err = {};
	size_t len = 0, got_len = 0;
	AUTO(free) char *data = seed("gz", &len);
	AUTO(free) char *got = NULL;

	assert_int_equal(unpack(data, len, 1023, &got, &got_len, &err), -E2BIG);
	assert_string_equal(err.chain[0], "the image unpacks to more than 1023 bytes");
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
	assert_int_equal(decompress(in_fd, out_fd, 0, NULL), -EPIPE);
	signal(SIGPIPE, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format), cmocka_unit_test(several_members), cmocka_unit_test(damage),
		cmocka_unit_test(words), cmocka_unit_test(ceiling), cmocka_unit_test(reader_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
