#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "base/human.h"
#include "store/facts.h"
#include "store/layout.h"
#include "store/names.h"
#include "store/tar_build.h"
#include "store/test_place.h"
#include "store/vouch.h"

static struct image_info image(const char *name, const char *version)
{
	struct image_info info = { .name = xstrdup(name) };

	if (version)
		label_set(&info.labels, &info.n_labels, "version", version);
	label_set(&info.labels, &info.n_labels, "os", "linux");
	return info;
}

/* As facts_add() does, but with the times that it has. */
static void save(struct place *p, const struct image_info *info)
{
	AUTO(err_clear) struct err err = {};

	assert_int_equal(facts_save(p->store, info, &err), 0);
	if (!geteuid())
		assert_int_equal(vouch_save(p->store, info, "{}", 2, &err), 0);
}

/* Facts alone, under an ID made of one digit and a number. */
static char *put_facts(struct place *p, const char *name, const char *version, char digit, int64_t when,
		       bool latest)
{
	AUTO(image_info_clear) struct image_info info = image(name, version);
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *key = NULL;

	info.id = xcalloc(1, IMAGE_ID_LEN + 1);
	memcpy(info.id, "sha512-", 7);
	memset(info.id + 7, digit, IMAGE_ID_LEN - 7);
	info.import_time = when;
	info.latest = latest;
	info.size = 1;
	key = store_key(info.id);
	save(p, &info);
	assert_int_equal(names_add(p->store, name, key, &err), 0);
	return TAKE(info.id);
}

static void expect_words(struct err *err, const char *expected)
{
	AUTO(free) char *words = err_text(err);

	assert_string_equal(words, expected);
}

static void facts_round(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = image("example.com/a", "1.0"), read = {};
	AUTO(free) char *key = NULL;

	info.id = put_facts(p, "example.com/a", "1.0", 'a', 5, false);
	key = store_key(info.id);
	info.tree = xasprintf("deps-%s", key);
	info.verified_by = xstrdup("0123456789abcdef0123456789abcdef01234567");
	info.source = xstrdup("https://example.com/a.aci");
	info.import_time = 1500000000123456789;
	info.size = 10;
	info.tree_size = 1LL << 40;
	info.latest = true;
	save(p, &info);
	assert_int_equal(facts_load(p->store, key, &read, NULL), 0);
	assert_string_equal(read.id, info.id);
	assert_string_equal(read.name, "example.com/a");
	assert_string_equal(label_get(read.labels, read.n_labels, "version"), "1.0");
	assert_string_equal(read.tree, info.tree);
	assert_string_equal(read.verified_by, info.verified_by);
	assert_string_equal(read.source, info.source);
	assert_true(read.import_time == info.import_time && read.size == 10 && read.tree_size == 1LL << 40);
	assert_true(read.latest);
	assert_true(time_now() - read.last_used < 60LL * NS_PER_SECOND);
}

static void unchanged(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info read = {};
	AUTO(free) char *id = put_facts(p, "example.com/a", "1.0", 'a', 5, true), *key = store_key(id);
	struct image_info told = { .id = id, .etag = (char[]){ "\"v1\"" }, .max_age = 60, .checked = 7 };

	store_note_unchanged(p->store, &told);
	assert_int_equal(facts_load(p->store, key, &read, NULL), 0);
	assert_string_equal(read.etag, "\"v1\"");
	assert_null(read.last_modified);
	assert_true(read.max_age == 60 && read.checked == 7 && read.import_time == 5 && read.latest);
	assert_string_equal(read.name, "example.com/a");
}

