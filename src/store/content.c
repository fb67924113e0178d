#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/facts.h"
#include "store/temp.h"
#include "store/unpack.h"

enum { KEY_FILE_MAX = 256 };

int store_open_blob(struct store *s, const struct image_info *i, int *ret_fd, struct err *err)
{
	AUTO(free) char *key = store_key(i->id);
	AUTO(free) char *path = store_sharded("blob", key);
	AUTO(close) int fd = -1;
	struct stat st;

	fd = cas_open(s->cas_fd, path, O_RDONLY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? fd : -errno, "cannot open the blob of the image '%s'", key);
	if (!S_ISREG(st.st_mode) || st.st_size != i->size)
		return err_set(err, -ERR_BAD_INPUT, "the blob of the image '%s' is damaged: it has another size", key);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int store_open_tree(struct store *s, const char *tree, int *ret_fd, struct err *err)
{
	AUTO(close) int fd = -1;
	int tree_fd, r;

	if (!store_tree_valid(tree))
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no tree", tree);
	r = store_tree_dir(s, &tree_fd, err);
	if (r < 0)
		return r;
	r = dir_open(tree_fd, tree, &fd);
	if (r >= 0 && faccessat(fd, "rendered", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r == -ENOENT)
		return err_set(err, -ERR_NOT_FOUND, "the tree '%s' is not there", tree);
	if (r < 0)
		return err_sys(err, r, "cannot open the tree '%s'", tree);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int store_open_image_tree(struct store *s, const struct image_info *i, int *ret_fd, struct err *err)
{
	AUTO(free) char *key = store_key(i->id), *text = NULL;
	AUTO(close) int fd = -1;
	int r;

	if (!i->tree)
		return err_set(err, -ERR_NOT_FOUND, "the image '%s' is not rendered", key);
	r = store_open_tree(s, i->tree, &fd, err);
	if (r < 0)
		return r;
	r = file_read(fd, "image", KEY_FILE_MAX, &text, NULL);
	if (r < 0)
		return err_sys(err, r, "cannot read whose tree '%s' is", i->tree);
	if (!str_eq(text, key))
		return err_set(err, -ERR_BAD_INPUT, "the tree '%s' is another image's", i->tree);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The group rkt could have put another in its place, and nothing of it would be what was signed. */
static int check_manifest_owner(int fd, const struct image_info *i, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the manifest of the image '%s'", i->name);
	if (i->verified_by && ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & 0022))
		return err_set(err, -ERR_BAD_INPUT, "another user put a manifest in place of that of the image '%s'; "
						    "fetch it again", i->name);
	return 0;
}

static int read_stored_manifest(struct store *s, const struct image_info *i, char **ret, size_t *ret_len,
				struct err *err)
{
	AUTO(free) char *key = store_key(i->id);
	AUTO(free) char *path = store_sharded("imageManifest", key);
	AUTO(close) int fd = cas_open(s->cas_fd, path, O_RDONLY, 0);
	int r = fd;

	if (r < 0)
		return err_sys(err, r, "cannot read the manifest of the image '%s'", key);
	r = check_manifest_owner(fd, i, err);
	if (r < 0)
		return r;
	r = fd_read_file(fd, MANIFEST_MAX_BYTES, ret, ret_len);
	return r < 0 ? err_sys(err, r, "cannot read the manifest of the image '%s'", key) : 0;
}

/* The copy beside the tree, which only root could have changed, comes first where we may read it. */
static int read_manifest(struct store *s, const struct image_info *i, char **ret, size_t *ret_len, struct err *err)
{
	AUTO(close) int fd = -1;
	int r;

	if (geteuid() || store_open_image_tree(s, i, &fd, NULL) < 0)
		return read_stored_manifest(s, i, ret, ret_len, err);
	r = file_read(fd, "manifest", MANIFEST_MAX_BYTES, ret, ret_len);
	return r < 0 ? err_sys(err, r, "cannot read the manifest of the tree '%s'", i->tree) : 0;
}

int store_read_manifest_text(struct store *s, const struct image_info *i, char **ret, struct err *err)
{
	return read_manifest(s, i, ret, NULL, err);
}

int store_read_manifest(struct store *s, const struct image_info *i, struct image_manifest *ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = read_manifest(s, i, &text, &len, err);
	if (r < 0)
		return r;
	r = image_manifest_read(text, len, ret, err);
	return r < 0 ? err_wrap(err, r, "bad manifest of the image '%s'", i->name) : 0;
}

void store_touch(struct store *s, const struct image_info *i)
{
	AUTO(free) char *key = store_key(i->id);
	AUTO(close) int dir_fd = cas_open(s->cas_fd, "image", O_PATH | O_DIRECTORY, 0);

	if (dir_fd >= 0)
		(void)utimensat(dir_fd, key, NULL, AT_SYMLINK_NOFOLLOW);
}

int store_temp_file(struct store *s, int *ret_fd, struct err *err)
{
	struct temp_file t;
	int r;

	r = temp_file_open(s, &t, err);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(t.fd);
	temp_file_drop(s, &t);	/* takes away the name, if it has one */
	return 0;
}

/* One run of rkt-unpack over a blob; -ERR_BAD_INPUT when the blob is not what its name says. */
static int unpack_blob(int exe_fd, char *const *args, int blob_fd, int dir_fd, int tree_fd,
		       const struct image_info *info, struct unpack_reply *ret, struct err *err)
{
	AUTO(unpack_free) struct unpack *unpack = NULL;
	int fds[UNPACK_FDS] = { -1, -1, STDERR_FILENO };
	int r;

	fds[UNPACK_FD_BLOB] = blob_fd;
	fds[UNPACK_FD_DIR] = dir_fd;
	fds[UNPACK_FD_MANIFEST] = -1;
	fds[UNPACK_FD_TREE] = tree_fd;
	if (lseek(blob_fd, 0, SEEK_SET) < 0)
		return err_sys(err, -errno, "cannot read the blob");
	r = unpack_start(exe_fd, args, fds, &unpack, err);
	if (r >= 0)
		r = unpack_wait(unpack, ret, err);
	if (r < 0)
		return r;
	if (str_eq(ret->id, info->id))
		return 0;
	r = err_set(err, -ERR_BAD_INPUT, "image hash does not match expected (%s != %s)", ret->id, info->id);
	unpack_reply_clear(ret);
	return r;
}

int store_extract(struct store *s, int unpack_exe_fd, const struct image_info *info, int dir_fd,
		  bool rootfs_only, struct err *err)
{
	char *const args[] = { (char *)"extract", rootfs_only ? (char *)"rootfs-only" : NULL, NULL };
	AUTO(unpack_reply_clear) struct unpack_reply reply = {};
	AUTO(close) int blob_fd = -1;
	int r;

	r = store_open_blob(s, info, &blob_fd, err);
	if (r >= 0)
		r = unpack_blob(unpack_exe_fd, args, blob_fd, dir_fd, -1, info, &reply, err);
	return r < 0 ? err_wrap(err, r, "cannot unpack the image '%s'", info->name) : 0;
}

static int render_tree(struct store *s, int exe_fd, struct image_info *info, struct temp_tree *tree,
		       struct unpack_reply *reply, struct err *err)
{
	char *const args[] = { (char *)"extract", NULL };
	AUTO(free) char *key = store_key(info->id);
	AUTO(close) int blob_fd = -1;
	int r;

	r = store_open_blob(s, info, &blob_fd, err);
	if (r >= 0)
		r = temp_tree_make(s, tree, err);
	if (r >= 0)
		r = unpack_blob(exe_fd, args, blob_fd, tree->fd, -1, info, reply, err);
	if (r >= 0)
		r = temp_tree_mark(tree, key, err);
	if (r >= 0 && syncfs(tree->fd) < 0)
		r = err_sys(err, -errno, "cannot write the tree to disk");
	/* Somebody who names a tree that is there wants it made anew. */
	if (r >= 0)
		r = temp_tree_publish(s, tree, reply->tree, info->tree ? TEMP_REPLACE : TEMP_KEEP_OLD, err);
	return r;
}

void tree_layers_free(struct tree_layer *layers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(layers[i].key);
		strv_free(layers[i].whitelist);
	}
	free(layers);
}

int store_render(struct store *s, int unpack_exe_fd, struct image_info *info, const struct tree_layer *layers,
		 size_t n_layers, struct err *err)
{
	AUTO(unpack_reply_clear) struct unpack_reply reply = {};
	AUTO(image_info_clear) struct image_info facts = {};
	AUTO(free) char *key = store_key(info->id);
	struct temp_tree tree = { .fd = -1 };
	int r;

	r = store_use(s, err);
	if (r >= 0)
		r = render_tree(s, unpack_exe_fd, info, &tree, &reply, err);
	temp_tree_drop(s, &tree);
	/* What the file says of the image may be newer than what the caller read. */
	if (r >= 0)
		r = facts_load(s, key, &facts, err);
	if (r < 0)
		return err_wrap(err, r, "cannot render the image '%s'", info->name);
	free(facts.tree);
	facts.tree = xstrdup(reply.tree);
	facts.tree_size = reply.tree_size;
	r = facts_save(s, &facts, err);
	if (r < 0)
		return r;
	free(info->tree);
	info->tree = TAKE(reply.tree);
	info->tree_size = reply.tree_size;
	return 0;
}

static int verify_tree(struct store *s, int exe_fd, const struct image_info *info, int blob_fd, bool *ret_had_tree,
		       struct err *err)
{
	char *const args[] = { (char *)"verify", (char *)"tree", NULL };
	AUTO(unpack_reply_clear) struct unpack_reply reply = {};
	struct temp_tree scratch = { .fd = -1 };
	AUTO(close) int tree_fd = -1;
	int r;

	r = store_open_image_tree(s, info, &tree_fd, err);
	*ret_had_tree = r >= 0 || r != -ERR_NOT_FOUND;
	if (r < 0)
		return r == -ERR_NOT_FOUND ? 0 : r;
	r = temp_tree_make(s, &scratch, err);
	if (r >= 0)
		r = unpack_blob(exe_fd, args, blob_fd, scratch.fd, tree_fd, info, &reply, err);
	temp_tree_drop(s, &scratch);
	return r;
}

static int verify_manifest(struct store *s, const struct image_info *info, struct err *err)
{
	AUTO(free) char *stored = NULL, *used = NULL;
	size_t stored_len = 0, used_len = 0;
	int r;

	r = read_stored_manifest(s, info, &stored, &stored_len, err);
	if (r >= 0)
		r = read_manifest(s, info, &used, &used_len, err);
	if (r < 0)
		return r;
	if (stored_len != used_len || memcmp(stored, used, used_len) != 0)
		return err_set(err, -ERR_BAD_INPUT, "the stored manifest is not the image's");
	return 0;
}

int store_check_blob(int unpack_exe_fd, const struct image_info *info, int fd, struct err *err)
{
	char *const args[] = { (char *)"verify", NULL };
	AUTO(unpack_reply_clear) struct unpack_reply reply = {};

	return unpack_blob(unpack_exe_fd, args, fd, -1, -1, info, &reply, err);
}

int store_verify(struct store *s, int unpack_exe_fd, const struct image_info *info, bool *ret_had_tree,
		 struct err *err)
{
	AUTO(close) int blob_fd = -1;
	bool had_tree = false;
	int r;

	r = store_use(s, err);
	if (r >= 0)
		r = store_open_blob(s, info, &blob_fd, err);
	if (r >= 0)
		r = store_check_blob(unpack_exe_fd, info, blob_fd, err);
	if (r >= 0 && info->tree)
		r = verify_tree(s, unpack_exe_fd, info, blob_fd, &had_tree, err);
	if (r >= 0)
		r = verify_manifest(s, info, err);
	if (ret_had_tree)
		*ret_had_tree = had_tree;
	return r;
}
