#include <string.h>

#include "base/human.h"
#include "base/log.h"
#include "stage0/dependencies.h"

/* One run of image gc, while nobody else uses the store. */
struct image_gc {
	const struct engine *engine;
	struct store *store;
	struct pods *pods;
	const struct image_gc_request *request;
	int64_t now;
	struct strset pod_trees;	/* that any pod stands on */
	struct strset kept;		/* keys of images that stay, whenever they were used last */
	struct strset kept_trees;	/* trees whose images do */
	struct image_info *images;	/* by their IDs */
	bool *stay;			/* of each: it does */
	size_t *queue;			/* those whose dependencies are to be looked at */
	size_t n_images, n_queue;
	size_t removed, failed;
};

static void image_gc_clear(struct image_gc *g)
{
	strset_clear(&g->pod_trees);
	strset_clear(&g->kept);
	strset_clear(&g->kept_trees);
	image_infos_free(g->images, g->n_images);
	free(g->stay);
	free(g->queue);
}
static void image_gc_clear_auto(struct image_gc *g) { image_gc_clear(g); }

/* --- what pods need ------------------------------------------------------------- */

enum { NEEDED = POD_MASK(POD_PREPARING) | POD_MASK(POD_PREPARED) | POD_MASK(POD_RUNNING) };

/* What its trees were made of: to make them again, or to add files to them, takes the very same. */
static int keep_for_trees(struct image_gc *g, const struct pod *pod, struct err *err)
{
	AUTO(strset_clear) struct strset trees = {};
	int r = pod_trees(pod, &trees);

	if (r < 0)
		return err_sys(err, r, "cannot tell which trees pod \"%s\" needs", pod->uuid);
	for (size_t i = 0; i < trees.n; i++) {
		AUTO(strv_free) char **layers = NULL;
		AUTO(close) int fd = -1;

		if (store_open_tree(g->store, trees.list[i], &fd, NULL) < 0 || store_tree_layers(fd, &layers, NULL) < 0)
			continue;
		for (char **key = layers; key && *key; key++)
			strset_add(&g->kept, *key);
	}
	return 0;
}

/* The images of a pod's apps, and of its stage1. */
static int keep_for_pod(struct image_gc *g, const struct pod *pod, struct err *err)
{
	AUTO(pod_manifest_clear) struct pod_manifest manifest = {};
	char *tree = pod_tree_id(pod, NULL);
	int r;

	if (tree)
		strset_take(&g->kept_trees, tree);
	/* One that is not made yet names nothing yet, and who makes it has the store's lock. */
	if (pod->state == POD_PREPARING)
		return 0;
	r = pod_read_manifest(pod, &manifest, err);
	if (r < 0)
		return err_wrap(err, r, "cannot tell which images pod \"%s\" needs", pod->uuid);
	for (size_t i = 0; i < manifest.n_apps; i++)
		strset_take(&g->kept, xstrndup(manifest.apps[i].image.id, IMAGE_KEY_LEN));
	return keep_for_trees(g, pod, err);
}

static int look_at_pods(struct image_gc *g, struct err *err)
{
	struct pod *list = NULL;
	size_t n = 0;
	int r;

	r = pods_trees(g->pods, &g->pod_trees);
	if (r < 0)
		return err_sys(err, r, "cannot tell which trees the pods need");
	r = pods_list(g->pods, NEEDED, &list, &n, err);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = keep_for_pod(g, &list[i], err);
	pods_list_free(list, n);
	return r;
}

/* --- trees ------------------------------------------------------------------------ */

static struct image_info *owner_of(struct image_gc *g, const char *tree)
{
	for (size_t i = 0; i < g->n_images; i++)
		if (str_eq(g->images[i].tree, tree))
			return &g->images[i];
	return NULL;
}

static int remove_tree(struct image_gc *g, const char *tree, struct err *err)
{
	struct image_info *owner = owner_of(g, tree);
	int r;

	r = store_remove_tree(g->store, tree, owner, err);
	if (r < 0)
		return r;
	log_info("removed treestore \"%s\"", tree);
	if (owner)
		free(TAKE(owner->tree));
	return 0;
}

