#include "cli/place.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/fd.h"

struct fixture {
	char dir[32];
	char *path;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	memcpy(f->dir, "/tmp/place-XXXXXX", 18);
	if (!mkdtemp(f->dir))
		return -1;
	f->path = xasprintf("%s/out", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tree_remove(AT_FDCWD, f->dir);
	free(f->path);
	free(f);
	return 0;
}

static size_t entries(const char *path)
{
	AUTO(closedir) DIR *dir = opendir(path);
	size_t n = 0;

	while (readdir(dir))
		n++;
	return n - 2;
}

/* Writes text to f->path by way of a place. */
static int put(struct fixture *f, const char *text, bool overwrite)
{
	AUTO(place_close) struct place p = PLACE_NONE;

	assert_int_equal(place_open(f->path, &p, NULL), 0);
	assert_int_equal(file_write(p.dir_fd, p.temporary, text, strlen(text), 0644), 0);
	return place_commit(&p, overwrite, NULL);
}

static void assert_text(const char *path, const char *want)
{
	AUTO(free) char *text = NULL;

	assert_int_equal(file_read(AT_FDCWD, path, 100, &text, NULL), 0);
	assert_string_equal(text, want);
}

static void files(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, "one", false), 0);
	assert_int_equal(put(f, "two", false), -EEXIST);
	assert_text(f->path, "one");
	assert_int_equal(put(f, "three", true), 0);
	assert_text(f->path, "three");
	assert_int_equal(entries(f->dir), 1);	/* nothing temporary is left */
}

static void directories(void **state)
{
	struct fixture *f = *state;
	AUTO(free) char *old = xasprintf("%s/old", f->path);
	AUTO(place_close) struct place p = PLACE_NONE;

	assert_int_equal(dir_make_all(AT_FDCWD, old, 0755), 0);
	assert_int_equal(place_open(f->path, &p, NULL), 0);
	assert_int_equal(place_exists(&p), 1);
	assert_int_equal(dir_make(p.dir_fd, p.temporary, 0755), 0);
	assert_int_equal(place_commit(&p, false, NULL), -EEXIST);
	assert_int_equal(entries(f->path), 1);
	assert_int_equal(place_commit(&p, true, NULL), 0);
	place_close(&p);
	assert_int_equal(entries(f->path), 0);
	assert_int_equal(entries(f->dir), 1);
}

static void uncommitted(void **state)
{
	struct fixture *f = *state;
	struct place p = PLACE_NONE;

	assert_int_equal(place_open(f->path, &p, NULL), 0);
	assert_int_equal(place_exists(&p), 0);
	assert_int_equal(file_write(p.dir_fd, p.temporary, "x", 1, 0644), 0);
	assert_int_equal(entries(f->dir), 1);
	place_close(&p);
	assert_int_equal(entries(f->dir), 0);
}

static void long_name(void **state)
{
	struct fixture *f = *state;

	free(f->path);
	f->path = xasprintf("%s/%0255d", f->dir, 0);
	assert_int_equal(put(f, "one", false), 0);
	assert_int_equal(put(f, "two", true), 0);
	assert_text(f->path, "two");
	assert_int_equal(entries(f->dir), 1);
}

/* From here on this process is on a file system that knows no flags of renameat2(2), as far as it can tell. */
static void no_flags_from_now_on(void **state)
{
	enum { FLAGS = offsetof(struct seccomp_data, args[4]) };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FLAGS + (__BYTE_ORDER == __BIG_ENDIAN ? 4 : 0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { .len = ARRAY_LEN(code), .filter = code };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
	assert_int_equal(renameat2(AT_FDCWD, "/", AT_FDCWD, "/", RENAME_NOREPLACE), -1);
	assert_int_equal(errno, EINVAL);
}

/* A file in place of a directory, and the other way round. */
static void either_kind(void **state)
{
	struct fixture *f = *state;
	AUTO(free) char *old = xasprintf("%s/old", f->path);
	AUTO(place_close) struct place p = PLACE_NONE;

	assert_int_equal(dir_make_all(AT_FDCWD, old, 0755), 0);
	assert_int_equal(put(f, "one", false), -EEXIST);
	assert_int_equal(put(f, "one", true), 0);
	assert_text(f->path, "one");
	assert_int_equal(place_open(f->path, &p, NULL), 0);
	assert_int_equal(dir_make(p.dir_fd, p.temporary, 0755), 0);
	assert_int_equal(place_commit(&p, false, NULL), -EEXIST);
	assert_int_equal(place_commit(&p, true, NULL), 0);
	place_close(&p);
	assert_int_equal(entries(f->path), 0);
	assert_int_equal(entries(f->dir), 1);
}

static void refusals(void **state)
{
	static const char *const paths[] = { "/", "/..", "..", ".", "" };
	struct place p = PLACE_NONE;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_int_equal(place_open(paths[i], &p, NULL), -EINVAL);
	assert_int_equal(place_open("/nonexistent/x", &p, NULL), -ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(files), TEST(directories), TEST(either_kind), TEST(long_name), TEST(uncommitted),
		cmocka_unit_test(refusals),
		cmocka_unit_test(no_flags_from_now_on),
		TEST(files), TEST(directories), TEST(either_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