static void bad_facts(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{\"id\":\"sha512-00\",\"name\":\"a\",\"importTime\":1,\"size\":1}",
		"{\"id\":7,\"name\":\"a\",\"importTime\":1,\"size\":1}", "\1\377",
	};
	struct place *p = *state;
	AUTO(free) char *good = put_facts(p, "example.com/a", NULL, 'a', 1, false), *path = NULL, *key = NULL;
	AUTO(free) char *moved = NULL, *text = NULL;

	key = xasprintf("sha512-%064d", 7);
	path = xasprintf("image/%s", key);
	for (size_t i = 0; i <= ARRAY_LEN(texts); i++) {
		struct image_info *list = NULL, info = {};
		size_t n = 0, bad = 0, len = 0;

		if (i < ARRAY_LEN(texts)) {
			text = xstrdup(texts[i]);
			len = strlen(text);
		} else {	/* another image's facts */
			moved = xasprintf("image/%.71s", good);
			assert_int_equal(file_read(p->store->cas_fd, moved, 1 << 16, &text, &len), 0);
		}
		assert_int_equal(file_write(p->store->cas_fd, path, text, len, 0660), 0);
		free(TAKE(text));
		assert_int_equal(store_list(p->store, &list, &n, &bad, NULL), 0);
		assert_int_equal(n, 1);
		assert_int_equal(bad, 1);
		assert_string_equal(list[0].id, good);
		image_infos_free(list, n);
		assert_int_equal(facts_load(p->store, key, &info, NULL), -ERR_BAD_INPUT);
	}
}

static void find_by_id(void **state)
{
	struct place *p = *state;
	AUTO(free) char *a = put_facts(p, "example.com/a", "1", 'a', 1, false);
	AUTO(free) char *b = put_facts(p, "example.com/b", "1", 'b', 2, false);
	AUTO(free) char *other_tail = xstrdup(a);
	AUTO(image_info_clear) struct image_info info = {}, second = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *alike = NULL;

	assert_int_equal(store_find_id(p->store, "sha512-aa", &info, &err), 0);
	assert_string_equal(info.id, a);
	assert_int_equal(store_find_id(p->store, b, &second, &err), 0);
	assert_string_equal(second.name, "example.com/b");
	assert_int_equal(store_find_id(p->store, "sha512-cc", &info, &err), -ERR_NOT_FOUND);
	expect_words(&err, "no image IDs found");
	assert_int_equal(store_find_id(p->store, "sha512-a", &info, &err), -ERR_BAD_INPUT);
	expect_words(&err, "image ID too short");
	assert_int_equal(store_find_id(p->store, "sha256-aaaa", &info, &err), -ERR_NOT_FOUND);
	assert_int_equal(store_find_id(p->store, "sha384-aaaa", &info, &err), -ERR_BAD_INPUT);
	expect_words(&err, "wrong key prefix");
	assert_int_equal(store_find_id(p->store, "sha512-AAAA", &info, &err), -ERR_BAD_INPUT);
	assert_int_equal(store_find_id(p->store, "sha512-../../lock", &info, &err), -ERR_BAD_INPUT);
	other_tail[IMAGE_ID_LEN - 1] = 'c';
	assert_int_equal(store_find_id(p->store, other_tail, &info, &err), -ERR_NOT_FOUND);
	/* Two that begin alike. */
	alike = xasprintf("image/sha512-aa%062d", 0);
	assert_int_equal(file_write(p->store->cas_fd, alike, "{}", 2, 0660), 0);
	assert_int_equal(store_find_id(p->store, "sha512-aa", &info, &err), -ERR_AMBIGUOUS);
	expect_words(&err, "ambiguous image ID: \"sha512-aa\"");
}

static bool not_the_newest(void *arg, const struct image_info *i)
{
	return i->import_time < *(const int64_t *)arg;
}

