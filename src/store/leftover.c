#include "store/leftover.h"

#include <fcntl.h>
#include <string.h>

#include "base/crash.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "store/partial.h"
#include "store/temp.h"
#include "store/vouch.h"

/* One directory of the store on the way. */
struct visit {
	const struct leftover_search *search;
	const struct kind *kind;
	const char *path;	/* below the data directory */
	bool inhabited;		/* something is, or was, in it */
};

static int report(struct visit *v, int dir_fd, const char *name, const char *why, bool tree)
{
	AUTO(free) char *path = xasprintf("%s/%s", v->path, name);
	const struct leftover l = { .path = path, .why = why, .dir_fd = dir_fd, .name = name, .tree = tree };

	return v->search->found(v->search->found_arg, &l);
}

/* --- whose it is: NULL, or why it is nobody's -------------------------------------- */

static const char *why_temporary(const struct visit *v, int dir_fd, const char *name)
{
	return temp_abandoned(dir_fd, name) ? "nobody is working on it" : NULL;
}

static const char *why_facts(const struct visit *v, int dir_fd, const char *name)
{
	return store_key_valid(name) ? NULL : "it is not the store's";
}

/* "blob/sha512/ab" is for keys that begin so. */
static bool is_in_place(const struct visit *v, const char *name)
{
	return strncmp(path_last(v->path), name + strlen("sha512-"), 2) == 0;
}

static const char *why_blob(const struct visit *v, int dir_fd, const char *name)
{
	struct used *used = v->search->used;

	if (!store_blob_valid(name) || !is_in_place(v, name))
		return "it is not the store's";
	return used->unknown || strset_has(&used->blobs, name) ? NULL : "no image consists of it";
}

static const char *why_manifest(const struct visit *v, int dir_fd, const char *name)
{
	struct used *used = v->search->used;

	if (!store_key_valid(name) || !is_in_place(v, name))
		return "it is not the store's";
	return used->unknown || strset_has(&used->keys, name) ? NULL : "no image has this manifest";
}

static const char *why_name(const struct visit *v, int dir_fd, const char *name)
{
	struct used *used = v->search->used;
	AUTO(free) char *link = xasprintf("%s/%s", path_last(v->path), name);

	if (!store_key_valid(name))
		return "it is not the store's";
	return used->unknown || strset_has(&used->names, link) ? NULL : "no image is called so";
}

/* --- the way through cas ------------------------------------------------------------ */

static const struct kind {
	const char *path;
	enum { FLAT, SHARDED, NAMED } shape;	/* NAMED: each directory goes with its last entry */
	const char *(*why)(const struct visit *v, int dir_fd, const char *name);
} kinds[] = {
	{ "tmp", FLAT, why_temporary },
	{ "image", FLAT, why_facts },
	{ "blob/sha512", SHARDED, why_blob },
	{ "blob/sha256", SHARDED, why_blob },
	{ "imageManifest/sha512", SHARDED, why_manifest },
	{ "name", NAMED, why_name },
};

static int look_at_download(void *arg, int dir_fd, const char *name)
{
	return report(arg, dir_fd, name, "no download can go on with it", false);
}

static int look_at_downloads(struct visit *v, int dir_fd, const char *name)
{
	AUTO(free) char *path = xasprintf("%s/%s", v->path, name);
	struct visit below = { .search = v->search, .kind = v->kind, .path = path };
	int r = partial_leftovers(dir_fd, name, look_at_download, &below);

	return r > 0 ? report(v, dir_fd, name, "it has no downloads", false) : r;
}

static int look_at_file(void *arg, int dir_fd, const char *name)
{
	struct visit *v = arg;
	const char *why;

	v->inhabited = true;
	if (v->kind->why == why_temporary && partial_dir_valid(name))
		return look_at_downloads(v, dir_fd, name);
	why = v->kind->why(v, dir_fd, name);
	return why ? report(v, dir_fd, name, why, false) : 0;
}

static int look_at_directory(void *arg, int dir_fd, const char *name)
{
	struct visit *v = arg;
	AUTO(free) char *path = xasprintf("%s/%s", v->path, name);
	struct visit below = { .search = v->search, .kind = v->kind, .path = path };
	int r;

	r = store_each(dir_fd, name, look_at_file, &below);
	if (r == -ENOTDIR || r == -ELOOP)
		return report(v, dir_fd, name, "it is not the store's", false);
	if (r < 0 || v->kind->shape != NAMED)
		return r;
	if (!below.inhabited)
		return report(v, dir_fd, name, "no image is called so", false);
	/* Empty now only where the last entry was found, and then taken away. */
	(void)unlinkat(dir_fd, name, AT_REMOVEDIR);
	return 0;
}

