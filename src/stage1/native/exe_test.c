#include "stage1/native/exe.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"

static void expect_interpreter(const void *head, size_t len, const char *want)
{
	AUTO(free) char *got = exe_interpreter(head, len);

	if (want)
		assert_string_equal(got, want);
	else
		assert_null(got);
}
#define SCRIPT(text, want) expect_interpreter(text, sizeof(text) - 1, want)

static void test_scripts(void **state)
{
	SCRIPT("#!/bin/sh\necho", "/bin/sh");
	SCRIPT("#! \t/usr/bin/env python3\n", "/usr/bin/env");
	SCRIPT("#!/bin/sh", "/bin/sh");
	SCRIPT("#!/bin/sh\r\n", "/bin/sh");
	SCRIPT("#!\n/bin/sh", NULL);
	SCRIPT("#!", NULL);
	SCRIPT("#", NULL);
	SCRIPT("", NULL);
	SCRIPT("echo", NULL);
}

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	char interpreter[16];
};

static struct elf elf_with(const char *interpreter)
{
	struct elf e = {
		.header = { .e_phoff = offsetof(struct elf, segments), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2 },
		.segments = {
			{ .p_type = PT_LOAD },
			{ .p_type = PT_INTERP, .p_offset = offsetof(struct elf, interpreter), .p_filesz = sizeof(e.interpreter) },
		},
	};

	memcpy(e.header.e_ident, ELFMAG, SELFMAG);
	e.header.e_ident[EI_CLASS] = ELFCLASS64;
	strncpy(e.interpreter, interpreter, sizeof(e.interpreter));
	return e;
}

static void test_elf(void **state)
{
	struct elf e = elf_with("/lib64/ld.so");

	expect_interpreter(&e, sizeof(e), "/lib64/ld.so");
	expect_interpreter(&e, sizeof(e) - 1, NULL);
	expect_interpreter(&e, sizeof(e.header) - 1, NULL);
	e.segments[1].p_filesz = UINT64_MAX;
	expect_interpreter(&e, sizeof(e), NULL);
	e = elf_with("/lib64/ld.so");
	e.segments[1].p_offset = UINT64_MAX - 3;
	expect_interpreter(&e, sizeof(e), NULL);
	e = elf_with("/lib64/ld.so");
	e.header.e_phoff = UINT64_MAX - 3;
	expect_interpreter(&e, sizeof(e), NULL);
	e = elf_with("/lib64/ld.so");
	e.header.e_phnum = 1;
	expect_interpreter(&e, sizeof(e), NULL);
}

struct root {
	char path[32];
	int fd;
};

static int make_root(void **state)
{
	static struct root root;

	snprintf(root.path, sizeof(root.path), "/tmp/exe-test.XXXXXX");
	if (!mkdtemp(root.path) || dir_open(AT_FDCWD, root.path, &root.fd) < 0)
		return -1;
	dir_make(root.fd, "bin", 0755);
	dir_make(root.fd, "work", 0755);
	file_write(root.fd, "bin/plain", "x", 1, 0755);
	file_write(root.fd, "bin/data", "x", 1, 0644);
	file_write(root.fd, "bin/script", "#!/bin/plain\n", 13, 0755);
	file_write(root.fd, "bin/orphan", "#!/bin/gone\n", 12, 0755);
	file_write(root.fd, "bin/self", "#!/proc/self/exe\n", 17, 0755);
	file_write(root.fd, "bin/loop", "#!/bin/loop\n", 12, 0755);
	file_write(root.fd, "work/tool", "x", 1, 0755);
	if (symlinkat("/bin/plain", root.fd, "bin/link") < 0 || mkfifoat(root.fd, "bin/fifo", 0755) < 0)
		return -1;
	*state = &root;
	return 0;
}

static int remove_root(void **state)
{
	struct root *root = *state;

	close(root->fd);
	return tree_remove(AT_FDCWD, root->path);
}

static void expect_found(const struct root *root, const char *name, const char *path_env, const char *want)
{
	AUTO(free) char *got = NULL;

	assert_int_equal(exe_find(root->fd, name, "/work", path_env, &got, NULL), 0);
	assert_string_equal(got, want);
}

static void test_find(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL, *got = NULL;

	expect_found(*state, "/any/where", "/bin", "/any/where");
	expect_found(*state, "./tool", "/bin", "/work/./tool");
	expect_found(*state, "plain", "/gone:/bin", "/bin/plain");
	expect_found(*state, "link", "/bin", "/bin/link");
	expect_found(*state, "tool", ".", "/work/./tool");
	assert_int_equal(exe_find(((struct root *)*state)->fd, "data", NULL, "/bin", &got, &err), -ERR_BAD_INPUT);
	text = err_text(&err);
	assert_string_equal(text, "error looking up \"data\": unable to find \"data\" in \"/bin\"");
	assert_null(got);
	assert_int_equal(exe_find(((struct root *)*state)->fd, "", NULL, "/bin", &got, NULL), -ERR_BAD_INPUT);
	assert_int_equal(exe_find(((struct root *)*state)->fd, "plain", NULL, NULL, &got, NULL), -ERR_BAD_INPUT);
}

static void expect_refused(const struct root *root, const char *path, const char *words)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	assert_true(exe_check(root->fd, path, &err) < 0);
	text = err_text(&err);
	assert_string_equal(text, words);
}

static void test_check(void **state)
{
	const struct root *root = *state;

	assert_int_equal(exe_check(root->fd, "/bin/plain", NULL), 0);
	assert_int_equal(exe_check(root->fd, "/bin/link", NULL), 0);
	assert_int_equal(exe_check(root->fd, "/bin/script", NULL), 0);
	assert_int_equal(exe_check(root->fd, "/bin/loop", NULL), 0);	/* the kernel's to refuse */
	expect_refused(root, "/foo-not-there", "Unable to open \"/foo-not-there\": No such file or directory");
	expect_refused(root, "/bin/orphan", "Unable to open \"/bin/gone\": No such file or directory");
	expect_refused(root, "/bin/data", "\"/bin/data\" is not executable");
	expect_refused(root, "/bin", "\"/bin\" is not a regular file");
	expect_refused(root, "/bin/fifo", "\"/bin/fifo\" is not a regular file");
	expect_refused(root, "/bin/self", "Unable to open \"/proc/self/exe\": No such file or directory");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_elf),
		cmocka_unit_test_setup_teardown(test_find, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_check, make_root, remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
