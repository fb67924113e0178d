#include "store/render.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"
#include "os/erofs.h"
#include "store/facts.h"
#include "store/oci_manifest.h"
#include "store/sources.h"
#include "store/usage.h"

enum { COPY_BYTES = 1 << 30 };

/* --- a tree that is being made ------------------------------------------------- */

int tree_work_open(struct store *s, enum tree_backend backend, struct tree_work *ret, struct err *err)
{
	struct tree_work w = TREE_WORK_NONE;
	int r;

	r = temp_tree_make(s, &w.dir, err);
	if (r < 0)
		return r;
	if (backend != TREE_FILES) {
		w.index_fd = openat(w.dir.fd, "index", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (w.index_fd < 0) {
			r = err_sys(err, -errno, "cannot make the index of an image");
			tree_work_drop(s, &w);
			return r;
		}
	}
	*ret = w;
	return 0;
}

/* Where no link can be made: on another file system, or to a file that has as many as it can, or none any more. */
static int copy(int from_fd, int dir_fd, const char *name)
{
	AUTO(close) int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	off_t at = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = sendfile(fd, from_fd, &at, COPY_BYTES);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 || fsync(fd) < 0 ? -errno : 0;
}

int tree_work_add_blob(struct tree_work *w, const char *key, int blob_fd, struct err *err)
{
	AUTO(free) char *name = xasprintf("%zu", strv_len(w->record.layers));
	int r;

	strv_add(&w->record.layers, key);
	if (w->index_fd < 0)
		return 0;
	crash_at("tree-link");
	r = fd_link(blob_fd, w->dir.fd, name);
	if (r == -EMLINK || r == -EXDEV || r == -EPERM || r == -ENOENT)
		r = copy(blob_fd, w->dir.fd, name);
	if (r < 0)
		return err_sys(err, r, "cannot link to the blob '%s'", key);
	return 0;
}

/* The root of the image, as the directory that its index will be mounted on has it. */
static int make_mount_point(struct tree_work *w, struct err *err)
{
	AUTO(close) int mount_fd = -1, fd = -1;
	struct stat st;
	int r;

	r = tree_mount(w->dir.fd, &w->record, &mount_fd, err);
	if (r < 0)
		return r;
	if (fstat(mount_fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the root of the image");
	r = dir_make(w->dir.fd, "rootfs", 0700);
	if (r >= 0)
		r = dir_open(w->dir.fd, "rootfs", &fd);
	/* The owner first, because changing it takes mode bits away. */
	if (r >= 0 && (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0))
		r = -errno;
	return r < 0 ? err_sys(err, r, "cannot make a tree's 'rootfs'") : 0;
}

static int sync_index(const struct tree_work *w, struct err *err)
{
	static const char *const files[] = { "index", "layers", "manifest", "image", "rendered" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(close) int fd = openat(w->dir.fd, files[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0 || fsync(fd) < 0)
			return err_sys(err, -errno, "cannot write a tree's '%s' to disk", files[i]);
	}
	return fsync(w->dir.fd) < 0 ? err_sys(err, -errno, "cannot write a tree to disk") : 0;
}

static int finish_index(struct tree_work *w, const struct tree_said *said, struct err *err)
{
	int r;

	w->record.index = xstrdup(said->index);
	/* Whoever could still write to it would keep it from being sealed. */
	close_auto(&w->index_fd);
	w->index_fd = -1;
	r = make_mount_point(w, err);
	crash_at("tree-seal");
	return r < 0 ? r : tree_seal(w->dir.fd, &w->record, err);
}

int tree_work_publish(struct store *s, struct tree_work *w, const struct tree_said *said, enum temp_replace replace,
		      struct err *err)
{
	bool is_index = w->index_fd >= 0;
	int r = 0;

	if (is_index)
		r = finish_index(w, said, err);
	if (r >= 0)
		r = tree_record_write(w->dir.fd, &w->record, err);
	if (r >= 0)
		r = temp_tree_mark(&w->dir, said->key, err);
	if (r >= 0 && is_index)
		r = sync_index(w, err);
	else if (r >= 0 && syncfs(w->dir.fd) < 0)
		r = err_sys(err, -errno, "cannot write a tree to disk");
	return r < 0 ? r : temp_tree_publish(s, &w->dir, said->tree, replace, err);
}

int tree_work_size(const struct tree_work *w, int64_t *ret, struct err *err)
{
	int64_t size = 0;
	int r;

	/* The blobs that an index is linked to are counted with the image. */
	r = usage_add(w->dir.fd, w->index_fd >= 0 ? "index" : "rootfs", &size);
	if (r < 0)
		return err_sys(err, r, "cannot find out the size of a tree");
	*ret = size;
	return 0;
}

void tree_work_drop(struct store *s, struct tree_work *w)
{
	close_auto(&w->index_fd);
	temp_tree_drop(s, &w->dir);
	tree_record_clear(&w->record);
	*w = TREE_WORK_NONE;
}

/* --- rendering ----------------------------------------------------------------- */

/* One tree on its way: what is asked for, and what came out. */
struct rendering {
	struct store *store;
	int exe_fd;
	const struct image_info *info;
	enum tree_backend backend;
	const char *manifest;		/* of an OCI image; an ACI brings its own */
	struct tree_sources sources;
	struct compose_result result;
	struct tree_work work;
};

static void rendering_clear(struct rendering *q)
{
	tree_work_drop(q->store, &q->work);
	compose_result_clear(&q->result);
	tree_sources_clear(&q->sources);
}
static inline void rendering_clear_auto(struct rendering *q) { rendering_clear(q); }

static int fill(struct rendering *q, struct err *err)
{
	bool is_index = q->work.index_fd >= 0;
	const struct tree_sources *from = &q->sources;
	int r;

	r = compose(q->exe_fd, is_index ? COMPOSE_INDEX : COMPOSE_TREE, &from->request, from->fds,
		    is_index ? q->work.index_fd : q->work.dir.fd, -1, &q->result, err);
	if (r >= 0)
		r = tree_sources_check(from, q->info, &q->result, err);
	for (size_t i = 0; i < from->n && r >= 0; i++)
		r = tree_work_add_blob(&q->work, from->request.layers[i].key, from->fds[i], err);
	return r;
}

static int write_manifest(struct rendering *q, struct err *err)
{
	const char *text = q->manifest ?: q->result.manifest;
	int r = file_write(q->work.dir.fd, "manifest", text, q->manifest ? strlen(text) : q->result.manifest_len, 0644);

	return r < 0 ? err_sys(err, r, "cannot write the file 'manifest'") : 0;
}

static int render(struct rendering *q, enum temp_replace replace, int64_t *ret_size, struct err *err)
{
	AUTO(free) char *key = store_key(q->info->id);
	struct tree_said said;
	int r;

	r = tree_work_open(q->store, q->backend, &q->work, err);
	if (r >= 0)
		r = fill(q, err);
	if (r >= 0)
		r = write_manifest(q, err);
	if (r >= 0)
		r = tree_work_size(&q->work, ret_size, err);
	if (r < 0)
		return r;
	said = (struct tree_said){ .key = key, .tree = q->result.tree, .index = q->result.index };
	return tree_work_publish(q->store, &q->work, &said, replace, err);
}

int render_tree(struct store *s, int unpack_exe_fd, struct image_info *info, const struct render_wish *wish,
		struct err *err)
{
	AUTO(rendering_clear) struct rendering q = {
		.store = s, .exe_fd = unpack_exe_fd, .info = info, .backend = wish->backend, .manifest = wish->manifest,
		.work = TREE_WORK_NONE,
	};
	int64_t size = 0;
	int r;

	r = tree_sources_open(s, unpack_exe_fd, info, wish->layers, wish->n_layers, &q.sources, err);
	/* Somebody who names a tree that is there wants it made anew. */
	if (r >= 0)
		r = render(&q, info->tree ? TEMP_REPLACE : TEMP_KEEP_OLD, &size, err);
	if (r < 0)
		return err_wrap(err, r, "cannot render the image '%s'", info->name);
	free(info->tree);
	info->tree = TAKE(q.result.tree);
	info->tree_size = size;
	return 0;
}

/* What the facts say of the image may be newer than what the caller read. */
static int note_tree(struct store *s, const struct image_info *info, struct err *err)
{
	AUTO(image_info_clear) struct image_info facts = {};
	AUTO(free) char *key = store_key(info->id);
	int r;

	r = facts_load(s, key, &facts, err);
	if (r < 0)
		return r;
	free(facts.tree);
	facts.tree = xstrdup(info->tree);
	facts.tree_size = info->tree_size;
	return facts_save(s, &facts, err);
}

static int unpack_beside(struct rendering *q, int tree_fd, int64_t *ret_size, struct err *err)
{
	int r;

	r = tree_work_open(q->store, TREE_FILES, &q->work, err);
	if (r >= 0)
		r = fill(q, err);
	if (r >= 0)
		r = tree_work_size(&q->work, ret_size, err);
	if (r >= 0 && syncfs(q->work.dir.fd) < 0)
		r = err_sys(err, -errno, "cannot write a tree to disk");
	return r < 0 ? r : temp_tree_move(q->store, &q->work.dir, tree_fd, "files", err);
}

int store_add_files(struct store *s, int unpack_exe_fd, struct image_info *info, const struct tree_layer *layers,
		    size_t n_layers, struct err *err)
{
	AUTO(rendering_clear) struct rendering q = {
		.store = s, .exe_fd = unpack_exe_fd, .info = info, .work = TREE_WORK_NONE,
	};
	AUTO(close) int tree_fd = -1;
	int64_t size = 0;
	int r;

	r = store_use(s, err);
	if (r >= 0)
		r = store_open_image_tree(s, info, &tree_fd, err);
	if (r >= 0)
		r = tree_sources_open(s, unpack_exe_fd, info, layers, n_layers, &q.sources, err);
	if (r >= 0)
		r = unpack_beside(&q, tree_fd, &size, err);
	if (r < 0)
		return err_wrap(err, r, "cannot unpack the image '%s'", info->name);
	info->tree_size += size;
	return note_tree(s, info, err);
}

int store_render_as(struct store *s, int unpack_exe_fd, enum tree_backend backend, struct image_info *info,
		    const struct tree_layer *layers, size_t n_layers, struct err *err)
{
	struct render_wish wish = { .backend = backend, .layers = layers, .n_layers = n_layers };
	AUTO(free) char *manifest = NULL;
	int r;

	r = store_use(s, err);
	if (r >= 0 && info->format)
		r = oci_manifest_text(s, unpack_exe_fd, info, &manifest, err);
	wish.manifest = manifest;
	if (r >= 0)
		r = render_tree(s, unpack_exe_fd, info, &wish, err);
	return r < 0 ? r : note_tree(s, info, err);
}

int store_render(struct store *s, int unpack_exe_fd, struct image_info *info, const struct tree_layer *layers,
		 size_t n_layers, struct err *err)
{
	return store_render_as(s, unpack_exe_fd, store_backend(s), info, layers, n_layers, err);
}
