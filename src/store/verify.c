#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/blob.h"
#include "store/content.h"
#include "store/facts.h"
#include "store/sources.h"
#include "store/temp.h"
#include "store/tree.h"

/* --- blobs --------------------------------------------------------------------- */

int store_check_key(struct store *s, int unpack_exe_fd, const char *key, struct err *err)
{
	AUTO(close) int fd = -1;
	int r;

	r = store_open_key(s, key, &fd, err);
	return r < 0 ? r : blob_check_file(unpack_exe_fd, key, NULL, fd, err);
}

int store_check_blob(int unpack_exe_fd, const struct image_info *info, int fd, struct err *err)
{
	AUTO(free) char *key = store_key(info->id);

	return blob_check_file(unpack_exe_fd, key, info->id, fd, err);
}

static int verify_blobs(struct store *s, int exe_fd, const struct image_info *info, struct err *err)
{
	AUTO(strv_free) char **keys = image_blobs(info);
	AUTO(close) int fd = -1;
	int r = 0;

	if (!info->format) {
		r = store_open_blob(s, info, &fd, err);
		return r < 0 ? r : store_check_blob(exe_fd, info, fd, err);
	}
	for (char **key = keys; *key && r >= 0; key++)
		r = store_check_key(s, exe_fd, *key, err);
	return r;
}

/* --- trees --------------------------------------------------------------------- */

/* Is this part of an index the very file that was verified as a blob? */
static bool is_blob(struct store *s, const char *key, int fd)
{
	AUTO(close) int blob_fd = -1;

	return store_open_key(s, key, &blob_fd, NULL) >= 0 && fd_is_same(fd, blob_fd);
}

static int verify_part(struct store *s, int exe_fd, int tree_fd, const struct tree_record *record, size_t part,
		       struct err *err)
{
	const char *key = part ? record->layers[part - 1] : record->index;
	AUTO(close) int fd = -1;
	int r;

	r = tree_part_open(tree_fd, part, &fd, err);
	if (r < 0)
		return r;
	if (s && part && is_blob(s, key, fd))
		return 0;
	r = blob_check_file(exe_fd, key, NULL, fd, err);
	return r < 0 && !part ? err_wrap(err, r, "the index is damaged") : r;
}

/* s: where blobs were verified just now; NULL: they were not. */
static int verify_index(struct store *s, int exe_fd, int tree_fd, struct err *err)
{
	AUTO(tree_record_clear) struct tree_record record = {};
	int r;

	r = tree_record_read(tree_fd, &record, err);
	if (r >= 0)
		r = tree_check_seals(tree_fd, &record, err);
	for (size_t part = 0; r >= 0 && part <= strv_len(record.layers); part++)
		r = verify_part(s, exe_fd, tree_fd, &record, part, err);
	return r;
}

/* Files are compared with what unpacking gives now. */
static int verify_files(struct store *s, int exe_fd, const struct image_info *info, const struct tree_layer *layers,
			size_t n_layers, int tree_fd, struct err *err)
{
	AUTO(tree_sources_clear) struct tree_sources from = {};
	AUTO(compose_result_clear) struct compose_result result = {};
	struct temp_tree scratch = { .fd = -1 };
	int r;

	r = tree_sources_open(s, exe_fd, info, layers, n_layers, &from, err);
	tree_sources_hash_again(&from);
	if (r >= 0)
		r = temp_tree_make(s, &scratch, err);
	if (r >= 0)
		r = compose(exe_fd, COMPOSE_COMPARE, &from.request, from.fds, scratch.fd, tree_fd, &result, err);
	if (r >= 0)
		r = tree_sources_check(&from, info, &result, err);
	temp_tree_drop(s, &scratch);
	return r;
}

