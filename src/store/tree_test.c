#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "os/mount.h"
#include "store/facts.h"
#include "store/render.h"
#include "store/tar_build.h"
#include "store/test_place.h"

/* All of it is root's alone, and indexes only where the machine mounts them from files. */
static int make_root_place(void **state)
{
	int r = place_make_on_disk(state);
	struct place *p = *state;

	if (r >= 0 && (geteuid() || store_backend(p->store) != TREE_EROFS_FILE)) {
		store_close(TAKE(p->store));
		print_message("no EROFS from files here\n");
	}
	return r;
}

#define NEED_INDEX(p) do { if (!(p)->store) skip(); } while (0)

static void expect_words(struct err *err, const char *expected)
{
	AUTO(free) char *words = err_text(err);

	if (!strstr(words, expected))
		fail_msg("'%s' is not in '%s'", expected, words);
}

/* An ACI: "rootfs" with an odd mode, and "f" in it. */
static void add_aci(struct place *p, const char *content, struct image_info *info)
{
	AUTO(import_free) struct import *import = NULL;
	AUTO(buf_clear) struct buf tar = {};
	struct import_result result;
	int fd;

	*info = (struct image_info){ .name = xstrdup("example.com/t") };
	tar_add(&tar, &(struct tar_header){ .name = "manifest", .type = '0', .mode = 0644, .data = TEST_MANIFEST });
	tar_add(&tar, &(struct tar_header){ .name = "rootfs", .type = '5', .mode = 01751, .uid = 7, .gid = 8 });
	tar_add(&tar, &(struct tar_header){ .name = "rootfs/f", .type = '0', .data = content, .mode = 04755 });
	tar_end(&tar);
	assert_int_equal(import_start(p->store, p->unpack_fd, true, &import, &fd, NULL), 0);
	assert_int_equal(fd_write_all(fd, tar.data, tar.len), 0);
	close(fd);
	assert_int_equal(import_finish(import, &result, NULL), 0);
	assert_int_equal(import_commit(import, info, NULL), 0);
}

static void add_oci(struct place *p, const char *name, bool render, struct image_info *info)
{
	AUTO(err_clear) struct err err = {};
	struct buf layers[2] = {};

	tar_add(&layers[0], &(struct tar_header){ .name = "etc", .type = '5', .mode = 0755 });
	tar_add(&layers[0], &(struct tar_header){ .name = "etc/a", .type = '0', .mode = 0644, .data = "low" });
	tar_add(&layers[0], &(struct tar_header){ .name = "etc/b", .type = '0', .mode = 0644, .data = "gone" });
	tar_end(&layers[0]);
	tar_add(&layers[1], &(struct tar_header){ .name = "etc/.wh.b", .type = '0' });
	tar_add(&layers[1], &(struct tar_header){ .name = "c", .type = '0', .mode = 0600, .data = "high" });
	tar_end(&layers[1]);
	assert_int_equal(place_add_oci(p, name, layers, 2, render, info, &err), 0);
	buf_clear(&layers[0]);
	buf_clear(&layers[1]);
}

static int open_tree(struct place *p, const struct image_info *info)
{
	AUTO(err_clear) struct err err = {};
	int fd = -1;

	assert_int_equal(store_open_image_tree(p->store, info, &fd, &err), 0);
	return fd;
}

static int mount_tree(int tree_fd)
{
	AUTO(err_clear) struct err err = {};
	int fd = -1;

	assert_int_equal(store_mount_tree(tree_fd, 0, &fd, &err), 0);
	return fd;
}

static void expect_file(int dir_fd, const char *path, const char *text)
{
	AUTO(free) char *is = NULL;

	assert_int_equal(file_read(dir_fd, path, 1 << 20, &is, NULL), 0);
	assert_string_equal(is, text);
}

