#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/blob.h"
#include "store/facts.h"
#include "store/names.h"
#include "store/render.h"
#include "store/unpack.h"

struct import {
	struct store *store;		/* the caller's */
	int exe_fd;			/* rkt-unpack */
	struct unpack *unpack;
	struct temp_file blob, manifest;
	struct tree_work tree;
	bool with_tree;
	struct unpack_reply reply;
	char *manifest_text;
	size_t manifest_len;
};

static int make_places(struct import *i, struct err *err)
{
	int r;

	r = temp_file_open(i->store, &i->blob, err);
	if (r >= 0)
		r = temp_file_open(i->store, &i->manifest, err);
	if (r >= 0 && i->with_tree)
		r = tree_work_open(i->store, store_backend(i->store), &i->tree, err);
	return r;
}

static int start_unpack(struct import *i, int exe_fd, int stream_fd, struct err *err)
{
	bool is_index = i->tree.index_fd >= 0;
	const char *tree = is_index ? "index" : i->with_tree ? "tree" : NULL;
	char *const args[] = { (char *)"import", (char *)"blob", (char *)tree, NULL };
	int fds[UNPACK_FDS] = { stream_fd, -1, STDERR_FILENO };

	fds[UNPACK_FD_BLOB] = i->blob.fd;
	fds[is_index ? UNPACK_FD_INDEX : UNPACK_FD_DIR] = is_index ? i->tree.index_fd : i->tree.dir.fd;
	fds[UNPACK_FD_MANIFEST] = i->manifest.fd;
	fds[UNPACK_FD_TREE] = -1;
	return unpack_start(exe_fd, args, fds, &i->unpack, err);
}

int import_start(struct store *s, int unpack_exe_fd, bool with_tree, struct import **ret, int *ret_stream_fd,
		 struct err *err)
{
	AUTO(import_free) struct import *i = xcalloc(1, sizeof(*i));
	AUTO(close) int read_fd = -1, write_fd = -1;
	int r;

	*i = (struct import){
		.store = s, .exe_fd = fcntl(unpack_exe_fd, F_DUPFD_CLOEXEC, 3), .blob = TEMP_FILE_NONE, .manifest = TEMP_FILE_NONE, .tree = TREE_WORK_NONE,
		.with_tree = with_tree,
	};
	if (i->exe_fd < 0)
		return err_sys(err, -errno, "cannot open rkt-unpack");
	/* Nobody sweeps while something is being added. */
	r = store_use(s, err);
	if (r >= 0)
		r = make_places(i, err);
	if (r >= 0)
		r = unpack_pipe(&read_fd, &write_fd, err);
	if (r >= 0)
		r = start_unpack(i, unpack_exe_fd, read_fd, err);
	if (r < 0)
		return r;
	*ret = TAKE(i);
	*ret_stream_fd = TAKE_FD(write_fd);
	return 0;
}

int import_finish(struct import *i, struct import_result *ret, struct err *err)
{
	struct stat st;
	int r;

	r = unpack_wait(i->unpack, &i->reply, err);
	if (r < 0)
		return r;
	if (fstat(i->blob.fd, &st) < 0 || st.st_size != i->reply.size)
		return err_set(err, -EIO, "the blob is not as large as the archive");
	r = fd_read_file(i->manifest.fd, MANIFEST_MAX_BYTES, &i->manifest_text, &i->manifest_len);
	if (r < 0)
		return err_sys(err, r, "cannot read the manifest");
	*ret = (struct import_result){
		.id = i->reply.id, .size = i->reply.size, .tree_size = i->reply.tree_size,
		.manifest = i->manifest_text, .manifest_len = i->manifest_len,
	};
	return 0;
}

static int fill_tree(struct import *i, const char *key, struct err *err)
{
	const struct known_blob *blob = blob_known(i->store, key);
	int r = 0;

	if (!blob)
		return err_set(err, -ESTALE, "the blob '%s' was exchanged meanwhile", key);
	if (i->tree.index_fd >= 0)
		r = file_write(i->tree.dir.fd, "manifest", i->manifest_text, i->manifest_len, 0644);
	if (r < 0)
		return err_sys(err, r, "cannot write the file 'manifest'");
	return tree_work_add_blob(&i->tree, key, blob->fd, err);
}

/* Is the tree that is there linked to a blob that had to be replaced, since it rotted? */
static bool is_outdated(struct import *i, const char *key)
{
	const struct known_blob *blob = blob_known(i->store, key);
	AUTO(close) int tree_fd = -1, fd = -1;

	return blob && store_open_tree(i->store, i->reply.tree, &tree_fd, NULL) >= 0 && tree_is_index(tree_fd) &&
	       (tree_part_open(tree_fd, 1, &fd, NULL) < 0 || !fd_is_same(fd, blob->fd));
}

/* What rkt-unpack made while the archive went by; of an image with dependencies it would lack their files. */
static int publish_tree(struct import *i, const char *key, struct image_info *info, struct err *err)
{
	struct tree_said said = { .key = key, .tree = i->reply.tree, .index = i->reply.index };
	int r;

	r = fill_tree(i, key, err);
	if (r >= 0)
		r = tree_work_size(&i->tree, &info->tree_size, err);
	if (r >= 0)
		r = tree_work_publish(i->store, &i->tree, &said, is_outdated(i, key) ? TEMP_REPLACE : TEMP_KEEP_OLD, err);
	if (r >= 0)
		info->tree = xstrdup(i->reply.tree);
	return r;
}

static int publish(struct import *i, const char *key, struct err *err)
{
	int r;

	if (fsync(i->blob.fd) < 0 || fsync(i->manifest.fd) < 0)
		return err_sys(err, -errno, "cannot write the image to disk");
	r = blob_publish(i->store, i->exe_fd, &i->blob, key, i->reply.id, err);
	return r < 0 ? r : temp_file_keep(i->store, &i->manifest, "imageManifest", key, err);
}

static int commit(struct import *i, const char *key, struct image_info *info, struct err *err)
{
	int r;

	r = publish(i, key, err);
	if (r >= 0 && i->with_tree && !info->depends)
		r = publish_tree(i, key, info, err);
	if (r >= 0)
		r = names_add(i->store, info->name, key, err);
	return r < 0 ? r : facts_add(i->store, info, i->manifest_text, i->manifest_len, err);
}

int import_commit(struct import *i, struct image_info *info, struct err *err)
{
	AUTO(free) char *key = store_key(i->reply.id);
	int lock_fd, r;

	if (!info->name)
		return err_set(err, -EINVAL, "an image without a name cannot be stored");
	free(info->id);
	info->id = xstrdup(i->reply.id);
	info->size = i->reply.size;
	free(TAKE(info->tree));
	info->tree_size = 0;
	/* Another rkt that adds the same would exchange the blob that our tree is to be linked to. */
	r = store_lock_blob(i->store, key, true, &lock_fd, err);
	if (r < 0)
		return r;
	r = commit(i, key, info, err);
	store_unlock_blob(i->store, key, &lock_fd);
	return r;
}

void import_free(struct import *i)
{
	if (!i)
		return;
	unpack_free(i->unpack);
	close_auto(&i->exe_fd);
	temp_file_drop(i->store, &i->blob);
	temp_file_drop(i->store, &i->manifest);
	tree_work_drop(i->store, &i->tree);
	unpack_reply_clear(&i->reply);
	free(i->manifest_text);
	free(i);
}
