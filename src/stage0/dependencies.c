#include "stage0/dependencies.h"

#include <string.h>

#include "base/log.h"
#include "spec/limits.h"
#include "stage0/image.h"

/* One image of the graph that is being looked at, and how we came there. */
struct visit {
	const struct visit *parent;
	const struct image_info *image;
	char *const *outer;		/* the whitelist of the outermost image on this way that has one */
	int64_t depth;
};

struct walk {
	const struct engine *e;
	struct store *store;
	enum pull_policy policy;
	/* Gets the image of a dependency, stored already or not. */
	int (*find)(struct walk *w, const struct dependency *d, struct image_info *ret, struct err *err);
	bool last_first;		/* the order in which dependencies are visited */
	char **seen;			/* IDs that were walked (only where visiting one twice gives nothing) */
	struct tree_layer *layers;
	size_t n;
};

/* --- one dependency ------------------------------------------------------------- */

static int find_stored(struct walk *w, const struct dependency *d, struct image_info *ret, struct err *err)
{
	struct label *labels;
	size_t n = d->n_labels;
	int r;

	if (d->image_id) {
		r = store_find_id(w->store, d->image_id, ret, err);
		return r < 0 ? r : image_check_verified(w->e, ret, err);
	}
	labels = labels_copy(d->labels, d->n_labels);
	r = reference_default_labels(&labels, &n, err);
	if (r >= 0)
		r = image_find_name(w->e, w->store, d->image_name, labels, n, ret, err);
	labels_free(labels, n);
	return r;
}

/* By its ID if that is stored and may be used; else as anybody would ask for that name. */
static int obtain(struct walk *w, const struct dependency *d, struct image_info *ret, struct err *err)
{
	AUTO(free) char *text = app_string_format(d->image_name, d->labels, d->n_labels);

	if (d->image_id && find_stored(w, d, ret, NULL) >= 0)
		return 0;
	return image_obtain_one(w->e, w->store, text, NULL, w->policy, ret, err);
}

static int check(const struct dependency *d, const struct image_info *image, struct err *err)
{
	if (d->image_id && !str_starts(image->id, d->image_id))
		return err_set(err, -ERR_BAD_INPUT, "image hash does not match expected (%s != %s)", image->id,
			       d->image_id);
	if (!str_eq(image->name, d->image_name))
		return err_set(err, -ERR_BAD_INPUT, "the image with that ID is called \"%s\"", image->name);
	if (image->format)
		return err_set(err, -ERR_BAD_INPUT, "the image of that name is no ACI");
	/* Makers write the size of the file that they published, compressed or not. */
	if (d->size && d->size != image->size && image->download_size && d->size != image->download_size)
		return err_set(err, -ERR_BAD_INPUT, "it has %lld bytes (%lld as it came) rather than %lld",
			       (long long)image->size, (long long)image->download_size, (long long)d->size);
	return 0;
}

/* --- the graph --------------------------------------------------------------------- */

static int check_way(const struct visit *v, struct err *err)
{
	for (const struct visit *up = v->parent; up; up = up->parent)
		if (str_eq(up->image->id, v->image->id))
			return err_set(err, -ELOOP, "image \"%s\" depends on itself", v->image->name);
	if (v->depth > limits()->dependency_depth)
		return limit_refuse(err, &limits()->dependency_depth, "the dependencies are deeper, at image \"%s\", than",
				    v->image->name);
	return 0;
}

static int note_layer(struct walk *w, const struct visit *v, char *const *own, struct err *err)
{
	struct tree_layer *l;

	if ((int64_t)w->n == limits()->dependencies)
		return limit_refuse(err, &limits()->dependencies, "there are more dependencies than");
	w->layers = xreallocarray(w->layers, w->n + 1, sizeof(*w->layers));
	l = &w->layers[w->n++];
	*l = (struct tree_layer){
		.key = xstrndup(v->image->id, IMAGE_KEY_LEN), .whitelist = strv_copy(own),
		.outer_whitelist = strv_copy(v->outer),
	};
	return 0;
}

static int visit(struct walk *w, const struct visit *v, struct err *err);

static int visit_dependency(struct walk *w, const struct visit *from, const struct dependency *d, char *const *outer,
			    struct err *err)
{
	AUTO(image_info_clear) struct image_info image = {};
	struct visit v = { .parent = from, .image = &image, .outer = outer, .depth = from->depth + 1 };
	int r = w->find(w, d, &image, err);

	if (r >= 0)
		r = check(d, &image, err);
	if (r < 0)
		return err_wrap(err, r, "dependency \"%s\" of image \"%s\"", d->image_name, from->image->name);
	return visit(w, &v, err);
}

static int visit(struct walk *w, const struct visit *v, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	char *const *outer;
	int r = check_way(v, err);

	if (r < 0 || strv_has(w->seen, v->image->id))
		return r;
	r = store_read_manifest(w->store, v->image, &m, err);
	if (r >= 0 && w->last_first)
		r = note_layer(w, v, strv_len(m.path_whitelist) ? m.path_whitelist : NULL, err);
	outer = v->outer ?: strv_len(m.path_whitelist) ? m.path_whitelist : NULL;
	for (size_t i = 0; r >= 0 && i < m.n_dependencies; i++)
		r = visit_dependency(w, v, &m.dependencies[w->last_first ? m.n_dependencies - 1 - i : i], outer, err);
	if (r >= 0 && !w->last_first)
		strv_add(&w->seen, v->image->id);
	return r;
}

static int walk(struct walk *w, const struct image_info *top, struct err *err)
{
	struct visit v = { .image = top };
	int r = visit(w, &v, err);

	strv_free(w->seen);
	return r;
}

int dependencies_obtain(const struct engine *e, struct store *store, const struct image_info *top,
			enum pull_policy policy, struct err *err)
{
	struct walk w = { .e = e, .store = store, .policy = policy, .find = obtain };

	return top->depends ? walk(&w, top, err) : 0;
}

int dependencies_layers(const struct engine *e, struct store *store, const struct image_info *top,
			struct tree_layer **ret, size_t *ret_n, struct err *err)
{
	struct walk w = { .e = e, .store = store, .find = find_stored, .last_first = true };
	int r = top->depends ? walk(&w, top, err) : 0;

	if (r < 0) {
		tree_layers_free(w.layers, w.n);
		return r;
	}
	*ret = w.layers;
	*ret_n = w.n;
	return 0;
}