/* A tree can be made again of its image, so no pod standing on it is reason enough. */
static int remove_trees(struct image_gc *g, struct err *err)
{
	AUTO(strv_free) char **trees = NULL;
	int r;

	r = store_list_trees(g->store, &trees, err);
	if (r == -EACCES || r == -EPERM)
		return err_set(err, r, "permission denied");
	if (r < 0)
		return r == -ERR_NOT_FOUND ? 0 : r;
	for (char **tree = trees; tree && *tree; tree++) {
		r = strset_has(&g->pod_trees, *tree) ? 0 : remove_tree(g, *tree, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- images ------------------------------------------------------------------------- */

/* A time to come is now: no clock that jumped makes an image old. */
static bool is_old(const struct image_gc *g, const struct image_info *image)
{
	int64_t age = image->last_used > g->now ? 0 : g->now - image->last_used;

	return age >= g->request->grace_ns;
}

static bool stays(struct image_gc *g, const struct image_info *image)
{
	AUTO(free) char *key = xstrndup(image->id, IMAGE_KEY_LEN);

	return !is_old(g, image) || strset_has(&g->kept, key) ||
	       (image->tree && strset_has(&g->kept_trees, image->tree));
}

static int by_id(const void *a, const void *b)
{
	const struct image_info *l = a, *r = b;

	return strcmp(l->id, r->id);
}

static int by_key(const void *key, const void *image)
{
	return strncmp(key, ((const struct image_info *)image)->id, IMAGE_KEY_LEN);
}

static void keep(struct image_gc *g, size_t i)
{
	if (!g->stay[i])
		g->queue[g->n_queue++] = i;
	g->stay[i] = true;
}

/*
 * What an image that stays is made of stays too, as far as it is there. One whose manifest cannot be read, or names
 * more than may be, cannot be used either.
 */
static void keep_dependencies(struct image_gc *g, const struct image_info *image)
{
	AUTO(strset_clear) struct strset keys = {};

	if (!image->depends || dependencies_stored(g->engine, g->store, image, &keys, NULL) < 0)
		return;
	for (size_t i = 0; i < keys.n; i++) {
		const struct image_info *found = bsearch(keys.list[i], g->images, g->n_images, sizeof(*found), by_key);

		if (found)
			keep(g, (size_t)(found - g->images));
	}
}

/* Each image that stays is looked at once. */
static void choose(struct image_gc *g)
{
	g->stay = xcalloc(g->n_images + 1, sizeof(*g->stay));
	g->queue = xcalloc(g->n_images + 1, sizeof(*g->queue));
	for (size_t i = 0; i < g->n_images; i++)
		if (stays(g, &g->images[i]))
			keep(g, i);
	for (size_t i = 0; i < g->n_queue; i++)
		keep_dependencies(g, &g->images[g->queue[i]]);
}

static bool in_use(void *arg, const char *tree)
{
	return strset_has(&((struct image_gc *)arg)->pod_trees, tree);
}

static void remove_image(struct image_gc *g, const struct image_info *image)
{
	AUTO(err_clear) struct err why = {};
	AUTO(free) char *words = NULL;

	if (store_forget(g->store, image, in_use, g, NULL, &why) >= 0) {
		g->removed++;
		g->request->removed(image);
		return;
	}
	g->failed++;
	words = err_text(&why);
	log_info("%s", words);
}

static int remove_images(struct image_gc *g, struct err *err)
{
	choose(g);
	for (size_t i = 0; i < g->n_images; i++)
		if (!g->stay[i])
			remove_image(g, &g->images[i]);
	if (g->removed)
		log_info("%zu image(s) successfully removed", g->removed);
	if (!g->failed)
		return 0;
	log_info("%zu image(s) cannot be removed", g->failed);
	return err_set(err, -ERR_STATE, "error(s) found while removing images");
}

/* --- all of it ------------------------------------------------------------------------ */

static int collect(struct image_gc *g, struct err *err)
{
	AUTO(err_clear) struct err later = {};
	size_t bad = 0;
	int r, swept;

	r = look_at_pods(g, err);
	if (r >= 0)
		r = store_list(g->store, &g->images, &g->n_images, &bad, err);
	if (r < 0)
		return r;
	if (g->n_images)
		qsort(g->images, g->n_images, sizeof(*g->images), by_id);
	r = remove_trees(g, err);
	if (r < 0)
		return r;
	if (bad)
		log_warn("%zu image(s) cannot be read and stay: see rkt fsck", bad);
	r = remove_images(g, err);
	/* Now the blobs that nobody needs any more go, those of images removed here and whatever a crash left. */
	swept = store_sweep(g->store, in_use, g, r < 0 ? &later : err);
	return r < 0 ? r : swept;
}

int images_gc(const struct engine *e, struct store *store, struct pods *pods, const struct image_gc_request *r,
	      struct err *err)
{
	AUTO(image_gc_clear) struct image_gc g = {
		.engine = e, .store = store, .pods = pods, .request = r, .now = time_now(),
	};
	int k;

	k = store_lock_exclusive(store, err);
	if (k < 0)
		return k;
	k = collect(&g, err);
	store_unlock_exclusive(store);
	return k;
}
