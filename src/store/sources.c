#include "store/sources.h"

#include <string.h>
#include <unistd.h>

#include "store/blob.h"

/* The image's own: an ACI is one, an OCI image has its layers. */
static void own_layers(const struct image_info *info, struct compose_request *q)
{
	size_t n = info->format ? strv_len(info->layers) : 1;

	q->layers = xcalloc(n + 1, sizeof(*q->layers));
	q->n_layers = n;
	if (!info->format)
		q->layers[0].key = store_key(info->id);
	for (size_t i = 0; info->format && i < n; i++)
		q->layers[i] = (struct compose_layer){ .key = xstrdup(info->layers[i]), .oci = true };
	/* Two images of the same layers are two trees. */
	if (info->format)
		q->name = store_key(info->id);
}

static void given_layers(const struct tree_layer *layers, size_t n, struct compose_request *q)
{
	q->layers = xcalloc(n, sizeof(*q->layers));
	q->n_layers = n;
	for (size_t i = 0; i < n; i++)
		q->layers[i] = (struct compose_layer){
			.key = xstrdup(layers[i].key), .oci = layers[i].oci,
			.paths = strv_copy(layers[i].paths), .whitelist = (int64_t)layers[i].whitelist,
			.outer_whitelist = (int64_t)layers[i].outer_whitelist,
		};
}

static int open_all(struct store *s, int unpack_exe_fd, struct tree_sources *q, struct err *err)
{
	q->fds = xcalloc(q->request.n_layers + 1, sizeof(*q->fds));
	while (q->n < q->request.n_layers) {
		struct compose_layer *layer = &q->request.layers[q->n];
		int r = blob_open_ours(s, unpack_exe_fd, layer->key, &q->fds[q->n], &layer->hashed, err);

		if (r < 0)
			return r;
		q->n++;
	}
	return 0;
}

int tree_sources_open(struct store *s, int unpack_exe_fd, const struct image_info *info,
		      const struct tree_layer *layers, size_t n_layers, struct tree_sources *ret, struct err *err)
{
	AUTO(tree_sources_clear) struct tree_sources q = {};
	int r;

	if (layers)
		given_layers(layers, n_layers, &q.request);
	else
		own_layers(info, &q.request);
	r = open_all(s, unpack_exe_fd, &q, err);
	if (r < 0)
		return r;
	*ret = q;
	q = (struct tree_sources){};
	return 0;
}

void tree_sources_hash_again(struct tree_sources *q)
{
	for (size_t i = 0; i < q->request.n_layers; i++)
		q->request.layers[i].hashed = false;
}

int tree_sources_check(const struct tree_sources *q, const struct image_info *info,
		       const struct compose_result *result, struct err *err)
{
	bool is_aci = q->n && !q->request.layers[0].oci;

	/* Keys are held against the bytes; a key is less than an ID. */
	if (is_aci && result->id && !str_eq(result->id, info->id))
		return err_set(err, -ERR_BAD_INPUT, "image hash does not match expected (%s != %s)", result->id,
			       info->id);
	return 0;
}

void tree_sources_clear(struct tree_sources *q)
{
	for (size_t i = 0; i < q->n; i++)
		close(q->fds[i]);
	free(q->fds);
	compose_request_clear(&q->request);
	*q = (struct tree_sources){};
}
