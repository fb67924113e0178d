#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"
#include "base/log.h"
#include "store/facts.h"
#include "store/names.h"
#include "store/partial.h"
#include "store/temp.h"
#include "store/used.h"

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

/* Under another name first: a tree is whole or is not there, also when we are killed on the way. */
static int drop_tree(struct store *s, const char *tree, struct err *err)
{
	AUTO(free) char *work = name_random("work");
	int tree_fd, r;

	r = store_tree_dir(s, &tree_fd, err);
	if (r < 0)
		return r == -ERR_NOT_FOUND ? 0 : r;
	crash_at("tree-remove");
	if (renameat(tree_fd, tree, tree_fd, work) < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot remove the tree '%s'", tree);
	r = tree_remove(tree_fd, work);
	return r < 0 ? err_sys(err, r, "cannot remove the tree '%s'", tree) : 0;
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

int store_forget(struct store *s, const struct image_info *info, bool (*in_use)(void *arg, const char *tree),
		 void *arg, bool *ret_left, struct err *err)
{
	AUTO(err_clear) struct err tree_err = {};
	AUTO(free) char *key = store_key(info->id);
	bool left = false;
	int r;

	r = store_lock_exclusive(s, err);
	if (r < 0)
		return r;
	r = facts_remove(s, key, err);
	if (r >= 0) {
		left |= names_remove(s, info->name, key) < 0;
		if (info->tree && in_use && in_use(arg, info->tree)) {
			left = true;
		} else if (info->tree && drop_tree(s, info->tree, &tree_err) < 0) {
			AUTO(free) char *words = err_text(&tree_err);

			log_debug("%s", words);	/* the group rkt may remove images, but no trees */
			left = true;
		}
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
	int r;

	r = store_lock_exclusive(s, err);
	if (r < 0)
		return r;
	if (owner)
		r = disown(s, owner, err);
	if (r >= 0)
		r = drop_tree(s, tree, err);
	store_unlock_exclusive(s);
	return r;
}

/* --- what is left over --------------------------------------------------------- */

struct sweep {
	struct store *store;
	bool (*in_use)(void *arg, const char *tree);
	void *arg;
	struct used used;
	int first;		/* failure; the sweep goes on over it */
};

static void note(struct sweep *w, int r, const char *what)
{
	if (r >= 0)
		return;
	log_debug("cannot remove '%s' from the store: %s", what, strerror(-r));
	if (!w->first)
		w->first = r;
}

static bool has_facts(struct store *s, const char *key)
{
	AUTO(free) char *path = xasprintf("image/%s", key);

	/* In doubt there are some. */
	return cas_look(s->cas_fd, path) != -ENOENT;
}

static int sweep_tmp(void *arg, int dir_fd, const char *name)
{
	if (partial_dir_valid(name))
		note(arg, partial_sweep(dir_fd, name), name);
	else if (temp_abandoned(dir_fd, name))
		note(arg, tree_remove(dir_fd, name), name);
	return 0;
}

static int sweep_blob(void *arg, int dir_fd, const char *name)
{
	struct sweep *w = arg;

	if (store_blob_valid(name) && (w->used.unknown || strset_has(&w->used.blobs, name)))
		return 0;
	note(w, tree_remove(dir_fd, name), name);
	return 0;
}

/* What lies where a directory of the store belongs. */
static bool is_no_directory(int r) { return r == -ENOTDIR || r == -ELOOP; }

static int sweep_below(struct sweep *w, int dir_fd, const char *name,
		       int (*each)(void *arg, int dir_fd, const char *name))
{
	int r = store_each(dir_fd, name, each, w);

	note(w, is_no_directory(r) ? tree_remove(dir_fd, name) : r, name);
	return 0;
}

static int sweep_blobs(void *arg, int dir_fd, const char *name)
{
	return sweep_below(arg, dir_fd, name, sweep_blob);
}

static int sweep_file(void *arg, int dir_fd, const char *name)
{
	struct sweep *w = arg;

	if (store_key_valid(name) && has_facts(w->store, name))
		return 0;
	note(w, tree_remove(dir_fd, name), name);
	return 0;
}

static int sweep_shard(void *arg, int dir_fd, const char *name)
{
	return sweep_below(arg, dir_fd, name, sweep_file);
}

/* A link without facts; the directory goes with its last one. */
static int sweep_name(void *arg, int dir_fd, const char *name)
{
	(void)sweep_below(arg, dir_fd, name, sweep_file);
	(void)unlinkat(dir_fd, name, AT_REMOVEDIR);
	return 0;
}

static int sweep_tree(void *arg, int dir_fd, const char *name)
{
	struct sweep *w = arg;

	if (!store_tree_valid(name)) {
		if (temp_abandoned(dir_fd, name))
			note(w, tree_remove(dir_fd, name), name);
		return 0;
	}
	if (w->used.unknown || strset_has(&w->used.trees, name) || (w->in_use && w->in_use(w->arg, name)))
		return 0;
	note(w, drop_tree(w->store, name, NULL), name);
	return 0;
}

int store_sweep(struct store *s, bool (*in_use)(void *arg, const char *tree), void *arg, struct err *err)
{
	struct sweep w = { .store = s, .in_use = in_use, .arg = arg };
	int tree_fd, r;

	if (s->cas_fd < 0)
		return 0;
	r = store_try_exclusive(s, err);
	if (r < 0)
		return r == -EWOULDBLOCK ? 0 : r;
	r = used_collect(s, &w.used, err);
	if (r >= 0) {
		note(&w, store_each(s->cas_fd, "tmp", sweep_tmp, &w), "tmp");
		note(&w, store_each(s->cas_fd, "blob/sha512", sweep_blobs, &w), "blob");
		note(&w, store_each(s->cas_fd, "blob/sha256", sweep_blobs, &w), "blob");
		note(&w, store_each(s->cas_fd, "imageManifest/sha512", sweep_shard, &w), "imageManifest");
		note(&w, store_each(s->cas_fd, "name", sweep_name, &w), "name");
		if (store_tree_dir(s, &tree_fd, NULL) >= 0)
			note(&w, store_each(tree_fd, ".", sweep_tree, &w), "tree");
		if (w.first)
			r = err_sys(err, w.first, "cannot remove everything that is left over in '%s/cas'", s->path);
	}
	used_clear(&w.used);
	store_unlock_exclusive(s);
	return r;
}
