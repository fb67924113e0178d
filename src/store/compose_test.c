#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/proc.h"
#include "spec/image.h"
#include "store/compose.h"
#include "store/digest.h"
#include "store/tar_build.h"
#include "store/test_files.h"
#include "store/unpack.h"

enum { LAYERS_MAX = 3 };

struct place {
	char *path;
	int fd, unpack_fd;
	struct compose_layer layers[LAYERS_MAX];
	struct compose_request request;
	int blobs[LAYERS_MAX];
	struct compose_result result;
	char *words;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	p->request.layers = p->layers;
	p->path = name_random("/tmp/rkt-compose");	/* EROFS does not take files in memory */
	p->unpack_fd = open(RKT_UNPACK, O_PATH | O_CLOEXEC);
	*state = p;
	return dir_make(AT_FDCWD, p->path, 0700) < 0 || dir_open(AT_FDCWD, p->path, &p->fd) < 0 ||
	       p->unpack_fd < 0 || hash_init() < 0 ? -1 : 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;

	for (size_t i = 0; i < p->request.n_layers; i++) {
		close(p->blobs[i]);
		free(p->layers[i].key);
	}
	compose_result_clear(&p->result);
	free(p->words);
	close(p->unpack_fd);
	close(p->fd);
	tree_remove(AT_FDCWD, p->path);
	free(p->path);
	free(p);
	return 0;
}

static char *key_of(const struct buf *bytes, enum hash_kind kind)
{
	AUTO(hash_free) struct hash *hash = hash_new(kind);
	char name[HASH_NAME_MAX + 1];

	assert_int_equal(hash_add(hash, bytes->data, bytes->len), 0);
	assert_int_equal(hash_end(hash, name), 0);
	return xstrndup(name, IMAGE_KEY_LEN);
}

static void add_blob(struct place *p, bool oci, const struct tar_header *members)
{
	size_t i = p->request.n_layers++;
	AUTO(free) char *name = xasprintf("blob%zu", i);
	AUTO(buf_clear) struct buf tar = {};

	if (!oci)
		tar_begin(&tar, TEST_MANIFEST);
	for (; members->name; members++)
		tar_add(&tar, members);
	tar_end(&tar);
	assert_int_equal(file_write(p->fd, name, tar.data, tar.len, 0644), 0);
	p->blobs[i] = openat(p->fd, name, O_RDONLY | O_CLOEXEC);
	assert_true(p->blobs[i] >= 0);
	p->layers[i] = (struct compose_layer){ .key = key_of(&tar, oci ? HASH_SHA256 : HASH_SHA512), .oci = oci };
}
#define LAYER(p, ...) add_blob(p, true, (const struct tar_header[]){ __VA_ARGS__, {} })
#define ACI(p, ...) add_blob(p, false, (const struct tar_header[]){ __VA_ARGS__, {} })

static int run(struct place *p, enum compose_mode mode, int out_fd, int tree_fd)
{
	AUTO(err_clear) struct err err = {};
	int r;

	compose_result_clear(&p->result);
	free(TAKE(p->words));
	r = compose(p->unpack_fd, mode, &p->request, p->blobs, out_fd, tree_fd, &p->result, &err);
	p->words = r < 0 ? err_text(&err) : xstrdup("");
	return r;
}

static int new_directory(struct place *p, const char *name)
{
	int fd;

	assert_int_equal(dir_make(p->fd, name, 0755), 0);
	assert_int_equal(dir_open(p->fd, name, &fd), 0);
	return fd;
}

