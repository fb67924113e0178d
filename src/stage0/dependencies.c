#include "stage0/dependencies.h"

#include <string.h>

#include "base/log.h"
#include "spec/limits.h"
#include "stage0/image.h"

/* What all images that an image is made of may have in their path whitelists, in bytes as a manifest has them. */
enum { WHITELISTS_MAX_BYTES = MANIFEST_MAX_BYTES };

/* One image of the graph that is being looked at, and how we came there. */
struct visit {
	const struct visit *parent;
	const struct image_info *image;
	size_t outer;			/* the layer of the outermost image on this way that has a whitelist (from 1) */
	int64_t depth;
};

struct walk {
	const struct engine *e;
	struct store *store;
	enum pull_policy policy;
	/* Gets the image of a dependency, stored already or not. */
	int (*find)(struct walk *w, const struct dependency *d, struct image_info *ret, struct err *err);
	char *const *among;		/* keys of the images that are meant; NULL: any */
	bool last_first;		/* the order in which dependencies are visited */
	char **seen;			/* IDs that were walked, where no layers are noted */
	struct tree_layer *layers;
	size_t n, whitelists_bytes;
};

/* --- one dependency ------------------------------------------------------------- */

static bool is_among(void *arg, const struct image_info *image)
{
	const struct walk *w = arg;
	AUTO(free) char *key = xstrndup(image->id, IMAGE_KEY_LEN);

	return strv_has(w->among, key);
}

static int find_name(struct walk *w, const char *name, const struct label *labels, size_t n, struct image_info *ret,
		     struct err *err)
{
	int r;

	if (!w->among)
		return image_find_name(w->e, w->store, name, labels, n, ret, err);
	r = store_find_name(w->store, name, labels, n, is_among, w, ret, err);
	return r < 0 ? r : image_check_verified(w->e, ret, err);
}

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
		r = find_name(w, d->image_name, labels, n, ret, err);
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

static int count_whitelist(struct walk *w, const struct visit *v, char *const *paths, struct err *err)
{
	for (size_t i = 0; i < strv_len(paths); i++)
		w->whitelists_bytes += strlen(paths[i]) + strlen("\"\",");
	if (w->whitelists_bytes > WHITELISTS_MAX_BYTES)
		return err_set(err, -E2BIG, "the path whitelists of image \"%s\" and those before it have more than %d bytes",
			       v->image->name, WHITELISTS_MAX_BYTES);
	return 0;
}

/* Takes the whitelist out of m, unless an earlier layer of this image has it. */
static int note_layer(struct walk *w, const struct visit *v, struct image_manifest *m, struct err *err)
{
	struct tree_layer l = { .outer_whitelist = v->outer };

	if ((int64_t)w->n == limits()->dependencies)
		return limit_refuse(err, &limits()->dependencies, "there are more dependencies than");
	l.key = xstrndup(v->image->id, IMAGE_KEY_LEN);
	if (strv_len(m->path_whitelist)) {
		while (l.whitelist < w->n && !str_eq(w->layers[l.whitelist].key, l.key))
			l.whitelist++;
		if (l.whitelist++ == w->n)
			l.paths = TAKE(m->path_whitelist);
	}
	w->layers = xreallocarray(w->layers, w->n + 1, sizeof(*w->layers));
	w->layers[w->n++] = l;
	return count_whitelist(w, v, l.paths, err);
}

/*
 * Would visiting it add nothing? Files that were looked at by the same lists are there already, or hidden, and so
 * are those of its own dependencies.
 */
static bool is_seen(const struct walk *w, const struct visit *v)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->layers[i].outer_whitelist == v->outer && str_starts(v->image->id, w->layers[i].key))
			return true;
	return strv_has(w->seen, v->image->id);
}

static bool labels_same(const struct dependency *a, const struct dependency *b)
{
	for (size_t i = 0; i < a->n_labels && i < b->n_labels; i++)
		if (!str_eq(a->labels[i].name, b->labels[i].name) || !str_eq(a->labels[i].value, b->labels[i].value))
			return false;
	return a->n_labels == b->n_labels;
}

