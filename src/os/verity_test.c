#include "os/verity.h"

#include <errno.h>
#include <linux/fsverity.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What the kernel would have said; linked in place of ioctl(2). */
static struct {
	int result;			/* -errno */
	uint16_t algorithm, size;
	struct fsverity_enable_arg enabled;
} kernel;

int __wrap_ioctl(int fd, unsigned long request, void *arg);	/* NOLINT */
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct fsverity_digest *digest = arg;

	assert_int_equal(fd, 42);
	if (kernel.result < 0) {
		errno = -kernel.result;
		return -1;
	}
	if (request == FS_IOC_ENABLE_VERITY) {
		memcpy(&kernel.enabled, arg, sizeof(kernel.enabled));
		return 0;
	}
	assert_int_equal(request, FS_IOC_MEASURE_VERITY);
	assert_true(digest->digest_size >= 32);
	digest->digest_algorithm = kernel.algorithm;
	digest->digest_size = kernel.size;
	for (unsigned i = 0; i < kernel.size; i++)
		digest->digest[i] = (uint8_t)(i * 8 + 7);
	return 0;
}

static void test_seal(void **state)
{
	static const struct { int kernel, want; } cases[] = {
		{ 0, 0 }, { -EEXIST, 0 }, { -ENOTTY, -EOPNOTSUPP }, { -EOPNOTSUPP, -EOPNOTSUPP },
		{ -ENOSYS, -EOPNOTSUPP }, { -ETXTBSY, -ETXTBSY }, { -EIO, -EIO }, { -ENOSPC, -ENOSPC },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kernel.result = cases[i].kernel;
		assert_int_equal(verity_seal(42), cases[i].want);
	}
	assert_int_equal(kernel.enabled.version, 1);
	assert_int_equal(kernel.enabled.hash_algorithm, FS_VERITY_HASH_ALG_SHA256);
	assert_int_equal(kernel.enabled.block_size, 4096);
	assert_int_equal(kernel.enabled.salt_size, 0);
}

static void test_measure(void **state)
{
	static const struct { int kernel, want; } cases[] = {
		{ -ENOTTY, -ENODATA }, { -EOPNOTSUPP, -ENODATA }, { -ENODATA, -ENODATA }, { -EIO, -EIO },
		{ -EOVERFLOW, -EOVERFLOW },
	};
	char text[VERITY_TEXT + 1];

	kernel.result = 0;
	kernel.algorithm = FS_VERITY_HASH_ALG_SHA256;
	kernel.size = 32;
	assert_int_equal(verity_measure(42, text), 0);
	assert_string_equal(text, "sha256:070f171f272f373f474f575f676f777f878f979fa7afb7bfc7cfd7dfe7eff7ff");
	kernel.algorithm = FS_VERITY_HASH_ALG_SHA512;
	kernel.size = 64;
	assert_int_equal(verity_measure(42, text), -ENODATA);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kernel.result = cases[i].kernel;
		assert_int_equal(verity_measure(42, text), cases[i].want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_measure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