static int new_file(struct place *p, const char *name)
{
	int fd = openat(p->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	return fd;
}

static void contents(int fd, const char *path, const char *expected)
{
	AUTO(free) char *text = NULL;

	assert_int_equal(file_read(fd, path, 1 << 20, &text, NULL), 0);
	assert_string_equal(text, expected);
}

static void layers_of_everything(struct place *p)
{
	LAYER(p, { .name = "./", .type = '5', .mode = 0711, .mtime = 5 }, { .name = "etc", .type = '5', .mtime = 1000 },
	      { .name = "etc/a", .type = '0', .data = "lower", .mtime = 2000 },
	      { .name = "etc/gone", .type = '0', .data = "x" },
	      { .name = "suid", .type = '0', .data = "program", .mode = 04755, .uid = 12, .gid = 34 },
	      { .name = "old/x", .type = '0', .data = "x" }, { .name = "pipe", .type = '6', .mode = 0600 });
	LAYER(p, { .name = "etc/.wh.gone", .type = '0' }, { .name = "etc/b", .type = '1', .link = "etc/a" },
	      { .name = "old/.wh..wh..opq", .type = '0' }, { .name = "old/y", .type = '0', .data = "y" },
	      { .name = "t", .type = '0', .data = "t", .pax = "mtime=5000.123456789\nSCHILY.xattr.user.note=text\n" },
	      { .name = "etc/d", .type = '5', .mode = 01777, .pax = "SCHILY.xattr.user.dir=1\n" });
	LAYER(p, { .name = "etc/c", .type = '2', .link = "../t" }, { .name = "etc/e", .type = '1', .link = "etc/c" },
	      { .name = "empty", .type = '0' }, { .name = "etc/a", .type = '0', .data = "upper" });
}

static void index_and_tree(void **state)
{
	struct place *p = *state;
	AUTO(close) int index_fd = new_file(p, "index"), tree_fd = new_directory(p, "tree"), rootfs_fd = -1, mnt = -1;
	AUTO(free) char *tree = NULL;
	struct stat st;

	layers_of_everything(p);
	run(p, COMPOSE_TREE, tree_fd, -1);
	assert_string_equal(p->words, "");
	assert_null(p->result.manifest);
	assert_null(p->result.index);
	assert_null(p->result.id);
	assert_int_equal(p->result.content, strlen("lower" "upper" "program" "y" "t"));
	tree = TAKE(p->result.tree);
	assert_int_equal(dir_open(tree_fd, "rootfs", &rootfs_fd), 0);
	contents(rootfs_fd, "etc/a", "upper");
	contents(rootfs_fd, "etc/b", "lower");

	run(p, COMPOSE_INDEX, index_fd, -1);
	assert_string_equal(p->words, "");
	assert_string_equal(p->result.tree, tree);
	assert_non_null(p->result.index);
	assert_int_equal(fstat(index_fd, &st), 0);
	assert_int_equal(st.st_size, p->result.index_size);
	if (geteuid())
		skip();		/* owners are not set, and nothing can be mounted */
	mnt = test_mount_index(index_fd, p->blobs, p->request.n_layers);
	if (mnt < 0)
		skip();
	test_same_files(mnt, rootfs_fd);
}

static void same_again(void **state)
{
	struct place *p = *state;
	AUTO(close) int first_fd = new_file(p, "first"), again_fd = new_file(p, "again");
	AUTO(free) char *index = NULL, *first = NULL, *again = NULL;
	size_t first_len, again_len;

	layers_of_everything(p);
	assert_int_equal(run(p, COMPOSE_INDEX, first_fd, -1), 0);
	index = TAKE(p->result.index);
	for (size_t i = 0; i < p->request.n_layers; i++)
		p->layers[i].hashed = true;
	assert_int_equal(run(p, COMPOSE_INDEX, again_fd, -1), 0);
	assert_string_equal(p->result.index, index);
	assert_int_equal(fd_read_file(first_fd, 1 << 20, &first, &first_len), 0);
	assert_int_equal(fd_read_file(again_fd, 1 << 20, &again, &again_len), 0);
	assert_int_equal(first_len, again_len);
	assert_memory_equal(first, again, first_len);
}

static void dependency(void **state)
{
	static char *const list[] = { (char *)"/dep", NULL };
	struct place *p = *state;
	AUTO(close) int tree_fd = new_directory(p, "tree");
	AUTO(free) char *keys = NULL, *name = NULL;
	struct stat st;

	ACI(p, { .name = "rootfs/a", .type = '0', .data = "top" });
	ACI(p, { .name = "rootfs/a", .type = '0', .data = "dep" }, { .name = "rootfs/dep", .type = '0', .data = "dep" },
	    { .name = "rootfs/left-out", .type = '0' });
	p->layers[0].paths = (char **)list;
	p->layers[1].outer_whitelist = 1;
	run(p, COMPOSE_ROOTFS, tree_fd, -1);
	assert_string_equal(p->words, "");
	contents(tree_fd, "a", "top");
	contents(tree_fd, "dep", "dep");
	assert_int_equal(fstatat(tree_fd, "left-out", &st, 0), -1);
	assert_string_equal(p->result.manifest, TEST_MANIFEST);
	assert_int_equal(strlen(p->result.id), IMAGE_ID_LEN);
	assert_memory_equal(p->result.id, p->layers[0].key, IMAGE_KEY_LEN);
	keys = xasprintf("%s,%s", p->layers[0].key, p->layers[1].key);
	assert_int_equal(digest_tree_name(keys, &name, NULL), 0);
	assert_string_equal(p->result.tree, name);
}

static void other_name(void **state)
{
	struct place *p = *state;
	AUTO(close) int tree_fd = new_directory(p, "tree");
	AUTO(free) char *name = NULL;

	LAYER(p, { .name = "a", .type = '0' });
	p->request.name = (char *)"sha512-1234";
	assert_int_equal(run(p, COMPOSE_ROOTFS, tree_fd, -1), 0);
	assert_int_equal(digest_tree_name("sha512-1234", &name, NULL), 0);
	assert_string_equal(p->result.tree, name);
}

static void other_bytes(void **state)
{
	struct place *p = *state;
	AUTO(close) int index_fd = new_file(p, "index");
	AUTO(free) char *words = NULL, *was = NULL;

	LAYER(p, { .name = "a", .type = '0', .data = "1" });
	LAYER(p, { .name = "a", .type = '0', .data = "2" });
	was = xstrdup(p->layers[1].key);
	memset(p->layers[1].key + 7, '0', 64);
	words = xasprintf("blob '%s': image hash does not match expected (%s != %s)", p->layers[1].key, was,
			  p->layers[1].key);
	assert_int_equal(run(p, COMPOSE_INDEX, index_fd, -1), -ERR_BAD_INPUT);
	assert_string_equal(p->words, words);
	/* Nobody asks what the caller has hashed. */
	p->layers[1].hashed = true;
	assert_int_equal(run(p, COMPOSE_INDEX, index_fd, -1), 0);
}

static void bad_member(void **state)
{
	struct place *p = *state;
	AUTO(close) int tree_fd = new_directory(p, "tree"), dir_fd = -1;
	AUTO(free) char *words = NULL;

	LAYER(p, { .name = "a", .type = '0', .data = "1" });
	LAYER(p, { .name = "../a", .type = '0', .data = "2" });
	words = xasprintf("blob '%s': archive member '../a': '..' is not allowed in a name", p->layers[1].key);
	assert_int_equal(run(p, COMPOSE_TREE, tree_fd, -1), -ERR_BAD_INPUT);
	assert_string_equal(p->words, words);
	assert_int_equal(dir_open(tree_fd, "rootfs", &dir_fd), -ENOENT);	/* not even begun */
}

static void mixed(void **state)
{
	struct place *p = *state;
	AUTO(close) int index_fd = new_file(p, "index");

	LAYER(p, { .name = "a", .type = '0' });
	ACI(p, { .name = "rootfs/a", .type = '0' });
	assert_int_equal(run(p, COMPOSE_INDEX, index_fd, -1), -EINVAL);
	assert_string_equal(p->words, "an image is either an ACI or an OCI image");
}

static void compared(void **state)
{
	struct place *p = *state;
	AUTO(close) int tree_fd = new_directory(p, "tree"), good_fd = new_directory(p, "good"),
			bad_fd = new_directory(p, "bad"), rootfs_fd = -1;

	layers_of_everything(p);
	assert_int_equal(run(p, COMPOSE_TREE, tree_fd, -1), 0);
	run(p, COMPOSE_COMPARE, good_fd, tree_fd);
	assert_string_equal(p->words, "");
	assert_int_equal(dir_open(tree_fd, "rootfs", &rootfs_fd), 0);
	assert_int_equal(file_write(rootfs_fd, "t", "T", 1, 0644), 0);
	assert_int_equal(run(p, COMPOSE_COMPARE, bad_fd, tree_fd), -ERR_BAD_INPUT);
	assert_string_equal(p->words, "'rootfs/t' has other contents");
}

/* --- ACIs of layers --- */

/* Blobs that are ACIs which another place made, the one that wins first. fd is the place's from here on. */
static void take_aci(struct place *to, int fd, const char *id, char **whitelist)
{
	size_t i = to->request.n_layers++;

	to->blobs[i] = fd;
	to->layers[i] = (struct compose_layer){
		.key = xstrndup(id, IMAGE_KEY_LEN), .paths = whitelist, .whitelist = whitelist ? (int64_t)i + 1 : 0,
	};
	/* Of the images above one, the outermost that has a list. */
	for (size_t k = i; k-- > 0;)
		if (to->layers[k].whitelist)
			to->layers[i].outer_whitelist = to->layers[k].whitelist;
}

static void squashed(void **state)
{
	struct place *p = *state, *aci = NULL;
	AUTO(close) int tree_fd = new_directory(p, "tree"), again_fd = new_directory(p, "again"), rootfs_fd = -1, same_fd = -1;
	int aci_fd = new_file(p, "aci");

	LAYER(p, { .name = "./", .type = '5', .mode = 0711, .mtime = 5 }, { .name = "etc/a", .type = '0', .data = "lower" },
	      { .name = "etc/gone", .type = '0', .data = "x" }, { .name = "old/x", .type = '0', .data = "x" },
	      { .name = "suid", .type = '0', .data = "program", .mode = 04755, .uid = 12, .gid = 34 },
	      { .name = "pipe", .type = '6', .mode = 0600 });
	LAYER(p, { .name = "etc/.wh.gone", .type = '0' }, { .name = "etc/b", .type = '1', .link = "etc/a" },
	      { .name = "old/.wh..wh..opq", .type = '0' }, { .name = "old/y", .type = '0', .data = "y" },
	      { .name = "t", .type = '0', .data = "t", .pax = "mtime=5000.123456789\nSCHILY.xattr.user.note=text\n" },
	      { .name = "s", .type = '2', .link = "../t" }, { .name = "tmp", .type = '5', .mode = 01777 });
	assert_int_equal(run(p, COMPOSE_TREE, tree_fd, -1), 0);
	p->request.manifest = (char *)TEST_MANIFEST;
	run(p, COMPOSE_ACI, aci_fd, -1);
	assert_string_equal(p->words, "");
	make_place((void **)&aci);
	take_aci(aci, aci_fd, p->result.id, NULL);
	run(aci, COMPOSE_TREE, again_fd, -1);
	assert_string_equal(aci->words, "");
	assert_string_equal(aci->result.id, p->result.id);
	assert_string_equal(aci->result.manifest, TEST_MANIFEST);
	assert_int_equal(dir_open(tree_fd, "rootfs", &rootfs_fd), 0);
	assert_int_equal(dir_open(again_fd, "rootfs", &same_fd), 0);
	test_same_files(rootfs_fd, same_fd);
	drop_place((void **)&aci);
}

/* In an ACI only files have hard links. */
static void linked_symlinks(void **state)
{
	struct place *p = *state, *aci = NULL;
	AUTO(close) int tree_fd = new_directory(p, "tree");
	int aci_fd = new_file(p, "aci");
	char text[64] = "";
	struct stat st;

	LAYER(p, { .name = "s", .type = '2', .link = "target" }, { .name = "t", .type = '1', .link = "s" },
	      { .name = "p", .type = '6' }, { .name = "q", .type = '1', .link = "p" });
	p->request.manifest = (char *)TEST_MANIFEST;
	run(p, COMPOSE_ACI, aci_fd, -1);
	assert_string_equal(p->words, "");
	make_place((void **)&aci);
	take_aci(aci, aci_fd, p->result.id, NULL);
	assert_int_equal(run(aci, COMPOSE_ROOTFS, tree_fd, -1), 0);
	assert_int_equal(readlinkat(tree_fd, "t", text, sizeof(text) - 1), strlen("target"));
	assert_string_equal(text, "target");
	assert_int_equal(fstatat(tree_fd, "q", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISFIFO(st.st_mode));
	drop_place((void **)&aci);
}

/* No hard link into a lower layer: no ACI of one layer alone can say that. */
static void layers_apart(struct place *p)
{
	LAYER(p, { .name = "etc", .type = '5', .mode = 01777, .mtime = 1000 }, { .name = "etc/a", .type = '0', .data = "lower" },
	      { .name = "etc/gone", .type = '0', .data = "x" }, { .name = "old/x", .type = '0', .data = "x" },
	      { .name = "kind/a", .type = '0', .data = "x" });
	LAYER(p, { .name = "etc/.wh.gone", .type = '0' }, { .name = "old/.wh..wh..opq", .type = '0' },
	      { .name = "old/y", .type = '0', .data = "y" }, { .name = "etc/b", .type = '0', .data = "b" },
	      { .name = "etc/c", .type = '1', .link = "etc/b" });
	LAYER(p, { .name = "etc/a", .type = '0', .data = "upper" }, { .name = "kind", .type = '0', .data = "now a file" },
	      { .name = "etc/gone", .type = '0', .data = "again" });
}

static void one_by_one(void **state)
{
	struct place *p = *state, *acis = NULL;
	AUTO(close) int tree_fd = new_directory(p, "tree"), again_fd = new_directory(p, "again"), rootfs_fd = -1, same_fd = -1;
	struct image_manifest manifests[LAYERS_MAX] = {};
	char *ids[LAYERS_MAX];
	int fds[LAYERS_MAX];

	layers_apart(p);
	assert_int_equal(run(p, COMPOSE_TREE, tree_fd, -1), 0);
	p->request.manifest = (char *)TEST_MANIFEST;
	p->request.top = true;
	for (size_t i = 0; i < LAYERS_MAX; i++) {
		AUTO(free) char *name = xasprintf("aci%zu", i), *rootfs = xasprintf("rootfs%zu", i);
		AUTO(close) int alone_fd = new_directory(p, rootfs);
		struct place *alone = NULL;

		fds[i] = new_file(p, name);
		p->request.n_layers = i + 1;
		run(p, COMPOSE_ACI, fds[i], -1);
		assert_string_equal(p->words, "");
		ids[i] = TAKE(p->result.id);
		make_place((void **)&alone);
		take_aci(alone, fcntl(fds[i], F_DUPFD_CLOEXEC, 3), ids[i], NULL);
		assert_int_equal(run(alone, COMPOSE_ROOTFS, alone_fd, -1), 0);
		assert_int_equal(image_manifest_read(alone->result.manifest, alone->result.manifest_len, &manifests[i], NULL), 0);
		drop_place((void **)&alone);
	}
	assert_null(manifests[0].path_whitelist);
	assert_true(strv_has(manifests[1].path_whitelist, "/etc/b"));
	assert_true(strv_has(manifests[1].path_whitelist, "/kind/a"));
	assert_false(strv_has(manifests[1].path_whitelist, "/etc/gone"));
	assert_null(manifests[2].path_whitelist);
	make_place((void **)&acis);
	for (size_t i = LAYERS_MAX; i-- > 0;)
		take_aci(acis, fds[i], ids[i], manifests[i].path_whitelist);
	run(acis, COMPOSE_TREE, again_fd, -1);
	assert_string_equal(acis->words, "");
	assert_int_equal(dir_open(tree_fd, "rootfs", &rootfs_fd), 0);
	assert_int_equal(dir_open(again_fd, "rootfs", &same_fd), 0);
	test_same_files(rootfs_fd, same_fd);
	drop_place((void **)&acis);
	for (size_t i = 0; i < LAYERS_MAX; i++) {
		image_manifest_clear(&manifests[i]);
		free(ids[i]);
	}
}

static void not_one_by_one(void **state)
{
	struct place *p = *state;
	AUTO(close) int aci_fd = new_file(p, "aci");
	AUTO(free) char *words = NULL;

	LAYER(p, { .name = "a", .type = '0', .data = "a" });
	LAYER(p, { .name = "b", .type = '1', .link = "a" });
	p->request.manifest = (char *)TEST_MANIFEST;
	p->request.top = true;
	assert_int_equal(run(p, COMPOSE_ACI, aci_fd, -1), -ERR_BAD_INPUT);
	words = xasprintf("blob '%s' alone: ", p->layers[1].key);
	assert_true(str_starts(p->words, words));
}

static void dev_links(void **state)
{
	struct place *p = *state, *aci = NULL;
	AUTO(close) int tree_fd = new_directory(p, "tree");
	int aci_fd = new_file(p, "aci");
	char text[64];

	LAYER(p, { .name = "dev/stdin", .type = '0', .data = "its own" });
	p->request.manifest = (char *)TEST_MANIFEST;
	p->request.dev_links = true;
	run(p, COMPOSE_ACI, aci_fd, -1);
	assert_string_equal(p->words, "");
	make_place((void **)&aci);
	take_aci(aci, aci_fd, p->result.id, NULL);
	assert_int_equal(run(aci, COMPOSE_ROOTFS, tree_fd, -1), 0);
	contents(tree_fd, "dev/stdin", "its own");
	assert_int_equal(readlinkat(tree_fd, "dev/stdout", text, sizeof(text)), strlen("/dev/console"));
	assert_int_equal(readlinkat(tree_fd, "dev/fd", text, sizeof(text)), strlen("/proc/self/fd"));
	drop_place((void **)&aci);
}

static void no_dev(void **state)
{
	struct place *p = *state;
	AUTO(close) int aci_fd = new_file(p, "aci");

	LAYER(p, { .name = "dev", .type = '0', .data = "x" });
	p->request.manifest = (char *)TEST_MANIFEST;
	p->request.dev_links = true;
	assert_int_equal(run(p, COMPOSE_ACI, aci_fd, -1), -ERR_BAD_INPUT);
	assert_string_equal(p->words, "invalid layer: \"/dev\" is not a directory");
	p->request.manifest = NULL;
	assert_int_equal(run(p, COMPOSE_ACI, aci_fd, -1), -EINVAL);
	assert_string_equal(p->words, "an ACI is made of OCI layers and a manifest");
}

/* An ACI that comes as a stream gets the same index on the way. */
static void index_of_stream(void **state)
{
	struct place *p = *state;
	AUTO(close) int index_fd = new_file(p, "index"), streamed_fd = new_file(p, "streamed"),
			copy_fd = new_file(p, "copy"), manifest_fd = new_file(p, "manifest");
	char *const args[] = { (char *)"import", (char *)"blob", (char *)"index", NULL };
	int fds[UNPACK_FDS] = { -1, -1, STDERR_FILENO };
	AUTO(unpack_reply_clear) struct unpack_reply reply = {};
	AUTO(unpack_free) struct unpack *unpack = NULL;
	AUTO(free) char *index = NULL, *streamed = NULL;
	size_t index_len, streamed_len;

	ACI(p, { .name = "rootfs/a", .type = '0', .data = "text" }, { .name = "rootfs/d/l", .type = '2', .link = "../a" });
	assert_int_equal(run(p, COMPOSE_INDEX, index_fd, -1), 0);
	fds[STDIN_FILENO] = p->blobs[0];
	fds[UNPACK_FD_BLOB] = copy_fd;
	fds[UNPACK_FD_INDEX] = streamed_fd;
	fds[UNPACK_FD_MANIFEST] = manifest_fd;
	fds[UNPACK_FD_TREE] = -1;
	assert_int_equal(unpack_start(p->unpack_fd, args, fds, &unpack, NULL), 0);
	assert_int_equal(unpack_wait(unpack, &reply, NULL), 0);
	assert_string_equal(reply.index, p->result.index);
	assert_string_equal(reply.tree, p->result.tree);
	assert_string_equal(reply.id, p->result.id);
	assert_int_equal(reply.tree_size, 4);
	assert_int_equal(fd_read_file(index_fd, 1 << 20, &index, &index_len), 0);
	assert_int_equal(fd_read_file(streamed_fd, 1 << 20, &streamed, &streamed_len), 0);
	assert_int_equal(index_len, streamed_len);
	assert_memory_equal(index, streamed, index_len);
}

/* What a disk does to a mapped blob. */
static void bus_error(void **state)
{
	struct place *p = *state;
	AUTO(free) char *zeros = xcalloc(1, 1 << 20), *text = xcalloc(1, 1000);
	char *const argv[] = { (char *)"rkt-unpack", (char *)"blob", (char *)"sha256", NULL };
	AUTO(close) int stream_fd = -1, reply_fd = -1, pidfd = -1, blob_fd = new_file(p, "blob");
	int stream[2], answer[2], fds[UNPACK_FDS] = { -1, -1, STDERR_FILENO, -1, -1, -1, -1, -1 };
	struct proc proc = { .exe_fd = p->unpack_fd, .argv = argv, .fds = fds, .n_fds = UNPACK_FDS };
	size_t len;
	pid_t pid;

	assert_int_equal(pipe2(stream, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
	fds[STDIN_FILENO] = stream[0];
	fds[UNPACK_FD_BLOB] = blob_fd;
	fds[UNPACK_FD_REPLY] = answer[1];
	stream_fd = stream[1];
	reply_fd = answer[0];
	assert_int_equal(proc_start(&proc, &pid, &pidfd, NULL), 0);
	close(stream[0]);
	close(answer[1]);
	/* More than the pipe holds: it is at work. */
	assert_int_equal(fd_write_all(stream_fd, zeros, 1 << 20), 0);
	assert_int_equal(kill(pid, SIGBUS), 0);
	assert_int_equal(fd_read_upto(reply_fd, text, 999, &len), 0);
	assert_string_equal(text, "{\"code\":-5,\"chain\":[\"cannot read a blob: input/output error\"]}");
	assert_int_equal(proc_wait(pidfd), 1);
}

/* As many as there may be, through one process' descriptors. */
static void many(void **state)
{
	struct place *p = *state;
	AUTO(close) int index_fd = new_file(p, "index");
	struct compose_layer layers[501];
	int blobs[ARRAY_LEN(layers)];
	AUTO(compose_result_clear) struct compose_result result = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;

	LAYER(p, { .name = "a", .type = '0' });
	for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
		layers[i] = p->layers[0];
		blobs[i] = p->blobs[0];
	}
	p->request.layers = layers;
	p->request.n_layers = 500;
	assert_int_equal(compose(p->unpack_fd, COMPOSE_INDEX, &p->request, blobs, index_fd, -1, &result, &err), 0);
	p->request.n_layers++;
	assert_int_equal(compose(p->unpack_fd, COMPOSE_INDEX, &p->request, blobs, index_fd, -1, &result, &err), -E2BIG);
	words = err_text(&err);
	assert_string_equal(words, "the image has more layers than the limit layers (500; limits.d)");
	p->request.n_layers = 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(index_and_tree, make_place, drop_place),
		cmocka_unit_test_setup_teardown(same_again, make_place, drop_place),
		cmocka_unit_test_setup_teardown(dependency, make_place, drop_place),
		cmocka_unit_test_setup_teardown(other_name, make_place, drop_place),
		cmocka_unit_test_setup_teardown(other_bytes, make_place, drop_place),
		cmocka_unit_test_setup_teardown(bad_member, make_place, drop_place),
		cmocka_unit_test_setup_teardown(mixed, make_place, drop_place),
		cmocka_unit_test_setup_teardown(compared, make_place, drop_place),
		cmocka_unit_test_setup_teardown(squashed, make_place, drop_place),
		cmocka_unit_test_setup_teardown(linked_symlinks, make_place, drop_place),
		cmocka_unit_test_setup_teardown(one_by_one, make_place, drop_place),
		cmocka_unit_test_setup_teardown(not_one_by_one, make_place, drop_place),
		cmocka_unit_test_setup_teardown(dev_links, make_place, drop_place),
		cmocka_unit_test_setup_teardown(no_dev, make_place, drop_place),
		cmocka_unit_test_setup_teardown(index_of_stream, make_place, drop_place),
		cmocka_unit_test_setup_teardown(bus_error, make_place, drop_place),
		cmocka_unit_test_setup_teardown(many, make_place, drop_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
