#include "store/tree.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "os/erofs.h"
#include "os/mount.h"
#include "os/verity.h"

enum { RECORD_MAX = 1 << 20, KEY_FILE_MAX = 256 };

/* --- what is noted of an index ------------------------------------------------- */

#define AT(member) offsetof(struct tree_record, member)
static const struct json_field record_fields[] = {
	{ "index", JSON_STRING, AT(index), JSON_OMIT_EMPTY },
	{ "layers", JSON_STRV, AT(layers), JSON_REQUIRED },
	{ "seals", JSON_STRV, AT(seals), JSON_OMIT_EMPTY },
	{}
};
#undef AT

void tree_record_clear(struct tree_record *r)
{
	json_clear(record_fields, r);
}

static int record_check(const struct tree_record *r, struct err *err)
{
	size_t n = strv_len(r->layers);

	if ((r->index && !store_blob_valid(r->index)) || (r->seals && (!r->index || strv_len(r->seals) != n + 1)))
		return err_set(err, -ERR_BAD_INPUT, "it makes no sense");
	for (size_t i = 0; i < n; i++)
		if (!store_blob_valid(r->layers[i]))
			return err_set(err, -ERR_BAD_INPUT, "'%s' is no blob's name", r->layers[i]);
	return 0;
}

bool tree_is_index(int tree_fd)
{
	return faccessat(tree_fd, "index", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool tree_has_files(int tree_fd)
{
	return faccessat(tree_fd, "files", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int tree_record_read(int tree_fd, struct tree_record *ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	struct tree_record record = {};
	size_t len = 0;
	int r;

	r = file_read(tree_fd, "layers", RECORD_MAX, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read a tree's 'layers'");
	r = json_decode_text(text, len, record_fields, &record, err);
	if (r >= 0)
		r = record_check(&record, err);
	if (r < 0) {
		tree_record_clear(&record);
		return err_wrap(err, r, "cannot read a tree's 'layers'");
	}
	*ret = record;
	return 0;
}

int tree_record_write(int tree_fd, const struct tree_record *r, struct err *err)
{
	AUTO(free) char *text = json_encode_text(record_fields, r, false);
	int k;

	/* Nobody could read it. */
	if (strlen(text) > RECORD_MAX)
		return err_set(err, -E2BIG, "an image of %zu layers cannot be rendered", strv_len(r->layers));
	k = file_write(tree_fd, "layers", text, strlen(text), 0600);
	return k < 0 ? err_sys(err, k, "cannot write a tree's 'layers'") : 0;
}

int tree_part_open(int tree_fd, size_t part, int *ret_fd, struct err *err)
{
	AUTO(free) char *name = part ? xasprintf("%zu", part - 1) : xstrdup("index");
	int fd = openat(tree_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(err, -errno, "cannot open a tree's '%s'", name);
	*ret_fd = fd;
	return 0;
}

/* --- seals --------------------------------------------------------------------- */

static const char *part_name(const struct tree_record *r, size_t part)
{
	return part ? r->layers[part - 1] : "index";
}

static int seal_part(int tree_fd, const struct tree_record *r, size_t part, char ret[VERITY_TEXT + 1], struct err *err)
{
	AUTO(close) int fd = -1;
	int k;

	k = tree_part_open(tree_fd, part, &fd, err);
	if (k < 0)
		return k;
	k = verity_seal(fd);
	if (k >= 0)
		k = verity_measure(fd, ret);
	return k < 0 ? err_sys(err, k, "cannot seal '%s'", part_name(r, part)) : 0;
}

int tree_seal(int tree_fd, struct tree_record *r, struct err *err)
{
	AUTO(strv_free) char **seals = NULL;
	AUTO(err_clear) struct err unheard = {};

	err = err ?: &unheard;
	for (size_t part = 0; part <= strv_len(r->layers); part++) {
		char seal[VERITY_TEXT + 1];
		int k = seal_part(tree_fd, r, part, seal, err);

		if (k == -EOPNOTSUPP && part == 0) {
			err_clear(err);
			return 0;
		}
		if (k < 0)
			return k;
		strv_add(&seals, seal);
	}
	r->seals = TAKE(seals);
	return 0;
}

int tree_check_seals(int tree_fd, const struct tree_record *r, struct err *err)
{
	for (size_t part = 0; r->seals && part <= strv_len(r->layers); part++) {
		AUTO(close) int fd = -1;
		char seal[VERITY_TEXT + 1] = "";
		int k;

		k = tree_part_open(tree_fd, part, &fd, err);
		if (k < 0)
			return k;
		k = verity_measure(fd, seal);
		if (k < 0 && k != -ENODATA)
			return err_sys(err, k, "cannot measure '%s'", part_name(r, part));
		if (k == -ENODATA)
			return err_set(err, -ERR_BAD_INPUT, "'%s' was sealed, but is so no more", part_name(r, part));
		if (!str_eq(seal, r->seals[part]))
			return err_set(err, -ERR_BAD_INPUT, "'%s' is not what was sealed", part_name(r, part));
	}
	return 0;
}

/* --- opening ------------------------------------------------------------------- */

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

int store_tree_image(int tree_fd, char **ret, struct err *err)
{
	int r = file_read(tree_fd, "image", KEY_FILE_MAX, ret, NULL);

	return r < 0 ? err_sys(err, r, "cannot read whose tree it is") : 0;
}

int store_open_image_tree(struct store *s, const struct image_info *i, int *ret_fd, struct err *err)
{
	AUTO(free) char *key = store_key(i->id), *owner = NULL;
	AUTO(close) int fd = -1;
	int r;

	if (!i->tree)
		return err_set(err, -ERR_NOT_FOUND, "the image '%s' is not rendered", key);
	r = store_open_tree(s, i->tree, &fd, err);
	if (r < 0)
		return r;
	r = store_tree_image(fd, &owner, err);
	if (r < 0)
		return r;
	if (!str_eq(owner, key))
		return err_set(err, -ERR_BAD_INPUT, "the tree '%s' is another image's", i->tree);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* --- mounting ------------------------------------------------------------------ */

int tree_mount(int tree_fd, const struct tree_record *r, int *ret_fd, struct err *err)
{
	AUTO(strv_free) char **devices = NULL;
	AUTO(err_clear) struct err unheard = {};
	int k;

	err = err ?: &unheard;
	for (size_t i = 0; i < strv_len(r->layers); i++)
		strv_take(&devices, xasprintf("%zu", i));
	k = erofs_mount(EROFS_FILES, tree_fd, "index", devices, ret_fd, err);
	if (k != -ENOTBLK)
		return k;
	err_clear(err);
	return erofs_mount(EROFS_LOOP, tree_fd, "index", devices, ret_fd, err);
}

static int attach(int tree_fd, int mount_fd, struct err *err)
{
	AUTO(close) int target_fd = openat(tree_fd, "rootfs", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return target_fd < 0 ? err_sys(err, -errno, "cannot open a tree's 'rootfs'")
			     : mount_attach(mount_fd, target_fd, err);
}

int store_mount_tree(int tree_fd, unsigned flags, int *ret_fd, struct err *err)
{
	AUTO(tree_record_clear) struct tree_record record = {};
	AUTO(close) int fd = -1;
	int r;

	if (!tree_is_index(tree_fd) || tree_has_files(tree_fd)) {
		r = dir_open(tree_fd, tree_is_index(tree_fd) ? "files/rootfs" : "rootfs", ret_fd);
		return r < 0 ? err_sys(err, r, "cannot open a tree's 'rootfs'") : 0;
	}
	r = tree_record_read(tree_fd, &record, err);
	if (r >= 0 && !record.index)
		r = err_set(err, -ERR_BAD_INPUT, "a tree's 'layers' says nothing of its index");
	if (r >= 0 && !(flags & TREE_UNCHECKED))
		r = tree_check_seals(tree_fd, &record, err);
	if (r >= 0)
		r = tree_mount(tree_fd, &record, &fd, err);
	if (r >= 0 && flags & TREE_ATTACH)
		r = attach(tree_fd, fd, err);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int store_tree_layers(int tree_fd, char ***ret, struct err *err)
{
	AUTO(tree_record_clear) struct tree_record record = {};
	int r = tree_record_read(tree_fd, &record, err);

	if (r >= 0)
		*ret = TAKE(record.layers);
	return r;
}

bool store_tree_is_of(int tree_fd, const struct tree_layer *layers, size_t n_layers)
{
	AUTO(tree_record_clear) struct tree_record record = {};

	if (tree_record_read(tree_fd, &record, NULL) < 0 || strv_len(record.layers) != n_layers)
		return false;
	for (size_t i = 0; i < n_layers; i++)
		if (!str_eq(record.layers[i], layers[i].key))
			return false;
	return true;
}

bool store_tree_is_mounted(int tree_fd, bool *ret_sealed)
{
	AUTO(tree_record_clear) struct tree_record record = {};
	bool is = tree_is_index(tree_fd) && !tree_has_files(tree_fd);

	*ret_sealed = is && tree_record_read(tree_fd, &record, NULL) >= 0 && record.seals;
	return is;
}