static bool is_same(const struct dependency *a, const struct dependency *b)
{
	return str_eq(a->image_name, b->image_name) && str_eq(a->image_id, b->image_id) && a->size == b->size &&
	       labels_same(a, b);
}

/* Those of an image in the order in which they are visited, each once. The rest of m goes. */
struct named {
	struct image_manifest m;
	const struct dependency **list;
	size_t n;
};

static void named_clear(struct named *l)
{
	free(l->list);
	image_manifest_clear(&l->m);
}
static inline void named_clear_auto(struct named *l) { named_clear(l); }

static void add_named(struct named *l, const struct dependency *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_same(l->list[i], d))
			return;
	l->list[l->n++] = d;
}

static int name_dependencies(const struct image_info *image, struct image_manifest *m, bool last_first,
			     struct named *ret, struct err *err)
{
	size_t n = m->n_dependencies;

	if ((int64_t)n > limits()->dependencies)
		return limit_refuse(err, &limits()->dependencies, "image \"%s\" names more dependencies than", image->name);
	/* On a long way down one such list for each image is held, and nothing else of their manifests. */
	*ret = (struct named){ .m = { .dependencies = TAKE(m->dependencies), .n_dependencies = n } };
	m->n_dependencies = 0;
	ret->list = xcalloc(n + 1, sizeof(*ret->list));
	for (size_t i = 0; i < n; i++)
		add_named(ret, &ret->m.dependencies[last_first ? n - 1 - i : i]);
	return 0;
}

/* What visiting one image needs to know of its manifest. */
static int look_at(struct walk *w, const struct visit *v, struct named *ret, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	int r;

	r = store_read_manifest(w->store, v->image, &m, err);
	if (r >= 0 && w->last_first)
		r = note_layer(w, v, &m, err);
	return r < 0 ? r : name_dependencies(v->image, &m, w->last_first, ret, err);
}

static int visit(struct walk *w, const struct visit *v, struct err *err);

static int visit_dependency(struct walk *w, const struct visit *from, const struct dependency *d, size_t outer,
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
	AUTO(named_clear) struct named named = {};
	size_t outer = v->outer;
	int r = check_way(v, err);

	if (r < 0 || is_seen(w, v))
		return r;
	r = look_at(w, v, &named, err);
	if (r >= 0 && w->last_first && !outer)
		outer = w->layers[w->n - 1].whitelist;
	for (size_t i = 0; r >= 0 && i < named.n; i++)
		r = visit_dependency(w, v, named.list[i], outer, err);
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

int dependencies_layers(const struct engine *e, struct store *store, const struct image_info *top, char *const *among,
			struct tree_layer **ret, size_t *ret_n, struct err *err)
{
	struct walk w = { .e = e, .store = store, .find = find_stored, .among = among, .last_first = true };
	int r = top->depends ? walk(&w, top, err) : 0;

	if (r < 0) {
		tree_layers_free(w.layers, w.n);
		return r;
	}
	*ret = w.layers;
	*ret_n = w.n;
	return 0;
}

/* --- what is stored of them ------------------------------------------------------ */

static void add_stored(struct walk *w, const struct dependency *d, struct strset *keys)
{
	AUTO(image_info_clear) struct image_info image = {};

	if (find_stored(w, d, &image, NULL) >= 0)
		strset_take(keys, xstrndup(image.id, IMAGE_KEY_LEN));
}

int dependencies_stored(const struct engine *e, struct store *store, const struct image_info *image,
			struct strset *ret, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	AUTO(named_clear) struct named named = {};
	struct engine strict = *e, any = *e;
	struct walk verified = { .e = &strict, .store = store }, newest = { .e = &any, .store = store };
	int r;

	strict.insecure &= ~(unsigned)INSECURE_IMAGE;
	any.insecure |= INSECURE_IMAGE;
	r = store_read_manifest(store, image, &m, err);
	if (r >= 0)
		r = name_dependencies(image, &m, false, &named, err);
	for (size_t i = 0; r >= 0 && i < named.n; i++) {
		add_stored(&verified, named.list[i], ret);
		add_stored(&newest, named.list[i], ret);
	}
	return r;
}
