#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "store/tar_build.h"
#include "store/test_place.h"

/*
 * Dies at each point where a change becomes visible, then looks at what is
 * left: the image is whole or absent, a sweep leaves nothing over, and doing
 * it again works. Only in builds with -Dcrash_points=true.
 */
#define SIGNER "0123456789abcdef0123456789abcdef01234567"

static int add_image(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {
		.name = xstrdup("example.com/t"), .verified_by = xstrdup(SIGNER),
	};
	AUTO(import_free) struct import *import = NULL;
	AUTO(store_close) struct store *store = NULL;
	AUTO(buf_clear) struct buf tar = {};
	struct import_result result;
	int fd, r;

	tar_begin(&tar, TEST_MANIFEST);
	tar_add(&tar, &(struct tar_header){ .name = "rootfs/f", .type = '0', .data = "x" });
	tar_end(&tar);
	r = store_open(p->path, STORE_WRITE, &store, NULL);
	if (r >= 0)
		r = import_start(store, p->unpack_fd, geteuid() == 0, &import, &fd, NULL);
	if (r < 0)
		return r;
	r = fd_write_all(fd, tar.data, tar.len);
	close(fd);
	if (r >= 0)
		r = import_finish(import, &result, NULL);
	if (r >= 0)
		r = import_commit(import, &info, NULL);
	return r;
}

static int remove_image(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(store_close) struct store *store = NULL;
	int r;

	r = store_open(p->path, STORE_WRITE, &store, NULL);
	if (r >= 0)
		r = store_find(store, "example.com/t", &info, NULL);
	return r < 0 ? r : store_remove(store, &info, NULL, NULL, NULL, NULL);
}

/* An OCI image of two layers. Once more in a process that knows nothing of it yet. */
static int add_layered(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	struct place mine = { .path = p->path, .unpack_fd = p->unpack_fd };
	struct buf layers[2] = {};
	int r;

	for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
		AUTO(free) char *name = xasprintf("file%zu", i);

		tar_add(&layers[i], &(struct tar_header){ .name = name, .type = '0', .data = "x" });
		tar_end(&layers[i]);
	}
	r = store_open(p->path, STORE_WRITE, &mine.store, NULL);
	if (r >= 0)
		r = place_add_oci(&mine, "example.com/t", layers, ARRAY_LEN(layers), geteuid() == 0, &info, NULL);
	store_close(mine.store);
	for (size_t i = 0; i < ARRAY_LEN(layers); i++)
		buf_clear(&layers[i]);
	return r;
}

static int find_it(struct place *p, struct store **ret, struct image_info *info)
{
	int r;

	r = store_open(p->path, STORE_WRITE, ret, NULL);
	return r < 0 ? r : store_find(*ret, "example.com/t", info, NULL);
}

static int render_it(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(store_close) struct store *store = NULL;
	int r = find_it(p, &store, &info);

	free(TAKE(info.tree));
	return r < 0 ? r : store_render(store, p->unpack_fd, &info, NULL, 0, NULL);
}

/* In place of the tree that is there. */
static int render_again(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(store_close) struct store *store = NULL;
	int r = find_it(p, &store, &info);

	return r < 0 ? r : store_render(store, p->unpack_fd, &info, NULL, 0, NULL);
}

static int add_files(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(store_close) struct store *store = NULL;
	int r = find_it(p, &store, &info);

	return r < 0 ? r : store_add_files(store, p->unpack_fd, &info, NULL, 0, NULL);
}

/* Runs one of the above in a child that must be killed at the point. */
static void crash(struct place *p, const char *point, int (*what)(struct place *))
{
	int status;
	pid_t child = fork();

	if (!child) {
		setenv("RKT_CRASH_AT", point, 1);
		_exit(what(p) < 0 ? 2 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("not killed at '%s' but ended with status %x", point, status);
}

static size_t count_files(const char *path)
{
	AUTO(closedir) DIR *dir = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir))) {
		AUTO(free) char *below = xasprintf("%s/%s", path, entry->d_name);

		if (entry->d_name[0] == '.')
			continue;
		n += entry->d_type == DT_DIR ? count_files(below) : 1;
	}
	return n;
}

/* How many files the tree has: an index, or one file for each of the image's. */
static size_t tree_files(struct store *store, const struct image_info *info, size_t n_blobs)
{
	AUTO(close) int tree_fd = -1;
	bool sealed;

	if (!info->tree)
		return 0;
	assert_int_equal(store_open_tree(store, info->tree, &tree_fd, NULL), 0);
	/* layers, manifest, image, rendered; index and links to the blobs; the files */
	if (store_tree_is_mounted(tree_fd, &sealed))
		return 4 + 1 + n_blobs;
	return 4 + n_blobs + (faccessat(tree_fd, "index", F_OK, 0) == 0 ? 1 + n_blobs : 0);
}

/* Whole or absent, and nothing besides after a sweep. Returns whether it is there. */
static bool check(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(store_close) struct store *store = NULL, *sweeper = NULL;
	AUTO(free) char *cas = xasprintf("%s/cas", p->path);
	size_t n_blobs;
	int r;

	assert_int_equal(store_open(p->path, STORE_WRITE, &sweeper, NULL), 0);
	assert_int_equal(store_sweep(sweeper, NULL, NULL, NULL), 0);
	assert_int_equal(store_open(p->path, STORE_WRITE, &store, NULL), 0);
	r = store_find(store, "example.com/t", &info, NULL);
	if (r < 0) {
		assert_int_equal(r, -ERR_NOT_FOUND);
		assert_int_equal(count_files(cas), 1);		/* the lock */
		assert_true(place_count(p, "vouched") <= 0);
		return false;
	}
	assert_int_equal(store_verify(store, p->unpack_fd, &info, NULL, 0, NULL, NULL), 0);
	n_blobs = info.format ? strv_len(info.layers) : 1;
	/* The lock; blobs, documents, manifest, name and facts; what the tree has. */
	assert_int_equal(count_files(cas), 1 + n_blobs + (info.format ? 2 : 0) + 3 + tree_files(store, &info, n_blobs));
	return true;
}