static bool has_pod(const struct visit *v, const char *tree)
{
	return v->search->in_use && v->search->in_use(v->search->in_use_arg, tree);
}

static int look_at_tree(void *arg, int dir_fd, const char *name)
{
	struct visit *v = arg;
	struct used *used = v->search->used;
	const char *replaced = store_tree_replaced(name);

	if (str_eq(name, BACKEND_FILE))
		return 0;
	if (replaced)
		return has_pod(v, replaced) ? 0 : report(v, dir_fd, name, "another is in its place, and no pod has it", false);
	if (!store_tree_valid(name))
		return temp_abandoned(dir_fd, name) ? report(v, dir_fd, name, "nobody is working on it", false) : 0;
	if (used->unknown || strset_has(&used->trees, name) || has_pod(v, name))
		return 0;
	return report(v, dir_fd, name, "no image and no pod has it", true);
}

/* Root's word goes before the image does: without one it was meant for what is gone. */
static int look_at_vouched(void *arg, int dir_fd, const char *name)
{
	struct visit *v = arg;
	struct used *used = v->search->used;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *key = vouch_key(name);

	if (!key)
		return report(v, dir_fd, name, "it is not the store's", false);
	if (str_eq(name, key) && vouch_load(v->search->store, key, &info, NULL) == -ERR_BAD_INPUT)
		return report(v, dir_fd, name, "it makes no sense", false);
	if (used->unknown || strset_has(&used->keys, key))
		return 0;
	return report(v, dir_fd, name, "no image has it", false);
}

static void note(struct store *s, const char *path, int r, int *first, struct err *err)
{
	if (r >= 0 || *first)
		return;
	*first = err_sys(err, r, "cannot look through '%s/%s'", s->path, path);
}

int leftover_find(const struct leftover_search *search, struct err *err)
{
	struct store *s = search->store;
	struct visit trees = { .search = search, .path = "cas/tree" };
	struct visit vouched = { .search = search, .path = "vouched" };
	int tree_fd, first = 0, r;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(free) char *path = xasprintf("cas/%s", kinds[i].path);
		struct visit v = { .search = search, .kind = &kinds[i], .path = path };

		r = store_each(s->cas_fd, kinds[i].path, v.kind->shape == FLAT ? look_at_file : look_at_directory, &v);
		note(s, v.path, r, &first, err);
	}
	note(s, vouched.path, vouch_each(s, look_at_vouched, &vouched), &first, err);
	/* Others than root have none that they may look at. */
	if (store_tree_dir(s, &tree_fd, NULL) >= 0)
		note(s, trees.path, store_each(tree_fd, ".", look_at_tree, &trees), &first, err);
	return first;
}

/* --- taking it away ------------------------------------------------------------------- */

int tree_drop(struct store *s, const char *tree, struct err *err)
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

int leftover_remove(struct store *s, const struct leftover *l)
{
	return l->tree ? tree_drop(s, l->name, NULL) : tree_remove(l->dir_fd, l->name);
}

struct sweep {
	struct store *store;
	int first;		/* failure; the sweep goes on over it */
};

static int sweep_one(void *arg, const struct leftover *l)
{
	struct sweep *w = arg;
	int r = leftover_remove(w->store, l);

	if (r < 0)
		log_debug("cannot remove '%s/%s': %s", w->store->path, l->path, err_name(r));
	if (r < 0 && !w->first)
		w->first = r;
	return 0;
}

int store_sweep(struct store *s, bool (*in_use)(void *arg, const char *tree), void *arg, struct err *err)
{
	AUTO(used_clear) struct used used = {};
	struct sweep w = { .store = s };
	const struct leftover_search search = {
		.store = s, .used = &used, .in_use = in_use, .in_use_arg = arg, .found = sweep_one, .found_arg = &w,
	};
	int r;

	if (s->cas_fd < 0)
		return 0;
	r = store_try_exclusive(s, err);
	if (r < 0)
		return r == -EWOULDBLOCK ? 0 : r;
	r = used_collect(s, &used, err);
	if (r >= 0)
		r = leftover_find(&search, err);
	if (r >= 0 && w.first)
		r = err_sys(err, w.first, "cannot remove everything that is left over in '%s/cas'", s->path);
	store_unlock_exclusive(s);
	return r;
}