static void find_by_name(void **state)
{
	struct place *p = *state;
	AUTO(free) char *old = put_facts(p, "example.com/a", "1", 'a', 10, false);
	AUTO(free) char *latest = put_facts(p, "example.com/a", "2", 'b', 20, true);
	AUTO(free) char *newest = put_facts(p, "example.com/a", "3", 'c', 30, false);
	AUTO(free) char *again = put_facts(p, "example.com/a", "1", 'd', 15, false);
	AUTO(free) char *below = put_facts(p, "example.com/a/b", "1", 'e', 99, true);
	struct label one = { (char *)"version", (char *)"1" }, none = { (char *)"version", (char *)"9" };
	int64_t limit = 20;
	AUTO(err_clear) struct err err = {};
	struct {
		const struct label *labels;
		bool accept;
		const char *id;
	} cases[] = {
		{ NULL, false, latest }, { &one, false, again }, { NULL, true, again }, { &none, false, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		int r = store_find_name(p->store, "example.com/a", cases[i].labels, cases[i].labels != NULL,
					cases[i].accept ? not_the_newest : NULL, &limit, &info, &err);

		assert_int_equal(r, cases[i].id ? 0 : -ERR_NOT_FOUND);
		if (cases[i].id)
			assert_string_equal(info.id, cases[i].id);
	}
	(void)old, (void)newest, (void)below;
}

static void find_by_words(void **state)
{
	struct place *p = *state;
	AUTO(free) char *a = put_facts(p, "example.com/a", "1", 'a', 10, false);
	AUTO(err_clear) struct err err = {};
	AUTO(image_info_clear) struct image_info by_name = {}, by_id = {};
	struct image_info info;

	assert_int_equal(store_find(p->store, "example.com/a:1,os=linux", &by_name, &err), 0);
	assert_int_equal(store_find(p->store, "sha512-aaaa", &by_id, &err), 0);
	assert_string_equal(by_id.id, by_name.id);
	assert_int_equal(store_find(p->store, "example.com/a:2", &info, &err), -ERR_NOT_FOUND);
	expect_words(&err, "cannot find image \"example.com/a:2\"");
	assert_int_equal(store_find(p->store, "Not//A name", &info, &err), -ERR_BAD_INPUT);
	assert_int_equal(store_find(p->store, "sha512-bb", &info, &err), -ERR_NOT_FOUND);
	expect_words(&err, "cannot resolve image ID: no image IDs found");
	assert_string_equal(a, by_id.id);
}

static void many(void **state)
{
	struct place *p = *state;
	struct image_info *list = NULL;
	size_t n = 0, bad = 0;
	int64_t before;
	AUTO(free) char *template = put_facts(p, "example.com/a", "1", 'a', 1, false), *text = NULL, *from = NULL;

	from = xasprintf("image/%.71s", template);
	assert_int_equal(file_read(p->store->cas_fd, from, 1 << 16, &text, NULL), 0);
	for (int i = 0; i < 1000; i++) {
		AUTO(free) char *path = xasprintf("image/sha512-%064d", i), *own = xstrdup(text);
		AUTO(free) char *digits = xasprintf("sha512-%064d", i);

		memcpy(strstr(own, "sha512-"), digits, strlen(digits));
		assert_int_equal(file_write(p->store->cas_fd, path, own, strlen(own), 0660), 0);
	}
	before = time_now();
	assert_int_equal(store_list(p->store, &list, &n, &bad, NULL), 0);
	if (getenv("RKT_TEST_TIMES"))
		print_message("1000 images listed in %.2f ms\n", (double)(time_now() - before) / 1e6);
	assert_int_equal(n, 1001);
	assert_int_equal(bad, 0);
	image_infos_free(list, n);
}

/* A whole import of an archive with one file. Returns import_commit()'s or the first failure's code. */
static int add_image(struct place *p, const char *name, const char *verified_by, const char *content, bool commit,
		     struct image_info *info, struct err *err)
{
	AUTO(free) char *manifest = xasprintf("{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"%s\"}",
					      name);
	AUTO(import_free) struct import *import = NULL;
	AUTO(buf_clear) struct buf tar = {};
	struct import_result result = {};
	int fd, r;

	*info = image(name, "1");
	info->verified_by = xstrdup(verified_by);
	tar_begin(&tar, manifest);
	tar_add(&tar, &(struct tar_header){ .name = "rootfs/f", .type = '0', .data = content, .mode = 04755 });
	tar_end(&tar);
	r = import_start(p->store, p->unpack_fd, geteuid() == 0, &import, &fd, err);
	if (r < 0)
		return r;
	assert_int_equal(fd_write_all(fd, tar.data, tar.len), 0);
	close(fd);
	r = import_finish(import, &result, err);
	if (r < 0)
		return r;
	assert_int_equal(result.manifest_len, strlen(manifest));
	assert_memory_equal(result.manifest, manifest, result.manifest_len);
	assert_int_equal(result.size, tar.len);
	return commit ? import_commit(import, info, err) : 0;
}

static void import_image(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, again = {}, found = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	AUTO(close) int blob_fd = -1;
	struct stat st;
	int tree_fd;

	assert_int_equal(add_image(p, "example.com/a", "0123456789abcdef0123456789abcdef01234567", "x", true, &info,
				   &err), 0);
	assert_int_equal(store_find(p->store, "example.com/a", &found, &err), 0);
	assert_string_equal(found.id, info.id);
	assert_int_equal(strlen(found.id), IMAGE_ID_LEN);
	assert_string_equal(found.verified_by, "0123456789abcdef0123456789abcdef01234567");
	assert_int_equal(store_read_manifest_text(p->store, &found, &text, &err), 0);
	assert_non_null(strstr(text, "example.com/a"));
	assert_int_equal(store_open_blob(p->store, &found, &blob_fd, &err), 0);
	assert_int_equal(fstat(blob_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(place_count(p, "cas/tmp"), 0);
	if (geteuid() == 0) {
		assert_true(found.tree_size > 0);
		assert_int_equal(store_open_tree(p->store, found.tree, &tree_fd, &err), 0);
		assert_int_equal(fstatat(tree_fd, "rootfs/f", &st, 0), 0);
		assert_int_equal(st.st_mode, S_IFREG | 04755);
		assert_int_equal(st.st_gid, 0);
		close(tree_fd);
		assert_int_equal(place_trees(p), 1);
	}
	/* Once more, without a signature: it stays what it was. */
	assert_int_equal(add_image(p, "example.com/a", NULL, "x", true, &again, &err), 0);
	assert_string_equal(again.id, info.id);
	assert_string_equal(again.verified_by, "0123456789abcdef0123456789abcdef01234567");
}

/* Whose a tree is, the tree says: who names another's does not take it along. */
static void another_images_tree(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info a = {}, b = {}, found = {};
	AUTO(free) char *key = NULL;
	AUTO(close) int fd = -1;
	bool left = true;

	if (geteuid())
		skip();
	assert_int_equal(add_image(p, "example.com/a", NULL, "x", true, &a, NULL), 0);
	for (int i = 0; i < 2; i++) {
		image_info_clear(&b);
		assert_int_equal(add_image(p, "example.com/b", NULL, "y", true, &b, NULL), 0);
		free(b.tree);
		b.tree = xstrdup(a.tree);
		assert_int_equal(facts_save(p->store, &b, NULL), 0);
		if (i == 0)
			assert_int_equal(store_forget(p->store, &b, NULL, NULL, &left, NULL), 0);
		else
			assert_int_equal(store_remove_tree(p->store, b.tree, &b, NULL), 0);
		assert_false(i == 0 && left);
		assert_int_equal(store_open_image_tree(p->store, &a, &fd, NULL), 0);
		close_auto(&fd);
		fd = -1;
	}
	key = store_key(b.id);
	assert_int_equal(facts_load(p->store, key, &found, NULL), 0);
	assert_null(found.tree);
}

static void import_given_up(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(err_clear) struct err err = {};
	AUTO(import_free) struct import *import = NULL;
	struct import_result result;
	AUTO(free) char *words = NULL;
	struct image_info *list = NULL;
	size_t n = 7;
	int fd;

	assert_int_equal(add_image(p, "example.com/a", NULL, "x", false, &info, &err), 0);
	assert_int_equal(import_start(p->store, p->unpack_fd, geteuid() == 0, &import, &fd, &err), 0);
	assert_int_equal(fd_write_all(fd, "no tar at all", 13), 0);
	close(fd);
	assert_int_equal(import_finish(import, &result, &err), -ERR_BAD_INPUT);
	words = err_text(&err);
	assert_non_null(strstr(words, "the archive is damaged at offset 0"));
	import_free(TAKE(import));
	/* Killed while it still waits for more. */
	assert_int_equal(import_start(p->store, p->unpack_fd, geteuid() == 0, &import, &fd, &err), 0);
	import_free(TAKE(import));
	close(fd);
	assert_int_equal(store_list(p->store, &list, &n, NULL, &err), 0);
	assert_int_equal(n, 0);
	free(list);
	assert_int_equal(place_count(p, "cas/tmp"), 0);
	assert_int_equal(place_count(p, "cas/blob/sha512"), 0);
	if (geteuid() == 0)
		assert_int_equal(place_trees(p), 0);
}

static bool always(void *arg, const char *tree)
{
	(void)tree;
	return *(bool *)arg;
}

static void remove_image(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info a = {}, b = {}, info = {};
	AUTO(err_clear) struct err err = {};
	bool used = true, left = false;

	assert_int_equal(add_image(p, "example.com/a", NULL, "a", true, &a, &err), 0);
	assert_int_equal(add_image(p, "example.com/b", NULL, "b", true, &b, &err), 0);
	assert_int_equal(store_remove(p->store, &a, always, &used, &left, &err), 0);
	assert_int_equal(left, geteuid() == 0);
	assert_int_equal(store_find_id(p->store, a.id, &info, &err), -ERR_NOT_FOUND);
	assert_int_equal(store_remove(p->store, &a, always, &used, &left, &err), -ERR_NOT_FOUND);
	assert_int_equal(store_find(p->store, "example.com/b", &info, &err), 0);
	assert_int_equal(place_count(p, "cas/name"), 1);
	/* In use by ourselves: not now. Afterwards the tree goes once its pod is gone. */
	assert_int_equal(store_sweep(p->store, always, &used, &err), 0);
	p->store->shared = false;
	assert_int_equal(flock(p->store->lock_fd, LOCK_UN), 0);
	if (geteuid() == 0) {
		assert_int_equal(place_trees(p), 2);
		assert_int_equal(store_sweep(p->store, always, &used, &err), 0);
		assert_int_equal(place_trees(p), 2);
		used = false;
		assert_int_equal(store_sweep(p->store, always, &used, &err), 0);
		assert_int_equal(place_trees(p), 1);
	}
	assert_int_equal(store_remove(p->store, &b, NULL, NULL, &left, &err), 0);
	assert_false(left);
	assert_int_equal(place_count(p, "cas/name"), 0);
	assert_int_equal(place_count(p, "cas/image"), 0);
}

static void sweep(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info a = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *orphan = xasprintf("sha512-%064d", 3), *path = store_sharded("blob", orphan);
	AUTO(close) int busy_fd = -1;
	int cas_fd = p->store->cas_fd;
	AUTO(store_close) struct store *other = NULL;

	assert_int_equal(add_image(p, "example.com/a", NULL, "a", true, &a, &err), 0);
	assert_int_equal(store_make_shard(p->store, "blob", orphan, &err), 0);
	assert_int_equal(file_write(cas_fd, path, "x", 1, 0660), 0);
	assert_int_equal(names_add(p->store, "example.com/gone", orphan, &err), 0);
	assert_int_equal(file_write(cas_fd, "tmp/left", "x", 1, 0660), 0);
	assert_int_equal(file_write(cas_fd, "tmp/busy", "x", 1, 0660), 0);
	busy_fd = openat(cas_fd, "tmp/busy", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(busy_fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(store_open(p->path, STORE_WRITE, &other, &err), 0);
	/* Somebody uses the store: nothing happens. */
	assert_int_equal(store_sweep(other, NULL, NULL, &err), 0);
	assert_int_equal(place_count(p, "cas/tmp"), 2);
	store_close(TAKE(p->store));
	assert_int_equal(store_sweep(other, NULL, NULL, &err), 0);
	assert_int_equal(place_count(p, "cas/tmp"), 1);
	assert_int_equal(place_count(p, "cas/name"), 1);
	assert_int_equal(place_count(p, "cas/blob/sha512/00"), 0);
	assert_int_equal(store_verify(other, p->unpack_fd, &a, NULL, 0, NULL, &err), 0);
}

static void render_and_verify(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info a = {}, found = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *out = xasprintf("%s/out", p->path), *key = NULL, *path = NULL;
	AUTO(close) int out_fd = -1, blob_fd = -1;
	bool had_tree = true;
	int tree_fd;
	struct stat st;

	assert_int_equal(add_image(p, "example.com/a", NULL, "contents", true, &a, &err), 0);
	assert_int_equal(dir_make(AT_FDCWD, out, 0700), 0);
	assert_int_equal(dir_open(AT_FDCWD, out, &out_fd), 0);
	assert_int_equal(store_extract(p->store, p->unpack_fd, &a, NULL, 0, out_fd, true, &err), 0);
	assert_int_equal(fstatat(out_fd, "f", &st, 0), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(store_verify(p->store, p->unpack_fd, &a, NULL, 0, &had_tree, &err), 0);
	assert_int_equal(had_tree, geteuid() == 0);
	if (geteuid() == 0) {
		assert_int_equal(store_open_tree(p->store, a.tree, &tree_fd, &err), 0);
		assert_int_equal(file_write(tree_fd, "rootfs/f", "Contents", 8, 04755), 0);
		close(tree_fd);
		assert_int_equal(store_verify(p->store, p->unpack_fd, &a, NULL, 0, &had_tree, &err), -ERR_BAD_INPUT);
		expect_words(&err, "'rootfs/f' has other contents");
		assert_int_equal(store_render(p->store, p->unpack_fd, &a, NULL, 0, &err), 0);
		assert_int_equal(store_verify(p->store, p->unpack_fd, &a, NULL, 0, &had_tree, &err), 0);
		assert_int_equal(tree_remove(p->store->tree_fd, a.tree), 0);
		assert_int_equal(store_open_tree(p->store, a.tree, &tree_fd, &err), -ERR_NOT_FOUND);
		free(TAKE(a.tree));
		assert_int_equal(store_render(p->store, p->unpack_fd, &a, NULL, 0, &err), 0);
		assert_int_equal(store_find(p->store, "example.com/a", &found, &err), 0);
		assert_string_equal(found.tree, a.tree);
		assert_int_equal(place_trees(p), 2);	/* and the damaged one, which a pod might stand on */
	}
	/* One bit of the blob. */
	key = store_key(a.id);
	path = store_sharded("blob", key);
	blob_fd = openat(p->store->cas_fd, path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(blob_fd, "D", 1, 512 * 4), 1);
	assert_int_equal(store_verify(p->store, p->unpack_fd, &a, NULL, 0, &had_tree, &err), -ERR_BAD_INPUT);
	assert_int_equal(tree_remove(out_fd, "f"), 0);
	assert_int_equal(store_extract(p->store, p->unpack_fd, &a, NULL, 0, out_fd, true, &err), -ERR_BAD_INPUT);
}

static void layout(void **state)
{
	static const struct {
		const char *path;
		mode_t mode;
	} modes[] = {
		{ "", 02750 }, { "cas", 02770 }, { "cas/blob", 02770 }, { "cas/imageManifest", 02770 },
		{ "cas/tmp", 02770 }, { "cas/name", 02770 }, { "cas/image", 02770 }, { "cas/tree", 02700 },
	};
	struct place *p = *state;
	AUTO(free) char *nowhere = xasprintf("%s/none", p->path), *below = xasprintf("%s/x/y", p->path);
	AUTO(store_close) struct store *empty = NULL, *made = NULL;
	struct image_info *list = NULL, info;
	struct stat st;
	size_t n = 1;
	mode_t old;

	for (size_t i = 0; i < ARRAY_LEN(modes) - (geteuid() != 0); i++) {
		AUTO(free) char *path = xasprintf("%s/%s", p->path, modes[i].path);

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i].mode);
	}
	/* Reading makes nothing. */
	assert_int_equal(store_open(nowhere, STORE_READ, &empty, NULL), 0);
	assert_int_equal(store_use(empty, NULL), 0);
	assert_int_equal(store_list(empty, &list, &n, NULL, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(store_find(empty, "example.com/a", &info, NULL), -ERR_NOT_FOUND);
	assert_int_equal(store_find(empty, "sha512-aa", &info, NULL), -ERR_NOT_FOUND);
	assert_int_equal(store_sweep(empty, NULL, NULL, NULL), 0);
	assert_int_equal(access(nowhere, F_OK), -1);
	old = umask(077);
	assert_int_equal(store_open(below, STORE_WRITE, &made, NULL), 0);
	umask(old);
	assert_int_equal(stat(below, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02750);
}

static void group_may_not_exchange_trees(void **state)
{
	struct place *p = *state;
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *path = xasprintf("%s/cas/tree", p->path), *words = NULL;
	int fd;

	if (geteuid())
		skip();
	assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
	assert_int_equal(store_tree_dir(p->store, &fd, &err), -EPERM);
	words = err_text(&err);
	assert_non_null(strstr(words, "can be written by others than its owner"));
}

/* The kernel takes the lock back from whoever dies with it. */
static void locks(void **state)
{
	struct place *p = *state;
	AUTO(store_close) struct store *other = NULL;
	int ready[2], go[2];
	pid_t child;
	char c;

	assert_int_equal(store_open(p->path, STORE_WRITE, &other, NULL), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		close(go[1]);
		if (store_use(other, NULL) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) != 0);
	}
	assert_true(child > 0);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(store_use(p->store, NULL), 0);	/* beside another user */
	p->store->shared = false;
	assert_int_equal(store_try_exclusive(p->store, NULL), -EWOULDBLOCK);
	close(go[1]);	/* which ends the child */
	assert_int_equal(store_lock_exclusive(p->store, NULL), 0);
	store_unlock_exclusive(p->store);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
}

static int lock_without_timer(int dir_fd)
{
	struct rlimit none = {};
	struct itimerspec left;
	timer_t other;
	int fd = openat(dir_fd, "lock", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || timer_create(CLOCK_MONOTONIC, NULL, &other) < 0 || setrlimit(RLIMIT_SIGPENDING, &none) < 0)
		return 1;
	if (store_wait_lock(fd, LOCK_EX, "end") < 0)
		return 2;
	return timer_gettime(other, &left) < 0 ? 3 : 0;
}

/* Where the kernel has no timer left, it waits all the same, and takes none away. */
static void locks_without_timer(void **state)
{
	struct place *p = *state;
	AUTO(close) int dir_fd = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(close) int fd = openat(dir_fd, "lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	int status;
	pid_t child;

	assert_int_equal(flock(fd, LOCK_EX), 0);
	child = fork();
	if (!child)
		_exit(lock_without_timer(dir_fd));
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_drop)
	const struct CMUnitTest tests[] = {
		TEST(layout), TEST(facts_round), TEST(unchanged), TEST(bad_facts),
		TEST(find_by_id),
		TEST(find_by_name), TEST(find_by_words), TEST(many), TEST(import_image), TEST(import_given_up), TEST(another_images_tree),
		TEST(remove_image), TEST(sweep), TEST(render_and_verify), TEST(group_may_not_exchange_trees),
		TEST(locks), TEST(locks_without_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