/* Changes a byte of a file below the place, as a disk that fails does. */
static void damage(int dir_fd, const char *name, off_t at)
{
	AUTO(close) int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void aci_index(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, found = {};
	AUTO(close) int tree_fd = -1, root_fd = -1, blob_fd = -1;
	AUTO(err_clear) struct err err = {};
	struct stat st, blob;
	struct statfs fs;
	bool sealed, had_tree;

	NEED_INDEX(p);
	add_aci(p, "contents", &info);
	assert_int_equal(store_find(p->store, "example.com/t", &found, &err), 0);
	tree_fd = open_tree(p, &found);
	assert_true(store_tree_is_mounted(tree_fd, &sealed));
	/* What prepare asks for the upper directory. */
	assert_int_equal(fstatat(tree_fd, "rootfs", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01751);
	assert_true(st.st_uid == 7 && st.st_gid == 8);
	assert_int_equal(faccessat(tree_fd, "rootfs/f", F_OK, 0), -1);
	expect_file(tree_fd, "manifest", TEST_MANIFEST);
	/* The blob is there once. */
	assert_int_equal(store_open_blob(p->store, &found, &blob_fd, &err), 0);
	assert_int_equal(fstat(blob_fd, &blob), 0);
	assert_int_equal(fstatat(tree_fd, "0", &st, 0), 0);
	assert_true(st.st_ino == blob.st_ino && st.st_nlink == 2);
	assert_true(found.tree_size > 0 && found.tree_size < 64 << 10);

	root_fd = mount_tree(tree_fd);
	assert_int_equal(fstatfs(root_fd, &fs), 0);
	assert_int_equal(fs.f_type, EROFS_SUPER_MAGIC_V1);
	expect_file(root_fd, "f", "contents");
	assert_int_equal(fstatat(root_fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(file_write(root_fd, "f", "x", 1, 0644), -EROFS);
	assert_int_equal(store_verify(p->store, p->unpack_fd, &found, NULL, 0, &had_tree, &err), 0);
	assert_true(had_tree);
	assert_int_equal(store_verify_tree(p->store, p->unpack_fd, &found, NULL, 0, tree_fd, &err), 0);
	/* Removed while it is mounted: whoever has it keeps it. */
	assert_int_equal(store_remove(p->store, &found, NULL, NULL, NULL, &err), 0);
	assert_int_equal(place_trees(p), 0);
	expect_file(root_fd, "f", "contents");
}

/* Fetched again: on disk it is still there once, also when it rotted meanwhile. */
static bool is_tree(void *arg, const char *tree) { return str_eq(tree, arg); }

static void added_again(void **state)
{
	static char other[] = "deps-sha512-0000000000000000000000000000000000000000000000000000000000000000";
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, again = {}, cured = {};
	AUTO(close) int tree_fd = -1, root_fd = -1, blob_fd = -1, old_fd = -1;
	AUTO(err_clear) struct err err = {};
	struct stat first, st;

	NEED_INDEX(p);
	add_aci(p, "contents", &info);
	assert_int_equal(store_open_blob(p->store, &info, &blob_fd, &err), 0);
	assert_int_equal(fstat(blob_fd, &first), 0);
	add_aci(p, "contents", &again);
	close(TAKE_FD(blob_fd));
	assert_int_equal(store_open_blob(p->store, &again, &blob_fd, &err), 0);
	assert_int_equal(fstat(blob_fd, &st), 0);
	assert_true(st.st_ino == first.st_ino && st.st_nlink == 2);
	tree_fd = open_tree(p, &again);
	damage(tree_fd, "0", 2 * 512);
	old_fd = TAKE_FD(tree_fd);
	add_aci(p, "contents", &cured);
	tree_fd = open_tree(p, &cured);
	root_fd = mount_tree(tree_fd);
	expect_file(root_fd, "f", "contents");
	close(TAKE_FD(blob_fd));
	assert_int_equal(store_open_blob(p->store, &cured, &blob_fd, &err), 0);
	assert_int_equal(fstat(blob_fd, &st), 0);
	assert_true(st.st_ino != first.st_ino && st.st_nlink == 2);
	assert_int_equal(store_verify(p->store, p->unpack_fd, &cured, NULL, 0, NULL, &err), 0);
	/* The old one, which somebody has open, is all there until no pod has a tree of that name. */
	assert_int_equal(place_trees(p), 2);
	assert_int_equal(store_lock_exclusive(p->store, &err), 0);
	assert_int_equal(store_sweep(p->store, is_tree, cured.tree, &err), 0);
	assert_int_equal(place_trees(p), 2);
	assert_int_equal(faccessat(old_fd, "rendered", F_OK, 0), 0);
	assert_int_equal(faccessat(old_fd, "0", F_OK, 0), 0);
	assert_int_equal(store_sweep(p->store, is_tree, other, &err), 0);
	store_unlock_exclusive(p->store);
	assert_int_equal(place_trees(p), 1);
	assert_int_equal(faccessat(old_fd, "rendered", F_OK, 0), -1);
	close(TAKE_FD(tree_fd));
	tree_fd = open_tree(p, &cured);
}

static void oci_index(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, other = {};
	AUTO(close) int tree_fd = -1, root_fd = -1, out_fd = -1;
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *out = xasprintf("%s/out", p->path), *text = NULL;

	NEED_INDEX(p);
	add_oci(p, "example.com/o", true, &info);
	tree_fd = open_tree(p, &info);
	root_fd = mount_tree(tree_fd);
	expect_file(root_fd, "etc/a", "low");
	expect_file(root_fd, "c", "high");
	assert_int_equal(faccessat(root_fd, "etc/b", F_OK, 0), -1);
	assert_int_equal(faccessat(root_fd, "etc/.wh.b", F_OK, 0), -1);
	assert_int_equal(store_read_manifest_text(p->store, &info, &text, &err), 0);
	assert_non_null(strstr(text, "\"name\":\"example.com/o\""));
	/* Another image of the same layers is another tree on the same blobs. */
	add_oci(p, "example.com/p", true, &other);
	assert_string_not_equal(info.tree, other.tree);
	assert_int_equal(place_trees(p), 2);
	assert_int_equal(store_verify(p->store, p->unpack_fd, &info, NULL, 0, NULL, &err), 0);
	/* The same files, unpacked. */
	assert_int_equal(dir_make(AT_FDCWD, out, 0700), 0);
	assert_int_equal(dir_open(AT_FDCWD, out, &out_fd), 0);
	assert_int_equal(store_extract(p->store, p->unpack_fd, &info, NULL, 0, out_fd, false, &err), 0);
	expect_file(out_fd, "rootfs/etc/a", "low");
	expect_file(out_fd, "manifest", text);
	assert_int_equal(faccessat(out_fd, "rootfs/etc/b", F_OK, 0), -1);
	assert_int_equal(store_remove(p->store, &other, NULL, NULL, NULL, &err), 0);
	assert_int_equal(store_verify(p->store, p->unpack_fd, &info, NULL, 0, NULL, &err), 0);
}

static void either_way(void **state)
{
	struct place *p = *state;
	struct tree_layer layers[2] = {};
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(close) int tree_fd = -1, mounted_fd = -1, root_fd = -1, files_fd = -1;
	AUTO(err_clear) struct err err = {};
	struct statfs fs;
	int64_t size;
	bool sealed;

	NEED_INDEX(p);
	add_oci(p, "example.com/o", true, &info);
	layers[0].key = info.layers[0];
	layers[1].key = info.layers[1];
	size = info.tree_size;
	tree_fd = open_tree(p, &info);
	mounted_fd = mount_tree(tree_fd);
	assert_true(store_tree_is_of(tree_fd, layers, 2));
	assert_false(store_tree_is_of(tree_fd, layers, 1));
	/* Files too, twice, as for a kernel that cannot mount it; whoever had it mounted is not disturbed. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(store_add_files(p->store, p->unpack_fd, &info, NULL, 0, &err), 0);
	assert_false(store_tree_is_mounted(tree_fd, &sealed));
	root_fd = mount_tree(tree_fd);
	assert_int_equal(fstatfs(root_fd, &fs), 0);
	assert_int_not_equal(fs.f_type, EROFS_SUPER_MAGIC_V1);
	expect_file(root_fd, "etc/a", "low");
	expect_file(mounted_fd, "etc/a", "low");
	assert_true(info.tree_size > size);
	assert_int_equal(store_verify(p->store, p->unpack_fd, &info, NULL, 0, NULL, &err), 0);
	assert_int_equal(file_write(root_fd, "etc/a", "LOW", 3, 0644), 0);
	assert_int_equal(store_verify(p->store, p->unpack_fd, &info, NULL, 0, NULL, &err), -ERR_BAD_INPUT);
	expect_words(&err, "'rootfs/etc/a' has other contents");
	assert_int_equal(place_trees(p), 1);
	/* Made anew as files, and as an index again. */
	assert_int_equal(store_render_as(p->store, p->unpack_fd, TREE_FILES, &info, NULL, 0, &err), 0);
	files_fd = open_tree(p, &info);
	assert_false(store_tree_is_mounted(files_fd, &sealed));
	assert_true(store_tree_is_of(files_fd, layers, 2));
	layers[1].key = layers[0].key;
	assert_false(store_tree_is_of(files_fd, layers, 2));
	assert_int_equal(store_render(p->store, p->unpack_fd, &info, NULL, 0, &err), 0);
	close(TAKE_FD(files_fd));
	files_fd = open_tree(p, &info);
	assert_true(store_tree_is_mounted(files_fd, &sealed));
	/* Those in whose place it is, too. */
	assert_int_equal(place_trees(p), 3);
}

static void damaged(void **state)
{
	static const struct { const char *file; off_t at; const char *words; } cases[] = {
		{ "index", 1030, "the index is damaged" }, { "0", 512, "has other bytes" }, { "1", 600, "has other bytes" },
	};
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(close) int tree_fd = -1;
	AUTO(err_clear) struct err err = {};

	NEED_INDEX(p);
	add_oci(p, "example.com/o", true, &info);
	tree_fd = open_tree(p, &info);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		damage(tree_fd, cases[i].file, cases[i].at);
		assert_int_equal(store_verify(p->store, p->unpack_fd, &info, NULL, 0, NULL, &err), -ERR_BAD_INPUT);
		expect_words(&err, cases[i].words);
		assert_int_equal(store_verify_tree(p->store, p->unpack_fd, &info, NULL, 0, tree_fd, &err), -ERR_BAD_INPUT);
		expect_words(&err, "example.com/o");
		expect_words(&err, cases[i].words);
		damage(tree_fd, cases[i].file, cases[i].at);
		assert_int_equal(store_verify_tree(p->store, p->unpack_fd, &info, NULL, 0, tree_fd, &err), 0);
	}
}

/* Nothing of what a member of group rkt may write decides what root's tree consists of. */
static void others_blobs(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(close) int blob_fd = -1, open_fd = -1, tree_fd = -1, root_fd = -1;
	AUTO(free) char *path = NULL;
	AUTO(err_clear) struct err err = {};
	struct stat st;

	NEED_INDEX(p);
	add_oci(p, "example.com/o", false, &info);
	path = store_sharded("blob", info.layers[0]);
	store_close(TAKE(p->store));	/* which forgets what it knew */
	assert_int_equal(store_open(p->path, STORE_WRITE, &p->store, &err), 0);
	assert_int_equal(fchownat(p->store->cas_fd, path, 12345, (gid_t)-1, 0), 0);
	open_fd = openat(p->store->cas_fd, path, O_RDWR | O_CLOEXEC);
	assert_int_equal(store_render(p->store, p->unpack_fd, &info, NULL, 0, &err), 0);
	tree_fd = open_tree(p, &info);
	assert_int_equal(fstatat(tree_fd, "0", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(store_open_key(p->store, info.layers[0], &blob_fd, &err), 0);
	assert_int_equal(fstat(blob_fd, &st), 0);
	assert_int_equal(st.st_uid, 0);
	/* Whoever still has the old one open changes nothing. */
	assert_int_equal(pwrite(open_fd, "evil", 4, 1536), 4);
	root_fd = mount_tree(tree_fd);
	expect_file(root_fd, "etc/a", "low");
	assert_int_equal(store_verify(p->store, p->unpack_fd, &info, NULL, 0, NULL, &err), 0);
}

/* Nor what root unpacks: rkt-unpack reads an archive again after it hashed it. */
static void others_blobs_unpacked(void **state)
{
	static const char *const images[] = { "example.com/t", "example.com/o" };
	struct place *p = *state;

	NEED_INDEX(p);
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		AUTO(close) int out_fd = -1, blob_fd = -1;
		AUTO(free) char *key = NULL, *path = NULL, *out = xasprintf("%s/out%zu", p->path, i);
		AUTO(err_clear) struct err err = {};
		struct stat st;

		if (i)
			add_oci(p, images[i], false, &info);
		else
			add_aci(p, "contents", &info);
		key = i ? xstrdup(info.layers[0]) : store_key(info.id);
		path = store_sharded("blob", key);
		store_close(TAKE(p->store));
		assert_int_equal(store_open(p->path, STORE_READ, &p->store, &err), 0);
		assert_int_equal(fchownat(p->store->cas_fd, path, 12345, (gid_t)-1, 0), 0);
		assert_int_equal(dir_make(AT_FDCWD, out, 0700), 0);
		assert_int_equal(dir_open(AT_FDCWD, out, &out_fd), 0);
		assert_int_equal(store_extract(p->store, p->unpack_fd, &info, NULL, 0, out_fd, true, &err), 0);
		/* What was read is a copy of root's, which is there in its place. */
		assert_int_equal(store_open_key(p->store, key, &blob_fd, &err), 0);
		assert_int_equal(fstat(blob_fd, &st), 0);
		assert_int_equal(st.st_uid, 0);
		assert_int_equal(store_verify(p->store, p->unpack_fd, &info, NULL, 0, NULL, &err), 0);
	}
}

static void exchanged_blobs(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *low = NULL, *high = NULL;
	AUTO(err_clear) struct err err = {};

	NEED_INDEX(p);
	add_oci(p, "example.com/o", false, &info);
	low = store_sharded("blob", info.layers[0]);
	high = store_sharded("blob", info.layers[1]);
	assert_int_equal(renameat2(p->store->cas_fd, low, p->store->cas_fd, high, RENAME_EXCHANGE), 0);
	store_close(TAKE(p->store));
	assert_int_equal(store_open(p->path, STORE_WRITE, &p->store, &err), 0);
	assert_int_equal(store_render(p->store, p->unpack_fd, &info, NULL, 0, &err), -ERR_BAD_INPUT);
	expect_words(&err, "image hash does not match expected");
	assert_int_equal(place_trees(p), 0);
}

/* Facts that say other layers, documents or a longer name than the image's own. */
static void lying_facts(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, other = {};
	AUTO(free) char *key = NULL, *path = NULL, *text = NULL;
	AUTO(err_clear) struct err err = {};
	struct image_info lie;
	char *layers[] = { NULL, NULL, NULL };

	NEED_INDEX(p);
	add_oci(p, "example.com/o", false, &info);
	add_oci(p, "example.com/p", false, &other);
	lie = info;
	layers[0] = info.layers[1];
	layers[1] = info.layers[0];
	lie.layers = layers;
	assert_int_equal(store_render(p->store, p->unpack_fd, &lie, NULL, 0, &err), -ERR_BAD_INPUT);
	expect_words(&err, "the image 'example.com/o' is not what is known of it: its layer 1 is");
	layers[1] = NULL;
	assert_int_equal(store_render(p->store, p->unpack_fd, &lie, NULL, 0, &err), -ERR_BAD_INPUT);
	expect_words(&err, "it has 2 layers rather than 1");
	lie = info;
	lie.digest = other.digest;
	assert_int_equal(store_render(p->store, p->unpack_fd, &lie, NULL, 0, &err), -ERR_BAD_INPUT);
	expect_words(&err, "image hash does not match expected");
	lie = info;
	lie.config_digest = info.digest;
	assert_int_equal(store_render(p->store, p->unpack_fd, &lie, NULL, 0, &err), -ERR_BAD_INPUT);
	expect_words(&err, "its configuration is");
	/* The stored manifest is anybody's word; of the image's program it decides nothing. */
	key = store_key(info.id);
	path = store_sharded("imageManifest", key);
	text = xstrdup("{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/o\","
		       "\"app\":{\"exec\":[\"/evil\"],\"user\":\"0\",\"group\":\"0\"}}");
	assert_int_equal(file_write(p->store->cas_fd, path, text, strlen(text), 0640), 0);
	assert_int_equal(store_render(p->store, p->unpack_fd, &info, NULL, 0, &err), 0);
	free(TAKE(text));
	assert_int_equal(store_read_manifest_text(p->store, &info, &text, &err), 0);
	assert_null(strstr(text, "/evil"));
	assert_non_null(strstr(text, "\"exec\":[\"/x\"]"));
	assert_int_equal(store_verify(p->store, p->unpack_fd, &info, NULL, 0, NULL, &err), -ERR_BAD_INPUT);
	expect_words(&err, "the stored manifest is not the image's");
}

static void seals(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(tree_record_clear) struct tree_record record = {};
	AUTO(close) int tree_fd = -1;
	AUTO(err_clear) struct err err = {};
	bool sealed = true;
	int fd = -1;

	NEED_INDEX(p);
	add_oci(p, "example.com/o", true, &info);
	tree_fd = open_tree(p, &info);
	assert_int_equal(tree_record_read(tree_fd, &record, &err), 0);
	if (record.seals)
		skip();		/* a file system with fs-verity: tests/vm looks at that */
	store_tree_is_mounted(tree_fd, &sealed);
	assert_false(sealed);
	for (int i = 0; i < 3; i++)
		strv_add(&record.seals, "sha256:00");
	assert_int_equal(tree_record_write(tree_fd, &record, &err), 0);
	assert_int_equal(store_mount_tree(tree_fd, 0, &fd, &err), -ERR_BAD_INPUT);
	expect_words(&err, "'index' was sealed, but is so no more");
	assert_int_equal(store_mount_tree(tree_fd, TREE_UNCHECKED, &fd, &err), 0);
	close(fd);
	free(TAKE(record.seals[2]));
	assert_int_equal(tree_record_write(tree_fd, &record, &err), 0);
	assert_int_equal(store_mount_tree(tree_fd, 0, &fd, &err), -ERR_BAD_INPUT);
	expect_words(&err, "it makes no sense");
}

static void other_file_system(void **state)
{
	struct place *p = *state;
	struct tree_work w;
	AUTO(close) int fd = open("/dev/shm", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	AUTO(free) char *key = xasprintf("sha256-%064d", 1);
	AUTO(err_clear) struct err err = {};

	NEED_INDEX(p);
	if (fd < 0)
		skip();
	assert_int_equal(fd_write_all(fd, "bytes", 5), 0);
	assert_int_equal(tree_work_open(p->store, TREE_EROFS_FILE, &w, &err), 0);
	assert_int_equal(tree_work_add_blob(&w, key, fd, &err), 0);
	assert_int_equal(tree_work_add_blob(&w, key, fd, &err), 0);
	expect_file(w.dir.fd, "0", "bytes");
	expect_file(w.dir.fd, "1", "bytes");
	assert_int_equal(strv_len(w.record.layers), 2);
	tree_work_drop(p->store, &w);
	assert_int_equal(place_trees(p), 0);
}

static void remembered_backend(void **state)
{
	struct place *p = *state;
	AUTO(free) char *path = xasprintf("%s/cas/tree/" BACKEND_FILE, p->path), *text = NULL, *lie = NULL;
	size_t len = 0;

	NEED_INDEX(p);
	assert_int_equal(file_read(AT_FDCWD, path, 1000, &text, &len), 0);
	assert_string_equal(text + len - strlen("erofs (file)"), "erofs (file)");
	/* It is believed as long as its circumstances are ours. */
	lie = xstrndup(text, len - strlen("erofs (file)"));
	assert_int_equal(file_write(AT_FDCWD, path, lie, strlen(lie), 0600), 0);
	assert_int_equal(store_backend(p->store), TREE_EROFS_FILE);
	free(TAKE(lie));
	lie = xasprintf("%.*stree", (int)(len - strlen("erofs (file)")), text);
	assert_int_equal(file_write(AT_FDCWD, path, lie, strlen(lie), 0600), 0);
	assert_int_equal(store_backend(p->store), TREE_FILES);
	lie[0] ^= 1;
	assert_int_equal(file_write(AT_FDCWD, path, lie, strlen(lie), 0600), 0);
	assert_int_equal(store_backend(p->store), TREE_EROFS_FILE);
	/* A sweep leaves it. */
	assert_int_equal(store_sweep(p->store, NULL, NULL, NULL), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_string_equal(tree_backend_name(TREE_EROFS_LOOP), "erofs (loop)");
}

static void set_descriptors(rlim_t n)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Wherever descriptors run out while it is found out: that is not remembered. */
static void backend_found_in_need(void **state)
{
	struct place *p = *state;
	AUTO(free) char *path = xasprintf("%s/cas/tree/" BACKEND_FILE, p->path);
	enum tree_backend found = TREE_FILES;
	struct rlimit before;
	int failed = 0;

	NEED_INDEX(p);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (rlim_t n = 3; found == TREE_FILES && n < 100; n++) {
		assert_int_equal(unlink(path), 0);
		set_descriptors(n);
		found = store_backend(p->store);
		set_descriptors(before.rlim_cur);
		failed += found == TREE_FILES;
		assert_int_equal(store_backend(p->store), TREE_EROFS_FILE);
	}
	assert_int_equal(found, TREE_EROFS_FILE);
	assert_true(failed > 2);
}

static int attach_in_namespace(struct place *p, const char *tree)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(free) char *text = NULL;
	int tree_fd = -1, fd = -1;

	/* Descriptors of before belong to the old namespace. */
	if (mount_namespace_new(NULL) < 0 || store_open(p->path, STORE_READ, &store, NULL) < 0 ||
	    store_open_tree(store, tree, &tree_fd, NULL) < 0 || store_mount_tree(tree_fd, TREE_ATTACH, &fd, NULL) < 0)
		return 1;
	if (file_read(tree_fd, "rootfs/f", 100, &text, NULL) < 0 || !str_eq(text, "contents"))
		return 2;
	return faccessat(fd, "f", F_OK, 0) < 0 ? 3 : 0;
}

static void attached(void **state)
{
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(close) int tree_fd = -1;
	int status;
	pid_t child;

	NEED_INDEX(p);
	add_aci(p, "contents", &info);
	child = fork();
	if (!child)
		_exit(attach_in_namespace(p, info.tree));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	tree_fd = open_tree(p, &info);
	assert_int_equal(faccessat(tree_fd, "rootfs/f", F_OK, 0), -1);
}

/* --- what is noted of a tree --- */

/* What is written can be read, whatever the limits allow. */
static void records(void **state)
{
	static const struct { size_t n; int code; } cases[] = { { 1, 0 }, { 4096, 0 }, { 8192, -E2BIG } };
	AUTO(close) int dir_fd = -1;
	char path[] = "/tmp/rkt-record.XXXXXX";

	assert_non_null(mkdtemp(path));
	assert_int_equal(dir_open(AT_FDCWD, path, &dir_fd), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(tree_record_clear) struct tree_record r = {}, read = {};
		AUTO(err_clear) struct err err = {};

		r.index = xasprintf("sha256-%064d", 0);
		r.layers = xcalloc(cases[i].n + 1, sizeof(*r.layers));
		r.seals = xcalloc(cases[i].n + 2, sizeof(*r.seals));
		for (size_t k = 0; k <= cases[i].n; k++) {
			r.layers[k] = k < cases[i].n ? xasprintf("sha512-%064zu", k) : NULL;
			r.seals[k] = xasprintf("sha256-%064zu", k);
		}
		assert_int_equal(tree_record_write(dir_fd, &r, &err), cases[i].code);
		if (cases[i].code < 0) {
			expect_words(&err, "an image of 8192 layers cannot be rendered");
			continue;
		}
		assert_int_equal(tree_record_read(dir_fd, &read, &err), 0);
		assert_int_equal(strv_len(read.layers), cases[i].n);
		assert_int_equal(strv_len(read.seals), cases[i].n + 1);
	}
	assert_int_equal(tree_remove(AT_FDCWD, path), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_root_place, place_drop)
	const struct CMUnitTest tests[] = {
		TEST(aci_index), TEST(added_again), TEST(oci_index), TEST(either_way), TEST(damaged), TEST(others_blobs),
		TEST(others_blobs_unpacked), cmocka_unit_test(records),
		TEST(exchanged_blobs), TEST(lying_facts), TEST(seals), TEST(other_file_system),
		TEST(remembered_backend), TEST(backend_found_in_need), TEST(attached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
