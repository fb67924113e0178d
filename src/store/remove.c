#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"
#include "base/log.h"
#include "store/facts.h"
#include "store/leftover.h"
#include "store/names.h"
#include "store/vouch.h"

/* --- one image ----------------------------------------------------------------- */

static void drop_sharded(struct store *s, const char *kind, const char *key, bool *left)
{
	AUTO(free) char *path = store_sharded(kind, key);

	int r;

	crash_at("blob-unlink");
	r = cas_unlink(s->cas_fd, path, 0);
	if (r < 0 && r != -ENOENT) {
		log_warn("cannot remove '%s/cas/%s': %s", s->path, path, strerror(-r));
		*left = true;
	}
}

/* Those that no other image consists of; in doubt a later sweep takes them. */
static void drop_blobs(struct store *s, const struct image_info *info, bool *left)
{
	AUTO(strv_free) char **blobs = image_blobs(info);
	AUTO(used_clear) struct used others = {};

	if (used_collect(s, &others, NULL) < 0 || others.unknown) {
		*left = true;
		return;
	}
	for (char **key = blobs; *key; key++)
		if (!strset_has(&others.blobs, *key))
			drop_sharded(s, "blob", *key, left);
}

/* What is known of an image may be anybody's word, and then so is which tree it has. */
static bool names_another_tree(struct store *s, const struct image_info *info)
{
	AUTO(close) int fd = -1;

	return store_open_image_tree(s, info, &fd, NULL) == -ERR_BAD_INPUT;
}

/* What stays is told. */
static void drop_tree(struct store *s, const struct image_info *info, bool (*in_use)(void *arg, const char *tree),
		      void *arg, bool *left)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;

	if (names_another_tree(s, info))
		return;
	if (in_use && in_use(arg, info->tree)) {
		*left = true;
	} else if (tree_drop(s, info->tree, &err) < 0) {
		words = err_text(&err);
		log_debug("%s", words);		/* the group rkt may remove images, but no trees */
		*left = true;
	}
}

int store_forget(struct store *s, const struct image_info *info, bool (*in_use)(void *arg, const char *tree),
		 void *arg, bool *ret_left, struct err *err)
{
	AUTO(free) char *key = store_key(info->id);
	bool left = false;
	int r;

	r = store_lock_exclusive(s, err);
	if (r < 0)
		return r;
	r = facts_remove(s, key, err);
	if (r >= 0) {
		left |= names_remove(s, info->name, key) < 0;
		for (size_t i = 0; i < info->n_others; i++)
			left |= names_remove(s, info->others[i].name, key) < 0;
		if (info->tree)
			drop_tree(s, info, in_use, arg, &left);
		drop_sharded(s, "imageManifest", key, &left);
	}
	store_unlock_exclusive(s);
	if (ret_left)
		*ret_left = left;
	return r;
}

int store_remove(struct store *s, const struct image_info *info, bool (*in_use)(void *arg, const char *tree),
		 void *arg, bool *ret_left, struct err *err)
{
	bool left = false;
	int r;

	r = store_lock_exclusive(s, err);
	if (r < 0)
		return r;
	r = store_forget(s, info, in_use, arg, &left, err);
	if (r >= 0)
		drop_blobs(s, info, &left);
	store_unlock_exclusive(s);
	if (ret_left)
		*ret_left = left;
	return r;
}

/* --- one name ------------------------------------------------------------------ */

static bool is_called(const struct image_info *info, const char *name)
{
	bool is = str_eq(info->name, name);

	for (size_t i = 0; i < info->n_others; i++)
		is |= str_eq(info->others[i].name, name);
	return is;
}

/* One that stays whatever we, who are not root, write. */
static bool is_roots_name(struct store *s, const char *key, const struct image_info *info)
{
	AUTO(image_info_clear) struct image_info sure = {};

	return geteuid() && vouch_load(s, key, &sure, NULL) >= 0 && image_name_find(&sure, info) >= 0;
}

/* Root's word first, as when the image goes. */
static int drop_name(struct store *s, const char *key, struct image_info *all, int name, struct err *err)
{
	AUTO(free) char *gone = NULL;
	int r = 0;

	image_name_swap(all, name);
	gone = xstrdup(all->name);
	image_name_drop(all, 0);
	/* In front is what root vouches for, if it does for any. */
	for (int i = 1; i <= (int)all->n_others && !all->vouched; i++)
		image_name_swap(all, all->others[i - 1].vouched ? i : 0);
	if (!geteuid())
		r = all->vouched ? vouch_save(s, all, NULL, 0, err) : vouch_remove(s, key, err);
	if (r >= 0)
		r = facts_amend(s, all, err);
	if (r >= 0 && !is_called(all, gone))
		(void)names_remove(s, gone, key);
	return r;
}

int store_remove_name(struct store *s, const struct image_info *info, struct err *err)
{
	AUTO(image_info_clear) struct image_info all = {};
	AUTO(free) char *key = store_key(info->id);
	int name, r;

	r = store_lock_exclusive(s, err);
	if (r < 0)
		return r;
	r = facts_load(s, key, &all, err);
	name = r < 0 ? -1 : image_name_find(&all, info);
	if (r >= 0 && name < 0)
		r = err_set(err, -ERR_NOT_FOUND, "the image '%s' is not called '%s' any more", key, info->name);
	else if (r >= 0 && all.n_others && is_roots_name(s, key, info))
		r = err_set(err, -EPERM, "root gave the image '%s' the name '%s', which only root takes away", key, info->name);
	else if (r >= 0 && all.n_others)
		r = drop_name(s, key, &all, name, err);
	else if (r >= 0)
		name = -1;
	store_unlock_exclusive(s);
	return r < 0 ? r : name >= 0;
}

/* --- trees --------------------------------------------------------------------- */

static int take_tree(void *arg, int dir_fd, const char *name)
{
	if (store_tree_valid(name))
		strv_add(arg, name);
	return 0;
}

int store_list_trees(struct store *s, char ***ret, struct err *err)
{
	AUTO(strv_free) char **list = NULL;
	int tree_fd, r;

	r = store_tree_dir(s, &tree_fd, err);
	if (r < 0)
		return r;
	r = store_each(tree_fd, ".", take_tree, &list);
	if (r < 0)
		return err_sys(err, r, "cannot list the trees in '%s'", s->path);
	*ret = TAKE(list);
	return 0;
}

/* First it says that it is not rendered: killed in between we leave a tree that nobody names. */
static int disown(struct store *s, const struct image_info *owner, struct err *err)
{
	AUTO(image_info_clear) struct image_info info = image_info_copy(owner);

	free(TAKE(info.tree));
	info.tree_size = 0;
	return facts_amend(s, &info, err);
}

int store_remove_tree(struct store *s, const char *tree, const struct image_info *owner, struct err *err)
{
	bool another;
	int r;

	r = store_lock_exclusive(s, err);
	if (r < 0)
		return r;
	another = owner && names_another_tree(s, owner);
	if (owner)
		r = disown(s, owner, err);
	if (r >= 0 && !another)
		r = tree_drop(s, tree, err);
	store_unlock_exclusive(s);
	return r;
}
