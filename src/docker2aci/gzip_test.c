#include "docker2aci/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "base/fd.h"
#include "image/decompress.h"

static int memory_file(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* What any of our lengths becomes is what it was, after decompressing. */
static void test_round_trip(void **state)
{
	static const size_t lengths[] = { 0, 1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 12345 };

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		AUTO(close) int plain = memory_file(), packed = memory_file(), again = memory_file();
		AUTO(free) char *data = xmalloc(lengths[i] + 1), *got = NULL;
		size_t len = 0;

		/* Half of it noise, which does not become smaller. */
		random_bytes(data, lengths[i]);
		memset(data, 'x', lengths[i] / 2);
		assert_int_equal(fd_write_all(plain, data, lengths[i]), 0);
		assert_int_equal(gzip_file(plain, packed, NULL), 0);
		assert_int_equal(decompress(packed, again, NULL), 0);
		assert_int_equal(fd_read_file(again, 16 << 20, &got, &len), 0);
		assert_int_equal(len, lengths[i]);
		assert_memory_equal(got, data, len);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
