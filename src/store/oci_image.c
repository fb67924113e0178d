#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/facts.h"
#include "store/names.h"
#include "store/oci_manifest.h"
#include "store/render.h"

/* Adds up what is on disk, all of which must be there. */
static int add_size(struct store *s, const char *key, int64_t *size, struct err *err)
{
	AUTO(close) int fd = -1;
	struct stat st;
	int r;

	r = store_open_key(s, key, &fd, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the blob '%s'", key);
	*size += st.st_size;
	return 0;
}

static int measure(struct store *s, const struct image_info *info, int64_t *ret, struct err *err)
{
	AUTO(strv_free) char **blobs = image_blobs(info);
	int64_t size = 0;
	int r = 0;

	for (char **key = blobs; *key && r >= 0; key++)
		r = add_size(s, *key, &size, err);
	if (r >= 0)
		*ret = size;
	return r;
}

static int keep_manifest(struct store *s, const char *key, const char *manifest, struct err *err)
{
	struct temp_file file;
	int r;

	r = temp_file_open(s, &file, err);
	if (r < 0)
		return r;
	r = fd_write_all(file.fd, manifest, strlen(manifest));
	if (r >= 0 && fsync(file.fd) < 0)
		r = -errno;
	if (r < 0)
		err_sys(err, r, "cannot write the manifest into the store");
	else
		r = temp_file_keep(s, &file, "imageManifest", key, err);
	temp_file_drop(s, &file);
	return r;
}

/* Unless it is there already, of this very image. */
static int make_tree(struct store *s, int exe_fd, const char *key, struct image_info *info, const char *manifest,
		     struct err *err)
{
	struct render_wish wish = { .backend = store_backend(s), .manifest = manifest };
	AUTO(image_info_clear) struct image_info old = {};
	AUTO(close) int tree_fd = -1;

	if (facts_load(s, key, &old, NULL) >= 0 && store_open_image_tree(s, &old, &tree_fd, NULL) >= 0)
		return 0;
	return render_tree(s, exe_fd, info, &wish, err);
}

/* What the caller was told of the image gives way to what its documents say. */
static int take_manifest(struct store *s, int exe_fd, struct image_info *info, const char *claimed, char **ret,
			 struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	int r;

	r = oci_manifest_make(s, exe_fd, info, claimed, &m, err);
	if (r < 0)
		return r;
	labels_free(info->labels, info->n_labels);
	info->labels = labels_copy(m.labels, m.n_labels);
	info->n_labels = m.n_labels;
	*ret = json_encode_text(image_manifest_fields, &m, false);
	return 0;
}

/* Another rkt may be adding the same image by another name, and neither shall be lost. */
static int publish(struct store *s, const char *key, struct image_info *info, const char *manifest, struct err *err)
{
	int lock_fd, r;

	r = store_lock_blob(s, key, true, &lock_fd, err);
	if (r < 0)
		return r;
	r = names_add(s, info->name, key, err);
	if (r >= 0)
		r = facts_add(s, info, manifest, strlen(manifest), err);
	store_unlock_blob(s, key, &lock_fd);
	return r;
}

int store_add_image(struct store *s, int unpack_exe_fd, struct image_info *info, const char *manifest,
		    bool render, struct err *err)
{
	AUTO(free) char *key = NULL, *text = NULL;
	int r;

	r = facts_check(info, NULL, err);
	if (r < 0)
		return err_wrap(err, r, "the image cannot be stored");
	key = store_key(info->id);
	/* Nobody sweeps while something is being added. */
	r = store_use(s, err);
	if (r >= 0)
		r = measure(s, info, &info->size, err);
	if (r >= 0)
		r = take_manifest(s, unpack_exe_fd, info, manifest, &text, err);
	if (r >= 0 && render)
		r = make_tree(s, unpack_exe_fd, key, info, text, err);
	if (r >= 0)
		r = keep_manifest(s, key, text, err);
	return r < 0 ? r : publish(s, key, info, text, err);
}
