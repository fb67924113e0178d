#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "store/store.h"
#include "store/tar_build.h"

/*
 * Dies at each point where a change becomes visible, then looks at what is
 * left: the image is whole or absent, a sweep leaves nothing over, and doing
 * it again works. Only in builds with -Dcrash_points=true.
 */
struct place {
	char *path;
	int unpack_fd;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	/* In memory where that is possible: every import syncs the whole file system. */
	p->path = name_random(access("/dev/shm", W_OK) == 0 ? "/dev/shm/rkt-crash" : "/tmp/rkt-crash");
	p->unpack_fd = open(RKT_UNPACK, O_PATH | O_CLOEXEC);
	*state = p;
	return p->unpack_fd < 0 ? -1 : 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;

	close(p->unpack_fd);
	tree_remove(AT_FDCWD, p->path);
	free(p->path);
	free(p);
	return 0;
}

static int add_image(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = { .name = xstrdup("example.com/t") };
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

static const char manifest_id[] = "sha512-"
	"8d1c6c3e8b3cc0b6c9c5d0ec6ab9a9f17c3a3f0a57f6dcb6a5d3b7a5bd9d7e2f"
	"8d1c6c3e8b3cc0b6c9c5d0ec6ab9a9f17c3a3f0a57f6dcb6a5d3b7a5bd9d7e2f";

/* An image of the texts as its blobs: its manifest, its configuration and a layer. */
static int add_layered(struct place *p)
{
	static const char *const texts[] = { "manifest", "config", "layer" };
	AUTO(image_info_clear) struct image_info info = {
		.id = xstrdup(manifest_id), .name = xstrdup("example.com/t"), .format = xstrdup("oci"),
	};
	AUTO(store_close) struct store *store = NULL;
	char *keys[ARRAY_LEN(texts)] = {};
	int r;

	r = store_open(p->path, STORE_WRITE, &store, NULL);
	for (size_t i = 0; i < ARRAY_LEN(texts) && r >= 0; i++) {
		AUTO(blob_add_free) struct blob_add *b = NULL;
		struct blob_digests digests;
		int fd;

		r = blob_add_start(store, p->unpack_fd, NULL, &b, &fd, NULL);
		if (r < 0)
			break;
		r = fd_write_all(fd, texts[i], strlen(texts[i]));
		close(fd);
		if (r >= 0)
			r = blob_add_finish(b, &digests, NULL);
		if (r >= 0)
			r = blob_add_commit(b, digests.sha256, NULL);
		keys[i] = xstrdup(digests.sha256);
	}
	if (r >= 0) {
		keys[0][6] = keys[1][6] = ':';
		info.digest = TAKE(keys[0]);
		info.config_digest = TAKE(keys[1]);
		strv_take(&info.layers, TAKE(keys[2]));
		r = store_add_image(store, p->unpack_fd, &info, TEST_MANIFEST, false, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		free(keys[i]);
	return r;
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

/* Whole or absent, and nothing besides after a sweep. Returns whether it is there. */
static bool check_layered(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(store_close) struct store *store = NULL;
	AUTO(free) char *cas = xasprintf("%s/cas", p->path);
	int r;

	assert_int_equal(store_open(p->path, STORE_WRITE, &store, NULL), 0);
	assert_int_equal(store_sweep(store, NULL, NULL, NULL), 0);
	r = store_find(store, "example.com/t", &info, NULL);
	assert_true(r >= 0 || r == -ERR_NOT_FOUND);
	if (r >= 0)
		assert_true(store_has_blob(store, info.layers[0]));
	/* The lock; three blobs, manifest, name and facts. */
	assert_int_equal(count_files(cas), 1 + (r >= 0 ? 6 : 0));
	return r >= 0;
}

/* The same of an ACI. */
static bool check(struct place *p)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(store_close) struct store *store = NULL, *sweeper = NULL;
	AUTO(free) char *cas = xasprintf("%s/cas", p->path);
	int r;

	assert_int_equal(store_open(p->path, STORE_WRITE, &sweeper, NULL), 0);
	assert_int_equal(store_sweep(sweeper, NULL, NULL, NULL), 0);
	assert_int_equal(store_open(p->path, STORE_WRITE, &store, NULL), 0);
	r = store_find(store, "example.com/t", &info, NULL);
	if (r >= 0)
		assert_int_equal(store_verify(store, p->unpack_fd, &info, NULL, NULL), 0);
	else
		assert_int_equal(r, -ERR_NOT_FOUND);
	/* The lock; blob, manifest, name and facts; in the tree manifest, image, rendered and the file. */
	assert_int_equal(count_files(cas), 1 + (r >= 0 ? 4 + (geteuid() == 0 ? 4 : 0) : 0));
	return r >= 0;
}

static void while_adding(void **state)
{
	static const char *const points[] = { "cas-rename", "tree-rename", "name-link", "facts-rename" };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		if (geteuid() && str_eq(points[i], "tree-rename"))
			continue;
		crash(p, points[i], add_image);
		assert_false(check(p));
		assert_int_equal(add_image(p), 0);
		assert_true(check(p));
		/* Once more over an image that is there: it stays. */
		crash(p, points[i], add_image);
		assert_true(check(p));
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
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		if (geteuid() && str_eq(points[i].point, "tree-remove"))
			continue;
		assert_int_equal(add_image(p), 0);
		crash(p, points[i].point, remove_image);
		assert_int_equal(check(p), points[i].there);
		if (points[i].there)
			assert_int_equal(remove_image(p), 0);
		assert_false(check(p));
	}
}

static void while_adding_layers(void **state)
{
	static const char *const points[] = { "cas-rename", "name-link", "facts-rename" };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		crash(p, points[i], add_layered);
		assert_false(check_layered(p));
		assert_int_equal(add_layered(p), 0);
		assert_true(check_layered(p));
		crash(p, points[i], add_layered);
		assert_true(check_layered(p));
		crash(p, "blob-unlink", remove_image);
		assert_false(check_layered(p));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(while_adding, make_place, drop_place),
		cmocka_unit_test_setup_teardown(while_removing, make_place, drop_place),
		cmocka_unit_test_setup_teardown(while_adding_layers, make_place, drop_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
