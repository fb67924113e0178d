#include "store/compose.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"
#include "store/digest.h"
#include "store/layout.h"
#include "unpack/op.h"
#include "unpack/window.h"

enum { HASHERS_MAX = 8 };

/* One blob. */
struct part {
	const struct compose_layer *layer;
	char *const *whitelist, *const *outer_whitelist;
	int fd;
	int64_t size;
	char name[HASH_NAME_MAX + 1];	/* its hash; "": was not asked for */
	struct err err;			/* of hashing it */
	int r;
};

/* Threads that hash the blobs while the files are put together; the largest are begun first. */
struct hashers {
	struct part **queue;
	size_t n;
	atomic_size_t next;
	pthread_t threads[HASHERS_MAX];
	size_t n_threads;
};

/* --- hashing -------------------------------------------------------------------- */

static enum hash_kind kind_of(const char *key)
{
	return str_starts(key, "sha512-") ? HASH_SHA512 : HASH_SHA256;
}

static int hash_part(struct part *p, struct err *err)
{
	AUTO(hash_free) struct hash *hash = hash_new(kind_of(p->layer->key));
	AUTO(window_close) struct window w = {};
	const void *piece;
	size_t len;
	int r;

	r = window_open(p->fd, &w, err);
	if (r < 0)
		return r;
	do {
		r = window_next(&w, &piece, &len, err);
		if (r < 0)
			return r;
		r = len ? hash_add(hash, piece, len) : hash_end(hash, p->name);
		if (r < 0)
			return err_sys(err, r, "cannot hash");
	} while (len);
	if (!str_starts(p->name, p->layer->key))
		return err_set(err, -ERR_BAD_INPUT, "image hash does not match expected (%s != %s)", p->name,
			       p->layer->key);
	return 0;
}

static void *hash_thread(void *arg)
{
	struct hashers *h = arg;
	size_t i;

	while ((i = atomic_fetch_add(&h->next, 1)) < h->n)
		h->queue[i]->r = hash_part(h->queue[i], &h->queue[i]->err);
	return NULL;
}

static int larger_first(const void *a, const void *b)
{
	const struct part *l = *(struct part *const *)a, *r = *(struct part *const *)b;

	return (l->size < r->size) - (l->size > r->size);
}

static int hashers_start(struct hashers *h, struct part *parts, size_t n, struct err *err)
{
	cpu_set_t cpus;
	size_t want = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;
	int r;

	h->queue = xcalloc(n, sizeof(struct part *));
	for (size_t i = 0; i < n; i++)
		if (!parts[i].layer->hashed)
			h->queue[h->n++] = &parts[i];
	qsort(h->queue, h->n, sizeof(*h->queue), larger_first);
	want = want < HASHERS_MAX ? want : HASHERS_MAX;
	while (h->n_threads < want && h->n_threads < h->n) {
		r = pthread_create(&h->threads[h->n_threads], NULL, hash_thread, h);
		if (r)
			return err_sys(err, -r, "cannot start a thread");
		h->n_threads++;
	}
	return 0;
}

static void hashers_join(struct hashers *h)
{
	for (size_t i = 0; i < h->n_threads; i++)
		pthread_join(h->threads[i], NULL);
	h->n_threads = 0;
}

static void hashers_end_auto(struct hashers *h)
{
	atomic_store(&h->next, h->n);	/* nothing more is begun */
	hashers_join(h);
	free(h->queue);
}

/* --- putting together ------------------------------------------------------------- */

static int next_piece(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	return window_next(arg, ret, ret_len, err);
}

/* Looks on: does a layer take away something of those below it? */
struct watch {
	struct tar_sink inner;
	bool takes_away;
};

static int watch_member(void *arg, const struct member *m, struct err *err)
{
	struct watch *w = arg;

	w->takes_away = w->takes_away || str_starts(path_last(m->path), ".wh.");
	return w->inner.end(w->inner.arg, m, err);
}

