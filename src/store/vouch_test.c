#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/facts.h"
#include "store/tar_build.h"
#include "store/test_place.h"
#include "store/vouch.h"

/* What root believes of an image, whatever others put below cas. Only root can try. */

static void expect_verified_by_nobody(struct place *p, const char *key)
{
	AUTO(image_info_clear) struct image_info read = {};

	assert_int_equal(facts_load(p->store, key, &read, NULL), 0);
	assert_null(read.verified_by);
	assert_true(read.hearsay);
}

#define SIGNER "0123456789abcdef0123456789abcdef01234567"

static void save(struct place *p, const struct image_info *info)
{
	assert_int_equal(facts_save(p->store, info, NULL), 0);
	assert_int_equal(vouch_save(p->store, info, NULL, 0, NULL), 0);
}

/* An image that was verified, and its file of facts; the caller clears and frees. */
static struct image_info verified(struct place *p, char **ret_key, char **ret_path)
{
	struct image_info info = {};

	place_import(p, "example.com/a", SIGNER, "x", &info);
	*ret_key = store_key(info.id);
	*ret_path = xasprintf("image/%s", *ret_key);
	return info;
}

static void expect_verified(struct place *p, const char *key, const char *who)
{
	AUTO(image_info_clear) struct image_info read = {};

	assert_int_equal(facts_load(p->store, key, &read, NULL), 0);
	assert_string_equal(read.name, "example.com/a");
	if (who)
		assert_string_equal(read.verified_by, who);
	else
		assert_null(read.verified_by);
	assert_int_equal(read.hearsay, !who);
	assert_int_equal(read.vouched, who != NULL);
}

/* Whoever may rename there can put any file of root's in place of the facts. */
static void facts_without_vouching(void **state)
{
	struct place *p = *state;
	AUTO(free) char *key = NULL, *path = NULL;
	AUTO(image_info_clear) struct image_info info = verified(p, &key, &path);

	expect_verified(p, key, SIGNER);
	assert_int_equal(vouch_remove(p->store, key, NULL), 0);
	expect_verified(p, key, NULL);
	assert_int_equal(fchownat(p->store->cas_fd, path, 12345, (gid_t)-1, 0), 0);
	expect_verified(p, key, NULL);
	/* What root says stands, whoever wrote the file. */
	assert_int_equal(vouch_save(p->store, &info, NULL, 0, NULL), 0);
	expect_verified(p, key, SIGNER);
}

static void vouching_is_roots_alone(void **state)
{
	struct place *p = *state;
	AUTO(free) char *key = NULL, *path = NULL, *dir = xasprintf("%s/vouched", p->path), *file = NULL;
	AUTO(image_info_clear) struct image_info info = verified(p, &key, &path);
	struct stat st;

	assert_true(str_starts(info.id, key));
	file = xasprintf("%s/%s", dir, key);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02750);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	for (int i = 0; i < 4; i++) {
		AUTO(store_close) struct store *s = NULL;
		struct place other = { .path = p->path };

		assert_int_equal(store_open(p->path, STORE_READ, &s, NULL), 0);
		other.store = s;
		assert_int_equal(i == 0 ? chmod(dir, 02770) : i == 1 ? chown(dir, 12345, (gid_t)-1) :
				 i == 2 ? chmod(file, 0660) : chown(file, 12345, (gid_t)-1), 0);
		expect_verified(&other, key, NULL);
		assert_int_equal(chmod(dir, 02750) | chown(dir, 0, (gid_t)-1) | chmod(file, 0640), 0);
	}
}

/* Nothing but the tree and the time is taken from where others may write. */
static void facts_that_lie(void **state)
{
	struct place *p = *state;
	AUTO(free) char *key = NULL, *path = NULL;
	AUTO(image_info_clear) struct image_info info = verified(p, &key, &path), lie = {}, read = {};

	info.depends = true;
	info.source = xstrdup("https://example.com/a.aci");
	save(p, &info);
	lie = image_info_copy(&info);
	label_set(&lie.labels, &lie.n_labels, "version", "9");
	lie.depends = false;
	lie.latest = true;
	lie.import_time = 1LL << 60;
	free(lie.tree);
	lie.tree = xasprintf("deps-%s", key);
	free(lie.source);
	lie.source = xstrdup("https://example.com/b.aci");
	lie.etag = xstrdup("\"new\"");
	assert_int_equal(facts_save(p->store, &lie, NULL), 0);
	assert_int_equal(facts_load(p->store, key, &read, NULL), 0);
	assert_string_equal(label_get(read.labels, read.n_labels, "version"), "1");
	assert_true(read.depends && !read.latest && read.import_time == info.import_time && !read.etag);
	assert_string_equal(read.source, "https://example.com/a.aci");
	assert_string_equal(read.tree, lie.tree);
	assert_string_equal(read.verified_by, SIGNER);
}

