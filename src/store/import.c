#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/human.h"
#include "store/facts.h"
#include "store/names.h"
#include "store/temp.h"
#include "store/unpack.h"

enum { PIPE_BYTES = 1 << 20 };

struct import {
	struct store *store;		/* the caller's */
	struct unpack *unpack;
	struct temp_file blob, manifest;
	struct temp_tree tree;
	bool with_tree;
	struct unpack_reply reply;
	char *manifest_text;
};

static int make_places(struct import *i, struct err *err)
{
	int r;

	r = temp_file_open(i->store, &i->blob, err);
	if (r >= 0)
		r = temp_file_open(i->store, &i->manifest, err);
	if (r >= 0 && i->with_tree)
		r = temp_tree_make(i->store, &i->tree, err);
	return r;
}

static int start_unpack(struct import *i, int exe_fd, int stream_fd, struct err *err)
{
	char *const args[] = { (char *)"import", (char *)"blob", i->with_tree ? (char *)"tree" : NULL, NULL };
	int fds[UNPACK_FDS] = { stream_fd, -1, STDERR_FILENO };

	fds[UNPACK_FD_BLOB] = i->blob.fd;
	fds[UNPACK_FD_DIR] = i->tree.fd;
	fds[UNPACK_FD_MANIFEST] = i->manifest.fd;
	fds[UNPACK_FD_TREE] = -1;
	return unpack_start(exe_fd, args, fds, &i->unpack, err);
}

int import_start(struct store *s, int unpack_exe_fd, bool with_tree, struct import **ret, int *ret_stream_fd,
		 struct err *err)
{
	AUTO(import_free) struct import *i = xcalloc(1, sizeof(*i));
	AUTO(close) int read_fd = -1, write_fd = -1;
	int fds[2], r;

	*i = (struct import){
		.store = s, .blob = TEMP_FILE_NONE, .manifest = TEMP_FILE_NONE, .tree = { .fd = -1 },
		.with_tree = with_tree,
	};
	/* Nobody sweeps while something is being added. */
	r = store_use(s, err);
	if (r >= 0)
		r = make_places(i, err);
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	(void)fcntl(write_fd, F_SETPIPE_SZ, PIPE_BYTES);
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
	size_t len = 0;
	int r;

	r = unpack_wait(i->unpack, &i->reply, err);
	if (r < 0)
		return r;
	if (fstat(i->blob.fd, &st) < 0 || st.st_size != i->reply.size)
		return err_set(err, -EIO, "the blob is not as large as the archive");
	r = fd_read_file(i->manifest.fd, MANIFEST_MAX_BYTES, &i->manifest_text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read the manifest");
	*ret = (struct import_result){
		.id = i->reply.id, .size = i->reply.size, .tree_size = i->reply.tree_size,
		.manifest = i->manifest_text, .manifest_len = len,
	};
	return 0;
}

int import_commit(struct import *i, struct image_info *info, struct err *err)
{
	AUTO(free) char *key = store_key(i->reply.id);
	int r = 0;

	if (!info->name)
		return err_set(err, -EINVAL, "an image without a name cannot be stored");
	if (i->with_tree)
		r = temp_tree_mark(&i->tree, key, err);
	/* One for the blob, the manifest and every file of the tree; only then names. */
	if (r >= 0 && syncfs(i->blob.fd) < 0)
		r = err_sys(err, -errno, "cannot write the image to disk");
	if (r >= 0)
		r = temp_file_keep(i->store, &i->blob, "blob", key, err);
	if (r >= 0)
		r = temp_file_keep(i->store, &i->manifest, "imageManifest", key, err);
	if (r >= 0 && i->with_tree)
		r = temp_tree_publish(i->store, &i->tree, i->reply.tree, TEMP_KEEP_OLD, err);
	if (r >= 0)
		r = names_add(i->store, info->name, key, err);
	if (r < 0)
		return r;
	free(info->id);
	info->id = xstrdup(i->reply.id);
	info->size = i->reply.size;
	free(TAKE(info->tree));
	info->tree_size = 0;
	if (i->with_tree) {
		info->tree = xstrdup(i->reply.tree);
		info->tree_size = i->reply.tree_size;
	}
	return facts_add(i->store, info, err);
}

void import_free(struct import *i)
{
	if (!i)
		return;
	unpack_free(i->unpack);
	temp_file_drop(i->store, &i->blob);
	temp_file_drop(i->store, &i->manifest);
	temp_tree_drop(i->store, &i->tree);
	unpack_reply_clear(&i->reply);
	free(i->manifest_text);
	free(i);
}
