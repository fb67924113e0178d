#include "image/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "store/tar_build.h"

static const char *kind(const struct tar_header *headers)
{
	AUTO(buf_clear) struct buf tar = {};

	for (; headers->name; headers++)
		tar_add(&tar, headers);
	tar_end(&tar);
	return kind_of_head(tar.data, tar.len);
}

static void heads(void **state)
{
	static const struct {
		struct tar_header headers[4];
		const char *kind;
	} cases[] = {
		{ { { .name = "manifest", .type = '0', .data = "{}" } }, "aci" },
		{ { { .name = "./", .type = '5' }, { .name = "./manifest", .type = '0', .data = "{}" } }, "aci" },
		{ { { .name = "rootfs", .type = '5' } }, "aci" },
		{ { { .name = "rootfs/etc/passwd", .type = '0', .data = "x", .pax = "mtime=1.5\n" } }, "aci" },
		{ { { .name = "manifest.json", .type = '0', .data = "[]" } }, "archive" },
		{ { { .name = "blobs/", .type = '5' } }, "archive" },
		{ { { .name = "oci-layout", .type = '0', .data = "{}" } }, "archive" },
		{ { { .name = "./", .type = '5' }, { .name = "./oci-layout", .type = '0' } }, "archive" },
		{ { { .name = "./", .type = '5' } }, NULL },
		{ { {} }, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].kind)
			assert_string_equal(kind(cases[i].headers), cases[i].kind);
		else
			assert_null(kind(cases[i].headers));
	}
	assert_null(kind_of_head("", 0));
	assert_null(kind_of_head("hello", 5));
}

/* Lies about what is to be passed over lead nowhere. */
static void lies(void **state)
{
	static const char *const sizes[] = { "77777777777", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "00000001000" };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO(buf_clear) struct buf tar = {};

		tar_add(&tar, &(struct tar_header){ .name = "x", .type = 'x', .size = sizes[i] });
		(void)kind_of_head(tar.data, tar.len);
	}
}

static void large_and_packed(void **state)
{
	AUTO(close) int fd = memfd_create("image", MFD_CLOEXEC);
	AUTO(buf_clear) struct buf tar = {};
	AUTO(free) char *zeros = xcalloc(1, 1 << 20);
	const char *kind = NULL;

	tar_add(&tar, &(struct tar_header){ .name = "blobs/x", .type = '0', .size = "00100000000" });
	assert_int_equal(fd_write_all(fd, tar.data, tar.len), 0);
	for (int i = 0; i < 16; i++)
		assert_int_equal(fd_write_all(fd, zeros, 1 << 20), 0);
	assert_int_equal(kind_of_file(fd, &kind, NULL), 0);
	assert_string_equal(kind, "archive");
}

static void no_image(void **state)
{
	AUTO(close) int fd = memfd_create("image", MFD_CLOEXEC);
	AUTO(err_clear) struct err err = {};
	const char *kind = NULL;

	assert_int_equal(kind_of_file(fd, &kind, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "error: unknown image filetype");
	assert_int_equal(fd_write_all(fd, "hello", 5), 0);
	assert_int_equal(kind_of_file(fd, &kind, &err), -ERR_BAD_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads), cmocka_unit_test(lies), cmocka_unit_test(large_and_packed), cmocka_unit_test(no_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