/* takes_away: whether it takes away something of lower layers; NULL: that is not asked. */
static int add_part(struct merge *m, const struct part *p, unsigned number, struct tar_result *ret, bool *takes_away,
		    struct err *err)
{
	enum tar_format format = p->layer->oci ? TAR_OCI : TAR_ACI;
	struct merge_layer layer = {
		.format = format, .archive = number, .below = format == TAR_ACI && number,
		.whitelist = p->whitelist, .outer_whitelist = p->outer_whitelist,
	};
	AUTO(window_close) struct window w = {};
	struct tar_source source = { next_piece, &w, format };
	struct watch watch = { .inner = merge_begin(m, &layer) };
	struct tar_sink watching = { .end = watch_member, .arg = &watch };
	int r;

	r = window_open(p->fd, &w, err);
	if (r >= 0)
		r = tar_read(&source, takes_away ? &watching : &watch.inner, ret, err);
	if (takes_away)
		*takes_away = watch.takes_away;
	return r;
}

/* Of the first archive also the manifest, if it has one. */
static int add_parts(struct merge *m, const struct part *parts, size_t n, struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		struct tar_result result = {};
		AUTO(free) char *manifest = NULL;
		int r;

		r = add_part(m, &parts[i], i, &result, NULL, err);
		manifest = result.manifest;
		if (r < 0)
			return n > 1 ? err_wrap(err, r, "blob '%s'", parts[i].layer->key) : r;
		if (!i && manifest) {
			r = fd_write_all(UNPACK_FD_MANIFEST, manifest, result.manifest_len);
			if (r < 0)
				return err_sys(err, r, "cannot write the manifest");
		}
	}
	return 0;
}

/* A blob that is not its key's is the reason for whatever else is wrong. */
static int judge(struct part *parts, size_t n, int r, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (parts[i].r >= 0)
			continue;
		if (err) {
			err_clear(err);
			err->chain = TAKE(parts[i].err.chain);
		}
		return n > 1 ? err_wrap(err, parts[i].r, "blob '%s'", parts[i].layer->key) : parts[i].r;
	}
	return r;
}

/* --- the request ------------------------------------------------------------------ */

size_t compose_blobs(void)
{
	int fd = UNPACK_FD_LAYERS;

	while (fcntl(fd, F_GETFD) >= 0)
		fd++;
	return (size_t)(fd - UNPACK_FD_LAYERS);
}

static bool names_layer(const struct compose_request *request, int64_t number)
{
	return number >= 0 && number <= (int64_t)request->n_layers;
}

static int check_layer(const struct compose_request *request, const struct compose_layer *layer, struct err *err)
{
	if (!store_blob_valid(layer->key))
		return err_set(err, -EINVAL, "'%s' is no blob's name", layer->key);
	if (layer->oci != request->layers[0].oci)
		return err_set(err, -EINVAL, "an image is either an ACI or an OCI image");
	if (!names_layer(request, layer->whitelist) || !names_layer(request, layer->outer_whitelist))
		return err_set(err, -EINVAL, "the list of '%s' is no layer's", layer->key);
	return 0;
}