static int verify_either(struct store *s, struct store *verified, int exe_fd, const struct image_info *info,
			 const struct tree_layer *layers, size_t n_layers, int tree_fd, struct err *err)
{
	AUTO(close) int files_fd = -1;
	int r;

	if (!tree_is_index(tree_fd))
		return verify_files(s, exe_fd, info, layers, n_layers, tree_fd, err);
	r = verify_index(verified, exe_fd, tree_fd, err);
	if (r < 0 || !tree_has_files(tree_fd))
		return r;
	r = dir_open(tree_fd, "files", &files_fd);
	return r < 0 ? err_sys(err, r, "cannot open the files of a tree")
		     : verify_files(s, exe_fd, info, layers, n_layers, files_fd, err);
}

static int verify_tree(struct store *s, int exe_fd, const struct image_info *info, const struct tree_layer *layers,
		       size_t n_layers, bool *ret_had_tree, struct err *err)
{
	AUTO(close) int tree_fd = -1;
	int r;

	r = store_open_image_tree(s, info, &tree_fd, err);
	*ret_had_tree = r != -ERR_NOT_FOUND;
	if (r < 0)
		return r == -ERR_NOT_FOUND ? 0 : r;
	return verify_either(s, s, exe_fd, info, layers, n_layers, tree_fd, err);
}

int store_verify_tree(struct store *s, int unpack_exe_fd, const struct image_info *info,
		      const struct tree_layer *layers, size_t n_layers, int tree_fd, struct err *err)
{
	int r;

	r = verify_either(s, NULL, unpack_exe_fd, info, layers, n_layers, tree_fd, err);
	return r < 0 ? err_wrap(err, r, "the files of image \"%s\" are not what was stored", info->name) : 0;
}

/* --- manifests ----------------------------------------------------------------- */

/* The text of one without what depends on the name by which its image was fetched; NULL: it is none. */
static char *nameless(const char *text, size_t len)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	struct label *labels = NULL;
	size_t n = 0;

	if (image_manifest_read(text, len, &m, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < m.n_labels; i++)
		if (!str_eq(m.labels[i].name, "version"))
			label_set(&labels, &n, m.labels[i].name, m.labels[i].value);
	labels_free(m.labels, m.n_labels);
	m.labels = labels;
	m.n_labels = n;
	labels_free(m.annotations, m.n_annotations);
	m.annotations = NULL;
	m.n_annotations = 0;
	free(m.name);
	m.name = xstrdup("any");
	return json_encode_text(image_manifest_fields, &m, false);
}

/* An OCI image may have been fetched by other names since it was rendered. */
static bool same_manifest(const struct image_info *info, const char *a, size_t a_len, const char *b, size_t b_len)
{
	AUTO(free) char *x = NULL, *y = NULL;

	if (!info->format)
		return a_len == b_len && memcmp(a, b, b_len) == 0;
	x = nameless(a, a_len);
	y = nameless(b, b_len);
	return x && y && str_eq(x, y);
}

static int verify_manifest(struct store *s, const struct image_info *info, struct err *err)
{
	AUTO(free) char *stored = NULL, *used = NULL;
	size_t stored_len = 0, used_len = 0;
	int r;

	r = content_stored_manifest(s, info, &stored, &stored_len, err);
	if (r >= 0)
		r = content_manifest(s, info, &used, &used_len, err);
	if (r < 0)
		return r;
	if (!same_manifest(info, stored, stored_len, used, used_len))
		return err_set(err, -ERR_BAD_INPUT, "the stored manifest is not the image's");
	return 0;
}

int store_verify(struct store *s, int unpack_exe_fd, const struct image_info *info, const struct tree_layer *layers,
		 size_t n_layers, bool *ret_had_tree, struct err *err)
{
	bool had_tree = false;
	int r;

	r = store_use(s, err);
	if (r >= 0)
		r = verify_blobs(s, unpack_exe_fd, info, err);
	if (r >= 0 && info->tree)
		r = verify_tree(s, unpack_exe_fd, info, layers, n_layers, &had_tree, err);
	if (r >= 0)
		r = verify_manifest(s, info, err);
	if (ret_had_tree)
		*ret_had_tree = had_tree;
	return r;
}
