#include "store/fsck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "store/facts.h"
#include "store/tar_build.h"
#include "store/test_place.h"
#include "store/tree.h"

/* An image of one layer; every call makes the same. Opens the store anew, since adding keeps it from being swept. */
static void add_image(struct place *p, struct image_info *info)
{
	struct buf layer = {};

	image_info_clear(info);
	buf_adds(&layer, "layer");
	assert_int_equal(place_add_oci(p, "example.com/a", &layer, 1, false, info, NULL), 0);
	buf_clear(&layer);
	store_close(p->store);
	assert_int_equal(store_open(p->path, STORE_WRITE, &p->store, NULL), 0);
}

static void tell(void *arg, const struct problem *p)
{
	static const char marks[] = "?+!";

	assert_non_null(p->object);
	assert_non_null(p->words);
	assert_non_null(p->cure);
	buf_addf(arg, "%s%c ", p->kind, marks[p->outcome]);
}

/* Kinds of what is found, in order: "leftover? " is only told, "leftover+ " mended, "leftover! " left. */
static char *check(struct place *p, bool repair, bool contents)
{
	AUTO(err_clear) struct err err = {};
	struct buf told = {};
	const struct fsck q = { .repair = repair, .contents = contents, .tell = tell, .tell_arg = &told };
	bool partly = true;

	buf_adds(&told, "");
	if (store_fsck(p->store, p->unpack_fd, &q, &partly, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_false(partly && repair);
	store_close(p->store);
	assert_int_equal(store_open(p->path, STORE_WRITE, &p->store, NULL), 0);
	return buf_steal(&told);
}

static void expect(struct place *p, bool repair, bool contents, const char *kinds)
{
	AUTO(free) char *told = check(p, repair, contents);

	assert_string_equal(told, kinds);
}

static void write_at(struct place *p, const char *path, const char *text)
{
	AUTO(free) char *dir = xstrdup(path);

	*strrchr(dir, '/') = 0;
	assert_int_equal(dir_make_all(p->store->cas_fd, dir, 0755), 0);
	assert_int_equal(file_write(p->store->cas_fd, path, text, strlen(text), 0640), 0);
}

static void sound(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};

	expect(p, false, true, "");
	add_image(p, &info);
	expect(p, false, true, "");
	expect(p, true, true, "");
}

static void nobodys(void **state)
{
#define SOME(c) "sha256-ab" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
	static const char *const paths[] = {
		"tmp/file.1", "image/x", "blob/sha256/ab/" SOME("0"), "blob/sha256/cd/" SOME("0"), "blob/sha512/x",
		"imageManifest/sha512/ab/x", "name/example.com,b/x",
	};
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};

	add_image(p, &info);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		write_at(p, paths[i], "x");
		expect(p, false, false, "leftover? ");
		expect(p, true, false, "leftover+ ");
		expect(p, false, false, "");
	}
	expect(p, false, true, "");
}

/* Only looking takes nothing away. */
static void empty_directories(void **state)
{
	static const char *const paths[] = { "name/example.com,b", "tmp/part-0", "tmp/part-4000000000" };
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};

	add_image(p, &info);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		assert_int_equal(dir_make_all(p->store->cas_fd, paths[i], 0700), 0);
		expect(p, false, false, "leftover? ");
		assert_int_equal(cas_look(p->store->cas_fd, paths[i]), 0);
		expect(p, true, false, "leftover+ ");
		assert_int_equal(cas_look(p->store->cas_fd, paths[i]), -ENOENT);
	}
	/* With what is in them it is one finding, and they go too. */
	write_at(p, "name/example.com,b/x", "x");
	write_at(p, "tmp/part-0/x", "x");
	expect(p, false, false, "leftover? leftover? ");
	expect(p, true, false, "leftover+ leftover+ ");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(cas_look(p->store->cas_fd, paths[i]), -ENOENT);
	/* What is no directory is named as what it is. */
	write_at(p, "tmp/part-0", "x");
	expect(p, true, false, "leftover+ ");
	assert_int_equal(cas_look(p->store->cas_fd, "tmp/part-0"), -ENOENT);
}