static int read_request(struct compose_request *ret, struct err *err)
{
	AUTO(compose_request_clear) struct compose_request request = {};
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = fd_read_file(UNPACK_FD_REQUEST, JSON_MAX_BYTES, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read the request");
	r = json_decode_text(text, len, compose_request_fields, &request, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read the request");
	if (!request.n_layers || request.n_layers > compose_blobs())
		return err_set(err, -EINVAL, "the request does not fit the blobs that came with it");
	for (size_t i = 0; i < request.n_layers; i++) {
		r = check_layer(&request, &request.layers[i], err);
		if (r < 0)
			return r;
	}
	*ret = request;
	request = (struct compose_request){};
	return 0;
}

static int tree_name(const struct compose_request *request, char **ret, struct err *err)
{
	AUTO(buf_clear) struct buf keys = {};

	for (size_t i = 0; i < request->n_layers; i++)
		buf_addf(&keys, "%s%s", i ? "," : "", request->layers[i].key);
	return digest_tree_name(request->name ?: keys.data, ret, err);
}

/* Of the last layer alone, m being all of them. */
static int make_layer_aci(const struct compose_request *request, struct merge *m, const struct part *parts, size_t n,
			  const struct archives *archives, struct unpack_reply *reply, struct err *err)
{
	AUTO(merge_free) struct merge *top = merge_new();
	struct tar_result result = {};
	bool takes_away = false;
	int r = add_part(top, &parts[n - 1], (unsigned)n - 1, &result, &takes_away, err);

	if (r < 0)
		return err_wrap(err, r, "blob '%s' alone", parts[n - 1].layer->key);
	merge_finish(top);
	merge_finish(m);
	return output_layer_aci(top, m, takes_away, archives, request->manifest, &reply->id, err);
}

static int make_aci(const struct compose_request *request, struct merge *m, const struct part *parts, size_t n,
		    const struct archives *archives, struct unpack_reply *reply, struct err *err)
{
	int r;

	if (request->top)
		return make_layer_aci(request, m, parts, n, archives, reply, err);
	r = request->dev_links ? add_dev_links(m, err) : 0;
	if (r < 0)
		return r;
	merge_finish(m);
	r = request->dev_links ? check_dev(m, err) : 0;
	return r < 0 ? r : output_aci(m, archives, request->manifest, &reply->id, err);
}

static int make(unsigned flags, struct merge *m, const struct archives *archives, struct unpack_reply *reply,
		struct err *err)
{
	merge_finish(m);
	return output(flags, m, archives, reply, err);
}

static int put_together(unsigned flags, const struct compose_request *request, struct part *parts,
			struct unpack_reply *reply, struct err *err)
{
	size_t n = request->n_layers;
	AUTO(merge_free) struct merge *m = merge_new();
	AUTO(hashers_end) struct hashers hashers = {};
	AUTO(free) int *fds = xcalloc(n, sizeof(*fds));
	AUTO(free) int64_t *sizes = xcalloc(n, sizeof(*sizes));
	struct archives archives = { .fds = fds, .sizes = sizes, .n = n };
	int r;

	r = hashers_start(&hashers, parts, n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		fds[i] = parts[i].fd;
		sizes[i] = parts[i].size;
	}
	r = add_parts(m, parts, n, err);
	if (r >= 0)
		r = flags & WITH_ACI ? make_aci(request, m, parts, n, &archives, reply, err)
				     : make(flags, m, &archives, reply, err);
	hashers_join(&hashers);
	return judge(parts, n, r, err);
}

static char *const *paths_of(const struct compose_request *request, int64_t number)
{
	return number ? request->layers[number - 1].paths : NULL;
}

static int open_part(const struct compose_request *request, size_t i, struct part *ret, struct err *err)
{
	const struct compose_layer *layer = &request->layers[i];
	struct window w;
	int r;

	*ret = (struct part){
		.layer = layer, .fd = UNPACK_FD_LAYERS + (int)i, .whitelist = paths_of(request, layer->whitelist),
		.outer_whitelist = paths_of(request, layer->outer_whitelist),
	};
	r = window_open(ret->fd, &w, err);
	if (r >= 0)
		ret->size = w.size;
	return r;
}

int compose_op(unsigned flags, struct unpack_reply *reply, struct err *err)
{
	AUTO(compose_request_clear) struct compose_request request = {};
	AUTO(free) struct part *parts = NULL;
	int r;

	r = read_request(&request, err);
	if (r < 0)
		return r;
	if (flags & WITH_ACI && (!request.manifest || !request.layers[0].oci))
		return err_set(err, -EINVAL, "an ACI is made of OCI layers and a manifest");
	parts = xcalloc(request.n_layers, sizeof(*parts));
	for (size_t i = 0; r >= 0 && i < request.n_layers; i++)
		r = open_part(&request, i, &parts[i], err);
	if (r >= 0)
		r = put_together(flags, &request, parts, reply, err);
	if (r >= 0 && !reply->id && kind_of(request.layers[0].key) == HASH_SHA512 && parts[0].name[0])
		reply->id = xstrdup(parts[0].name);
	for (size_t i = 0; i < request.n_layers; i++)
		err_clear(&parts[i].err);
	return r < 0 ? r : tree_name(&request, &reply->tree, err);
}