/* Put back after the image was removed, they are what anybody might have written. */
static void facts_put_back(void **state)
{
	struct place *p = *state;
	AUTO(free) char *key = NULL, *path = NULL, *text = NULL;
	AUTO(image_info_clear) struct image_info info = verified(p, &key, &path);
	size_t len = 0;

	assert_true(str_starts(info.id, key));
	assert_int_equal(file_read(p->store->cas_fd, path, 1 << 16, &text, &len), 0);
	assert_int_equal(facts_remove(p->store, key, NULL), 0);
	assert_int_equal(place_count(p, "vouched"), 0);
	assert_int_equal(file_write(p->store->cas_fd, path, text, len, 0640), 0);
	expect_verified(p, key, NULL);
}

/* What somebody else added root reads itself; before that, its manifest may be any. */
static void reading_for_oneself(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, found = {}, other = {}, again = {};
	AUTO(free) char *key = NULL, *other_key = NULL, *path = NULL, *text = NULL, *own = NULL, *words = NULL;
	AUTO(err_clear) struct err err = {};

	place_import(p, "example.com/a", SIGNER, "x", &info);
	place_import(p, "example.com/b", SIGNER, "y", &other);
	key = store_key(info.id);
	other_key = store_key(other.id);
	path = store_sharded("imageManifest", key);
	/* Not rendered, and another image's manifest in place of its own. */
	free(TAKE(info.tree));
	assert_int_equal(facts_save(p->store, &info, NULL), 0);
	assert_int_equal(file_write(p->store->cas_fd, path, "{\"acKind\":1}", 12, 0640), 0);
	assert_int_equal(facts_load(p->store, key, &found, NULL), 0);
	assert_int_equal(store_read_manifest_text(p->store, &found, &text, &err), 0);
	assert_non_null(strstr(text, "example.com/a"));
	/* As if a member had added it. */
	assert_int_equal(vouch_remove(p->store, key, NULL), 0);
	info.depends = true;
	label_set(&info.labels, &info.n_labels, "version", "9");
	assert_int_equal(facts_save(p->store, &info, NULL), 0);
	assert_int_equal(facts_load(p->store, key, &again, NULL), 0);
	assert_false(again.vouched);
	assert_int_equal(store_vouch(p->store, p->unpack_fd, &again, &err), 0);
	assert_true(again.vouched && !again.depends && !again.verified_by);
	assert_string_equal(label_get(again.labels, again.n_labels, "version"), "1");
	assert_int_equal(store_read_manifest_text(p->store, &again, &own, &err), 0);
	assert_string_equal(own, text);
	expect_verified_by_nobody(p, key);
	/* One that is called otherwise than its archive is. */
	assert_int_equal(vouch_remove(p->store, other_key, NULL), 0);
	free(other.name);
	other.name = xstrdup("example.com/c");
	other.vouched = false;
	assert_int_equal(store_vouch(p->store, p->unpack_fd, &other, &err), -ERR_BAD_INPUT);
	words = err_text(&err);
	assert_string_equal(words, "the image 'example.com/c' is not what is known of it: its archive calls it 'example.com/b'");
}

/* The OCI image of one layer under a tag, as it would be fetched again: only name and labels differ. */
static struct image_info tagged(struct place *p, const struct image_info *of, const char *tag, const char *who)
{
	AUTO(free) char *manifest = xasprintf("{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":"
					      "\"example.com/t\",\"labels\":[{\"name\":\"version\",\"value\":\"%s\"}]}", tag);
	struct image_info info = {
		.id = xstrdup(of->id), .name = xstrdup("example.com/t"), .format = xstrdup("oci"),
		.digest = xstrdup(of->digest), .config_digest = xstrdup(of->config_digest),
		.layers = strv_copy(of->layers), .verified_by = xstrdup(who), .source = xasprintf("docker://t:%s", tag),
		.latest = str_eq(tag, "latest"),
	};

	assert_int_equal(store_add_image(p->store, p->unpack_fd, &info, manifest, false, NULL), 0);
	return info;
}

static int find_tag(struct place *p, const char *tag, struct image_info *ret)
{
	AUTO(free) char *text = xasprintf("example.com/t:%s", tag);

	return store_find(p->store, text, ret, NULL);
}

