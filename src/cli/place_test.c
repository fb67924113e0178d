#include "cli/place.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files, setup, teardown),
		cmocka_unit_test_setup_teardown(directories, setup, teardown),
		cmocka_unit_test_setup_teardown(uncommitted, setup, teardown),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
