#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/content.h"
#include "store/sources.h"
#include "store/temp.h"
#include "store/vouch.h"

int store_open_blob(struct store *s, const struct image_info *i, int *ret_fd, struct err *err)
{
	AUTO(free) char *key = store_key(i->id);
	AUTO(free) char *path = store_sharded("blob", key);
	AUTO(close) int fd = -1;
	struct stat st;

	if (i->format)
		return err_set(err, -ERR_BAD_INPUT, "the image '%s' is not one archive, but layers", key);
	fd = cas_open(s->cas_fd, path, O_RDONLY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? fd : -errno, "cannot open the blob of the image '%s'", key);
	if (!S_ISREG(st.st_mode) || st.st_size != i->size)
		return err_set(err, -ERR_BAD_INPUT, "the blob of the image '%s' is damaged: it has another size", key);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The group rkt could have put another in its place, and nothing of it would be what was signed. */
static int check_manifest_owner(int fd, const struct image_info *i, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the manifest of the image '%s'", i->name);
	if (i->vouched && (st.st_uid != geteuid() || st.st_mode & 0022))
		return err_set(err, -ERR_BAD_INPUT, "another user put a manifest in place of that of the image '%s'; "
						    "fetch it again", i->name);
	return 0;
}

int content_stored_manifest(struct store *s, const struct image_info *i, char **ret, size_t *ret_len,
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

/* Root's copy where there is one: the other may have been exchanged. */
static int read_known(struct store *s, const struct image_info *i, char **ret, size_t *ret_len, struct err *err)
{
	AUTO(free) char *key = store_key(i->id);
	int r = i->vouched ? vouch_manifest(s, key, ret, ret_len, NULL) : -ERR_NOT_FOUND;

	return r == -ERR_NOT_FOUND ? content_stored_manifest(s, i, ret, ret_len, err)
				   : r < 0 ? err_sys(err, r, "cannot read the manifest of the image '%s'", key) : 0;
}

int content_manifest(struct store *s, const struct image_info *i, char **ret, size_t *ret_len, struct err *err)
{
	AUTO(close) int fd = -1;
	int r;

	if (geteuid() || store_open_image_tree(s, i, &fd, NULL) < 0)
		return read_known(s, i, ret, ret_len, err);
	r = file_read(fd, "manifest", MANIFEST_MAX_BYTES, ret, ret_len);
	return r < 0 ? err_sys(err, r, "cannot read the manifest of the tree '%s'", i->tree) : 0;
}

int store_read_manifest_text(struct store *s, const struct image_info *i, char **ret, struct err *err)
{
	return content_manifest(s, i, ret, NULL, err);
}

int store_read_manifest(struct store *s, const struct image_info *i, struct image_manifest *ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = content_manifest(s, i, &text, &len, err);
	if (r < 0)
		return r;
	r = image_manifest_read(text, len, ret, err);
	return r < 0 ? err_wrap(err, r, "bad manifest of the image '%s'", i->name) : 0;
}

static void touch(struct store *s, const char *key)
{
	AUTO(close) int dir_fd = cas_open(s->cas_fd, "image", O_PATH | O_DIRECTORY, 0);

	if (dir_fd >= 0)
		(void)utimensat(dir_fd, key, NULL, AT_SYMLINK_NOFOLLOW);
}

void store_touch(struct store *s, const struct image_info *i)
{
	AUTO(free) char *key = store_key(i->id);

	touch(s, key);
}

void store_touch_layers(struct store *s, const struct tree_layer *layers, size_t n_layers)
{
	for (size_t i = 0; i < n_layers; i++)
		touch(s, layers[i].key);
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

static int write_manifest(struct store *s, const struct image_info *info, const struct compose_result *result,
			  int dir_fd, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = result->manifest_len;
	int r = 0;

	if (!result->manifest)
		r = content_manifest(s, info, &text, &len, err);
	if (r < 0)
		return r;
	r = file_write(dir_fd, "manifest", text ?: result->manifest, len, 0644);
	return r < 0 ? err_sys(err, r, "cannot write the file 'manifest'") : 0;
}

int store_extract(struct store *s, int unpack_exe_fd, const struct image_info *info, const struct tree_layer *layers,
		  size_t n_layers, int dir_fd, bool rootfs_only, struct err *err)
{
	AUTO(tree_sources_clear) struct tree_sources from = {};
	AUTO(compose_result_clear) struct compose_result result = {};
	int r;

	r = tree_sources_open(s, unpack_exe_fd, info, layers, n_layers, &from, err);
	tree_sources_hash_again(&from);
	if (r >= 0)
		r = compose(unpack_exe_fd, rootfs_only ? COMPOSE_ROOTFS : COMPOSE_TREE, &from.request, from.fds, dir_fd,
			    -1, &result, err);
	if (r >= 0)
		r = tree_sources_check(&from, info, &result, err);
	if (r >= 0 && !rootfs_only)
		r = write_manifest(s, info, &result, dir_fd, err);
	return r < 0 ? err_wrap(err, r, "cannot unpack the image '%s'", info->name) : 0;
}

void tree_layers_free(struct tree_layer *layers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(layers[i].key);
		strv_free(layers[i].paths);
	}
	free(layers);
}