static size_t names(struct place *p)
{
	struct image_info *list = NULL;
	AUTO(strv_free) char **bad = NULL;
	size_t n = 0;

	assert_int_equal(store_list_all(p->store, &list, &n, &bad, NULL), 0);
	image_infos_free(list, n);
	return n;
}

/* A further name takes nothing from those that the image has, nor does taking it away. */
static void several_names(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info first = {}, v1 = {}, latest = {}, again = {}, found = {}, other = {};
	AUTO(buf_clear) struct buf layer = {};
	size_t n = 0, bad = 0;
	struct image_info *list = NULL;

	tar_add(&layer, &(struct tar_header){ .name = "f", .type = '0', .data = "x" });
	tar_end(&layer);
	assert_int_equal(place_add_oci(p, "example.com/t", &layer, 1, false, &first, NULL), 0);
	v1 = tagged(p, &first, "v1", SIGNER);
	latest = tagged(p, &first, "latest", NULL);
	assert_int_equal(names(p), 3);	/* with the version 1 of place_add_oci() */
	assert_int_equal(store_list(p->store, &list, &n, &bad, NULL), 0);
	assert_int_equal(n, 1);
	image_infos_free(list, n);
	assert_int_equal(find_tag(p, "v1", &found), 0);
	assert_string_equal(found.verified_by, SIGNER);
	assert_string_equal(found.source, "docker://t:v1");
	assert_false(found.latest);
	assert_int_equal(find_tag(p, "latest", &other), 0);
	assert_true(other.latest && other.vouched);
	assert_string_equal(other.source, "docker://t:latest");
	/* The same once more is no further name. */
	again = tagged(p, &first, "v1", NULL);
	assert_int_equal(names(p), 3);
	assert_string_equal(again.verified_by, SIGNER);
	/* Only that name goes, until it is the last. */
	assert_int_equal(store_remove_name(p->store, &found, NULL), 1);
	assert_int_equal(store_remove_name(p->store, &found, NULL), -ERR_NOT_FOUND);
	image_info_clear(&found);
	assert_int_equal(find_tag(p, "v1", &found), -ERR_NOT_FOUND);
	assert_int_equal(names(p), 2);
	assert_int_equal(store_remove_name(p->store, &first, NULL), 1);
	assert_int_equal(store_remove_name(p->store, &other, NULL), 0);
	assert_int_equal(names(p), 1);
	assert_int_equal(store_remove(p->store, &other, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(names(p), 0);
	assert_int_equal(place_count(p, "cas/name"), 0);
	assert_int_equal(place_count(p, "vouched"), 0);
}

/* What somebody else calls an image stands beside what root vouches for, and nobody vouches for that. */
static void names_of_others(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info first = {}, lie = {}, read = {};
	AUTO(buf_clear) struct buf layer = {};
	AUTO(free) char *key = NULL;

	tar_add(&layer, &(struct tar_header){ .name = "f", .type = '0', .data = "x" });
	tar_end(&layer);
	assert_int_equal(place_add_oci(p, "example.com/t", &layer, 1, false, &first, NULL), 0);
	key = store_key(first.id);
	lie = image_info_copy(&first);
	free(lie.name);
	lie.name = xstrdup("example.com/evil");
	lie.verified_by = xstrdup(SIGNER);
	image_name_add(&lie, &first);
	lie.others[0].verified_by = xstrdup(SIGNER);
	assert_int_equal(facts_save(p->store, &lie, NULL), 0);
	assert_int_equal(facts_load(p->store, key, &read, NULL), 0);
	assert_string_equal(read.name, "example.com/t");
	assert_true(read.vouched && !read.verified_by && read.hearsay);
	assert_int_equal(read.n_others, 1);
	assert_string_equal(read.others[0].name, "example.com/evil");
	assert_true(!read.others[0].vouched && !read.others[0].verified_by && read.others[0].hearsay);
	/* Nor does it once root says something more of the image. */
	image_info_clear(&lie);
	lie = tagged(p, &first, "v1", SIGNER);
	image_info_clear(&read);
	assert_int_equal(vouch_load(p->store, key, &read, NULL), 0);
	assert_string_equal(read.verified_by, SIGNER);
	assert_int_equal(read.n_others, 1);
	assert_string_equal(read.others[0].name, "example.com/t");
	assert_null(read.others[0].verified_by);
}

enum { SKIPPED = 77 };	/* to meson */

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_drop)
	const struct CMUnitTest tests[] = {
		TEST(facts_without_vouching), TEST(vouching_is_roots_alone), TEST(facts_that_lie),
		TEST(facts_put_back), TEST(reading_for_oneself), TEST(several_names), TEST(names_of_others),
	};

	if (geteuid()) {
		print_message("only root vouches\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