static void unlink_blob(struct place *p, const char *key)
{
	AUTO(free) char *path = store_sharded("blob", key);

	assert_int_equal(unlinkat(p->store->cas_fd, path, 0), 0);
}

static void lacking(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *facts = NULL, *manifest = NULL, *blob = NULL, *key = NULL;

	add_image(p, &info);
	key = store_key(info.id);
	facts = xasprintf("image/%s", key);
	manifest = store_sharded("imageManifest", key);
	blob = store_sharded("blob", info.layers[0]);
	unlink_blob(p, info.layers[0]);
	expect(p, false, false, "incomplete? ");
	expect(p, true, false, "incomplete+ leftover+ leftover+ ");	/* its two documents */
	expect(p, false, true, "");

	add_image(p, &info);
	assert_int_equal(unlinkat(p->store->cas_fd, manifest, 0), 0);
	expect(p, true, false, "incomplete+ leftover+ leftover+ leftover+ ");

	add_image(p, &info);
	write_at(p, blob, "layer, and more");
	expect(p, false, false, "incomplete? ");
	write_at(p, blob, "LAYER");
	expect(p, false, false, "");
	expect(p, false, true, "damaged? ");
	expect(p, true, true, "damaged+ ");
	expect(p, false, true, "");
	assert_int_equal(place_count(p, "cas/image"), 0);

	add_image(p, &info);
	write_at(p, facts, "{");
	expect(p, false, false, "unreadable? ");
	expect(p, true, false, "unreadable+ leftover+ leftover+ leftover+ leftover+ leftover+ ");
	expect(p, false, true, "");
}

/* Other bytes, as many. */
static void damage(struct place *p, const char *key)
{
	AUTO(free) char *path = store_sharded("blob", key);
	AUTO(close) int fd = openat(p->store->cas_fd, path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "?", 1, 0), 1);
}

/*
 * Two layers are damaged. The first takes the images that have both with it; the second then still takes the others,
 * whichever of them come first.
 */
static void damaged_twice(void **state)
{
	/* The ones with both are the oldest and the newest: some file systems list files in that order. */
	static const char *const tops[] = { "x", "a", "b", "x" };
	struct place *p = *state;
	AUTO(free) char *first = NULL, *second = NULL;

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		AUTO(free) char *name = xasprintf("example.com/%zu", i);
		struct buf both[2] = {};

		buf_adds(&both[0], "y");
		buf_adds(&both[1], tops[i]);
		assert_int_equal(place_add_oci(p, name, both, 2, false, &info, NULL), 0);
		buf_clear(&both[0]);
		buf_clear(&both[1]);
		if (!i) {
			first = xstrdup(info.layers[1]);
			second = xstrdup(info.layers[0]);
		}
	}
	store_close(p->store);
	assert_int_equal(store_open(p->path, STORE_WRITE, &p->store, NULL), 0);
	assert_true(strcmp(first, second) < 0);
	damage(p, first);
	damage(p, second);
	expect(p, false, true, "damaged? damaged? ");
	expect(p, true, true, "damaged+ damaged+ ");
	expect(p, false, true, "");
	assert_int_equal(place_count(p, "cas/image"), 0);
}

static void name_lost(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, found = {};

	add_image(p, &info);
	assert_int_equal(tree_remove(p->store->cas_fd, "name/example.com,a"), 0);
	expect(p, false, false, "name? ");
	expect(p, true, false, "name+ ");
	expect(p, false, false, "");
	assert_int_equal(store_find_name(p->store, "example.com/a", NULL, 0, NULL, NULL, &found, NULL), 0);
}

