#include "stage0/tree.h"

#include <unistd.h>

#include "image/helper.h"
#include "stage0/dependencies.h"

/* --- of an image --------------------------------------------------------------- */

/* Everything about one tree that is wanted. */
struct wanted {
	const struct tree_need *need;
	struct image_info *info;
	struct tree_layer *layers; size_t n;
};

static int need_unpack(const struct tree_need *need, struct err *err)
{
	return *need->unpack_fd >= 0 ? 0 : helper_open(need->e->libexec_dir, "rkt-unpack", need->unpack_fd, err);
}

/* 1: it was not root's word yet what the image is. */
static int vouch(const struct tree_need *need, struct image_info *info, struct err *err)
{
	int r;

	if (geteuid() || info->vouched || info->format)
		return 0;
	r = need_unpack(need, err);
	if (r >= 0)
		r = store_vouch(need->store, *need->unpack_fd, info, err);
	return r < 0 ? r : 1;
}

static int vouch_for_layers(const struct tree_need *need, const struct tree_layer *layers, size_t n, struct err *err)
{
	int changed = 0;

	for (size_t i = 0; i < n; i++) {
		AUTO(image_info_clear) struct image_info info = {};
		int r = store_find_id(need->store, layers[i].key, &info, err);

		if (r >= 0)
			r = vouch(need, &info, err);
		if (r < 0)
			return r;
		changed |= r;
	}
	return changed;
}

int tree_layers(const struct tree_need *need, struct image_info *info, struct tree_layer **ret, size_t *ret_n,
		struct err *err)
{
	struct tree_layer *layers = NULL;
	size_t n = 0;
	int r = vouch(need, info, err);

	/* What an archive says may lead to other dependencies than what was said of it. */
	while (r >= 0) {
		r = dependencies_layers(need->e, need->store, info, need->among, &layers, &n, err);
		if (r < 0)
			return r;
		r = vouch_for_layers(need, layers, n, err);
		if (!r) {
			*ret = layers;
			*ret_n = n;
			return 0;
		}
		tree_layers_free(layers, n);
	}
	return r;
}

static bool fits(const struct tree_need *need, int tree_fd)
{
	bool sealed;

	if (!store_tree_is_mounted(tree_fd, &sealed))
		return true;
	return store_backend(need->store) != TREE_FILES && (sealed || !need->for_stage1);
}

static int render(const struct wanted *w, int *ret_fd, struct err *err)
{
	const struct tree_need *need = w->need;
	int r = need_unpack(need, err);

	if (r >= 0)
		r = store_render(need->store, *need->unpack_fd, w->info, w->layers, w->n, err);
	return r < 0 ? r : store_open_image_tree(need->store, w->info, ret_fd, err);
}

static int add_files(const struct wanted *w, struct err *err)
{
	const struct tree_need *need = w->need;
	int r = need_unpack(need, err);

	return r < 0 ? r : store_add_files(need->store, *need->unpack_fd, w->info, w->layers, w->n, err);
}

static int open_fitting(const struct wanted *w, int *ret_fd, struct err *err)
{
	const struct tree_need *need = w->need;
	AUTO(close) int fd = -1;
	int r = store_open_image_tree(need->store, w->info, &fd, NULL);

	if (r < 0 || (w->layers && !store_tree_is_of(fd, w->layers, w->n))) {
		close_auto(&fd);
		fd = -1;
		free(TAKE(w->info->tree));	/* not this image's, or no more: it stays as it is */
		r = render(w, &fd, err);
	}
	if (r >= 0 && !fits(need, fd))
		r = add_files(w, err);
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

static int verify(const struct wanted *w, int tree_fd, struct err *err)
{
	const struct tree_need *need = w->need;
	int r = need_unpack(need, err);

	return r < 0 ? r : store_verify_tree(need->store, *need->unpack_fd, w->info, w->layers, w->n, tree_fd, err);
}

int tree_obtain(const struct tree_need *need, struct image_info *info, int *ret_fd, struct tree_layer **ret_layers,
		size_t *ret_n, struct err *err)
{
	struct wanted w = { .need = need, .info = info };
	AUTO(close) int fd = -1;
	int r;

	r = tree_layers(need, info, &w.layers, &w.n, err);
	if (r < 0)
		return r;
	r = open_fitting(&w, &fd, err);
	if (r >= 0 && need->verify)
		r = verify(&w, fd, err);
	if (r >= 0) {
		*ret_layers = TAKE(w.layers);
		*ret_n = w.n;
		*ret_fd = TAKE_FD(fd);
	} else {
		tree_layers_free(w.layers, w.n);
	}
	return r;
}

/* --- of a pod ------------------------------------------------------------------ */

/* info: with this very tree. */
static int find_owner(const struct tree_need *need, int tree_fd, const char *tree, struct image_info *ret,
		      struct err *err)
{
	AUTO(free) char *key = NULL;
	int r;

	r = store_tree_image(tree_fd, &key, err);
	if (r >= 0)
		r = store_find_id(need->store, key, ret, err);
	if (r == -ERR_NOT_FOUND)
		return err_set(err, r, "image \"%s\" is not stored any more", key);
	if (r < 0)
		return r;
	free(ret->tree);
	ret->tree = xstrdup(tree);
	return 0;
}

int tree_check(const struct tree_need *need, const char *tree, struct err *err)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(strv_free) char **made_of = NULL;
	struct tree_need then = *need;
	struct wanted w = { .need = &then, .info = &info };
	AUTO(close) int fd = -1;
	int r;

	r = store_open_tree(need->store, tree, &fd, err);
	if (r < 0 || (!need->verify && fits(need, fd)))
		return r;
	r = find_owner(need, fd, tree, &info, err);
	if (r >= 0)
		r = store_tree_layers(fd, &made_of, err);
	/* What it depends on may have been fetched anew since. */
	then.among = made_of;
	if (r >= 0)
		r = tree_layers(&then, &info, &w.layers, &w.n, err);
	if (r >= 0 && !fits(need, fd))
		r = add_files(&w, err);
	if (r >= 0 && need->verify)
		r = verify(&w, fd, err);
	tree_layers_free(w.layers, w.n);
	return r;
}

int pod_check_trees(const struct engine *e, const struct pod *pod, const struct run_request *r, struct err *err)
{
	AUTO(close) int unpack_fd = -1;
	AUTO(store_close) struct store *store = NULL;
	AUTO(strset_clear) struct strset trees = {};
	AUTO(free) char *stage1 = pod_tree_id(pod, NULL);
	struct tree_need need = { .e = e, .unpack_fd = &unpack_fd, .verify = r->verify_ondisk };
	int ret;

	ret = pod_trees(pod, &trees);
	if (ret < 0)
		return err_sys(err, ret, "cannot list the trees of pod \"%s\"", pod->uuid);
	ret = store_open(e->data_dir, STORE_WRITE, &store, err);
	need.store = store;
	if (ret >= 0)
		ret = store_use(store, err);
	for (size_t i = 0; i < trees.n && ret >= 0; i++) {
		need.for_stage1 = str_eq(trees.list[i], stage1);
		ret = tree_check(&need, trees.list[i], err);
	}
	return ret;
}