/* Those of root's trees, and of them those of an index, are not for everybody. */
static bool applies(struct place *p, const char *point)
{
	bool is_index = store_backend(p->store) != TREE_FILES;

	if (str_eq(point, "tree-link") || str_eq(point, "tree-seal") || str_eq(point, "files-rename"))
		return is_index;
	return geteuid() == 0 || !str_starts(point, "tree-");
}

static void while_adding_by(struct place *p, int (*add)(struct place *))
{
	static const char *const points[] = {
		"cas-rename", "tree-link", "tree-seal", "tree-rename", "name-link", "facts-rename",
	};

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		if (!applies(p, points[i]))
			continue;
		crash(p, points[i], add);
		assert_false(check(p));
		assert_int_equal(add(p), 0);
		assert_true(check(p));
		/* Once more over an image that is there: it stays. A layered one has its tree already. */
		if (add == add_image || !str_starts(points[i], "tree-")) {
			crash(p, points[i], add);
			assert_true(check(p));
		}
		assert_int_equal(remove_image(p), 0);
		assert_false(check(p));
	}
}

static void while_adding(void **state) { while_adding_by(*state, add_image); }
static void while_adding_layers(void **state) { while_adding_by(*state, add_layered); }

static void while_rendering(void **state)
{
	static const char *const points[] = { "tree-link", "tree-seal", "tree-rename", "facts-rename" };
	struct place *p = *state;

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		AUTO(free) char *trees = xasprintf("%s/cas/tree", p->path);

		if (!applies(p, points[i]))
			continue;
		assert_int_equal(add_layered(p), 0);
		/* As where nobody rendered it yet. */
		assert_int_equal(tree_remove(AT_FDCWD, trees), 0);
		assert_int_equal(dir_make(AT_FDCWD, trees, 0700), 0);
		crash(p, points[i], render_it);
		assert_int_equal(render_it(p), 0);
		assert_true(check(p));
		crash(p, "tree-exchange", render_again);
		assert_true(check(p));
		assert_int_equal(render_again(p), 0);
		assert_true(check(p));
		if (applies(p, "files-rename")) {
			crash(p, "files-rename", add_files);
			assert_true(check(p));
			crash(p, "facts-rename", add_files);
			assert_true(check(p));
			assert_int_equal(add_files(p), 0);
			assert_true(check(p));
		}
		assert_int_equal(remove_image(p), 0);
		assert_false(check(p));
	}
}

static void while_removing(void **state)
{
	static const struct {
		const char *point;
		bool there;
	} points[] = { { "facts-unlink", true }, { "tree-remove", false }, { "blob-unlink", false } };
	int (*const adds[])(struct place *) = { add_image, add_layered };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(points) * ARRAY_LEN(adds); i++) {
		const char *point = points[i / ARRAY_LEN(adds)].point;
		bool there = points[i / ARRAY_LEN(adds)].there;

		if (!applies(p, point))
			continue;
		assert_int_equal(adds[i % ARRAY_LEN(adds)](p), 0);
		crash(p, point, remove_image);
		assert_int_equal(check(p), there);
		if (there)
			assert_int_equal(remove_image(p), 0);
		assert_false(check(p));
	}
}

static const char *signer(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(store_close) struct store *store = NULL;

	assert_int_equal(find_it(p, &store, &info), 0);
	return str_eq(info.verified_by, SIGNER) ? SIGNER : NULL;
}

/* Root's word comes last and goes first: in between the image is there, and nobody verified it. */
static void while_vouching(void **state)
{
	static const struct {
		const char *point;
		int (*what)(struct place *);
		bool verified;
	} steps[] = {
		{ "vouch-rename", add_image, false }, { "vouch-facts", add_image, false },
		{ "vouch-unlink", remove_image, true }, { "facts-unlink", remove_image, false },
	};
	struct place *p = *state;

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (steps[i].what == remove_image)
			assert_int_equal(add_image(p), 0);
		crash(p, steps[i].point, steps[i].what);
		assert_true(check(p));
		assert_int_equal(signer(p) != NULL, steps[i].verified);
		assert_int_equal(add_image(p), 0);
		assert_non_null(signer(p));
		/* Over an image that is there: what was said stands. */
		if (steps[i].what == add_image)
			crash(p, steps[i].point, add_image);
		assert_non_null(signer(p));
		assert_int_equal(remove_image(p), 0);
		assert_false(check(p));
	}
}

int main(void)
{
#define TESTS(make)                                                                                              \
	cmocka_unit_test_setup_teardown(while_adding, make, place_drop),                                          \
	cmocka_unit_test_setup_teardown(while_adding_layers, make, place_drop),                                   \
	cmocka_unit_test_setup_teardown(while_rendering, make, place_drop),                                       \
	cmocka_unit_test_setup_teardown(while_removing, make, place_drop),                                        \
	cmocka_unit_test_setup_teardown(while_vouching, make, place_drop)
	const struct CMUnitTest tests[] = { TESTS(place_make), TESTS(place_make_on_disk) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