static void tree_lost(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, now = {};
	AUTO(free) char *key = NULL;

	add_image(p, &info);
	key = store_key(info.id);
	info.tree = xasprintf("deps-%s", key);
	info.tree_size = 5;
	info.last_used = 1500000000123456789;
	assert_int_equal(facts_amend(p->store, &info, NULL), 0);
	expect(p, false, false, "tree? ");
	expect(p, true, false, "tree+ ");
	expect(p, false, false, "");
	assert_int_equal(facts_load(p->store, key, &now, NULL), 0);
	assert_null(now.tree);
	assert_true(!now.tree_size && now.last_used == info.last_used);
}

/* An index is of no use without what it points into. */
static void index_lacking(void **state)
{
	struct place *p = *state;
	struct buf layer = {};

	if (geteuid() || store_backend(p->store) == TREE_FILES)
		skip();
	tar_add(&layer, &(struct tar_header){ .name = "f", .type = '0', .data = "x" });
	tar_end(&layer);
	for (int i = 0; i < 2; i++) {
		AUTO(image_info_clear) struct image_info new = {};
		AUTO(free) char *part = NULL;

		assert_int_equal(place_add_oci(p, "example.com/a", &layer, 1, true, &new, NULL), 0);
		store_close(p->store);
		assert_int_equal(store_open(p->path, STORE_WRITE, &p->store, NULL), 0);
		expect(p, false, true, "");
		part = xasprintf("tree/%s/%s", new.tree, i ? "layers" : "0");
		assert_int_equal(unlinkat(p->store->cas_fd, part, 0), 0);
		expect(p, false, false, "tree? ");
		expect(p, true, false, "tree+ ");
		expect(p, false, true, "");
	}
	buf_clear(&layer);
}

/* What was sealed and then copied is what it was, but a run mounts it no more. */
static void seals_lost(void **state)
{
	struct place *p = *state;
	struct buf layer = {};
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(tree_record_clear) struct tree_record record = {};
	AUTO(close) int tree_fd = -1;

	if (geteuid() || store_backend(p->store) == TREE_FILES)
		skip();
	tar_add(&layer, &(struct tar_header){ .name = "f", .type = '0', .data = "x" });
	tar_end(&layer);
	assert_int_equal(place_add_oci(p, "example.com/a", &layer, 1, true, &info, NULL), 0);
	buf_clear(&layer);
	store_close(p->store);
	assert_int_equal(store_open(p->path, STORE_WRITE, &p->store, NULL), 0);
	assert_int_equal(store_open_tree(p->store, info.tree, &tree_fd, NULL), 0);
	assert_int_equal(tree_record_read(tree_fd, &record, NULL), 0);
	strv_free(record.seals);
	record.seals = NULL;
	strv_add(&record.seals, "sha256:00");
	strv_add(&record.seals, "sha256:00");
	assert_int_equal(tree_record_write(tree_fd, &record, NULL), 0);
	expect(p, false, false, "tree? ");
	expect(p, true, false, "tree+ ");
	expect(p, false, true, "");
}

/* Others add an image: what nobody names yet is not looked at. */
static void others(void **state)
{
	struct place *p = *state;
	AUTO(store_close) struct store *other = NULL;
	struct buf told = {};
	const struct fsck q = { .tell = tell, .tell_arg = &told };
	bool partly = false;

	assert_int_equal(store_open(p->path, STORE_WRITE, &other, NULL), 0);
	assert_int_equal(store_use(other, NULL), 0);
	write_at(p, "tmp/file.1", "x");
	assert_int_equal(store_fsck(p->store, p->unpack_fd, &q, &partly, NULL), 0);
	assert_true(partly);
	assert_int_equal(told.len, 0);
	buf_clear(&told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_drop)
		TEST(sound), TEST(nobodys), TEST(lacking), TEST(name_lost), TEST(tree_lost), TEST(others),
		TEST(damaged_twice), TEST(empty_directories),
		cmocka_unit_test_setup_teardown(index_lacking, place_make_on_disk, place_drop),
		cmocka_unit_test_setup_teardown(seals_lost, place_make_on_disk, place_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
