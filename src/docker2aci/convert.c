#include "docker2aci/convert.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "docker2aci/gzip.h"
#include "image/oci_client.h"
#include "store/compose.h"
#include "store/store.h"

/* What a conversion holds on to. */
struct work {
	const struct convert *c;
	struct store *store;
	struct image_info info;
	struct image_manifest manifest;
	int unpack_fd;
	int *blobs;			/* of info.layers */
	size_t n;
};

static void work_clear_auto(struct work *w)
{
	for (size_t i = 0; i < w->n; i++)
		close_auto(&w->blobs[i]);
	free(w->blobs);
	close_auto(&w->unpack_fd);
	image_info_clear(&w->info);
	image_manifest_clear(&w->manifest);
	store_close(w->store);
}

/* --- names and manifests ------------------------------------------------------------ */

/* As a part of a file's name. */
static void add_part(struct buf *name, const char *part)
{
	if (!part || !*part)
		return;
	if (name->len)
		buf_addc(name, '-');
	for (; *part; part++)
		buf_addc(name, strchr("/:@", *part) ? '-' : *part);
}

char *convert_file_name(const struct image_manifest *m, int layer)
{
	const char *repository = label_get(m->annotations, m->n_annotations, "appc.io/docker/repository");
	AUTO(free) char *number = xasprintf("%d", layer);
	struct buf name = {};

	add_part(&name, repository ?: m->name);
	add_part(&name, label_get(m->labels, m->n_labels, "version"));
	if (layer >= 0) {
		add_part(&name, label_get(m->labels, m->n_labels, "os"));
		add_part(&name, label_get(m->labels, m->n_labels, "arch"));
		add_part(&name, number);
	}
	buf_adds(&name, ".aci");
	return buf_steal(&name);
}

/* A layer may be in an image more than once, each time on top of others. */
static char *layer_name(const struct image_manifest *image, char *const *layers, size_t i)
{
	const char *hex = strchr(layers[i], '-') + 1;

	if (!layers[i + 1])
		return xstrdup(image->name);
	for (size_t k = 0; k < i; k++)
		if (str_eq(layers[k], layers[i]))
			return xasprintf("%s-%s-%zu", image->name, hex, i);
	return xasprintf("%s-%s", image->name, hex);
}

void convert_layer_manifest(const struct image_manifest *image, char *const *layers, size_t i, const char *below_id,
			    struct image_manifest *ret)
{
	struct dependency *below;

	json_duplicate(image_manifest_fields, image, ret);
	free(ret->name);
	ret->name = layer_name(image, layers, i);
	if (layers[i + 1]) {
		app_free(TAKE(ret->app));
		labels_free(ret->annotations, ret->n_annotations);
		ret->annotations = NULL;
		ret->n_annotations = 0;
	}
	if (!below_id)
		return;
	below = xcalloc(1, sizeof(*below));
	*below = (struct dependency){
		.image_name = layer_name(image, layers, i - 1), .image_id = xstrdup(below_id),
		.labels = labels_copy(image->labels, image->n_labels), .n_labels = image->n_labels,
	};
	ret->dependencies = below;
	ret->n_dependencies = 1;
}

/* --- the image ------------------------------------------------------------------------ */

static int fetch(struct work *w, struct err *err)
{
	AUTO(free) char *data_dir = xasprintf("%s/store", w->c->work_dir);
	size_t n = 0, n_registries = 0;
	AUTO(free) struct fetch_credential *credentials = config_credentials(w->c->config, &n);
	AUTO(free) struct fetch_registry *registries = config_mirrors(w->c->config, &n_registries);
	const struct fetch_config config = {
		.system_config = w->c->system_config, .local_config = w->c->local_config,
		.libexec_dir = w->c->libexec_dir, .credentials = credentials, .n_credentials = n,
		.registries = registries, .n_registries = n_registries,
		.insecure = (w->c->skip_tls ? FETCH_SKIP_TLS : 0) | (w->c->allow_http ? FETCH_ALLOW_HTTP : 0),
	};
	const struct fetch_image image = { .ref = w->c->image, .no_signature = true };
	int r = store_open(data_dir, STORE_WRITE, &w->store, err);

	return r < 0 ? r : fetch_oci(&config, w->store, &image, &w->info, err);
}

static int open_layers(struct work *w, struct err *err)
{
	size_t n = strv_len(w->info.layers);
	int r = 0;

	if (!n)
		return err_set(err, -ERR_BAD_INPUT, "the image has no layers");
	w->blobs = xcalloc(n, sizeof(*w->blobs));
	for (; w->n < n && r >= 0; w->n++) {
		w->blobs[w->n] = -1;
		r = store_open_key(w->store, w->info.layers[w->n], &w->blobs[w->n], err);
	}
	return r;
}

static int obtain(struct work *w, struct err *err)
{
	int r = helper_open(w->c->libexec_dir, "rkt-unpack", &w->unpack_fd, err);

	if (r >= 0)
		r = fetch(w, err);
	if (r >= 0)
		r = store_read_manifest(w->store, &w->info, &w->manifest, err);
	return r < 0 ? r : open_layers(w, err);
}

/* --- files ---------------------------------------------------------------------------- */

/* A file without a name becomes the one of that name, in place of what is there. */
static int publish(int fd, const char *name, struct err *err)
{
	AUTO(free) char *aside = name_random(".docker2aci"), *from = xasprintf("/proc/self/fd/%d", fd);
	int r = fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;

	if (r >= 0 && linkat(AT_FDCWD, from, AT_FDCWD, aside, AT_SYMLINK_FOLLOW) < 0)
		r = -errno;
	if (r >= 0 && rename(aside, name) < 0) {
		r = -errno;
		(void)unlink(aside);
	}
	if (r >= 0)
		r = dir_sync(AT_FDCWD, ".");
	return r < 0 ? err_sys(err, r, "cannot write '%s'", name) : 0;
}

static int nameless(const char *dir, int *ret_fd, struct err *err)
{
	*ret_fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *ret_fd < 0 ? err_sys(err, -errno, "cannot make a file in '%s'", dir) : 0;
}

/* The ACI of the n lowest layers together, or of the n-th alone. */
static int write_aci(const struct work *w, const struct image_manifest *m, size_t n, const char *name, char **ret_id,
		     struct err *err)
{
	AUTO(free) struct compose_layer *layers = xcalloc(n, sizeof(*layers));
	AUTO(free) char *manifest = json_encode_text(image_manifest_fields, m, false);
	struct compose_request request = {
		.layers = layers, .n_layers = n, .manifest = manifest, .top = w->c->layers, .dev_links = !w->c->layers,
	};
	AUTO(compose_result_clear) struct compose_result result = {};
	AUTO(close) int plain_fd = -1, packed_fd = -1;
	int r;

	/* rkt-unpack has hashed them when they came. */
	for (size_t i = 0; i < n; i++)
		layers[i] = (struct compose_layer){ .key = w->info.layers[i], .oci = true, .hashed = true };
	r = nameless(w->c->compress ? w->c->work_dir : ".", &plain_fd, err);
	if (r >= 0)
		r = compose(w->unpack_fd, COMPOSE_ACI, &request, w->blobs, plain_fd, -1, &result, err);
	if (r >= 0 && w->c->compress)
		r = nameless(".", &packed_fd, err);
	if (r >= 0 && w->c->compress)
		r = gzip_file(plain_fd, packed_fd, err);
	if (r >= 0)
		r = publish(w->c->compress ? packed_fd : plain_fd, name, err);
	if (r >= 0)
		*ret_id = TAKE(result.id);
	return r;
}

static int convert_whole(struct work *w, struct converted *ret, struct err *err)
{
	AUTO(free) char *name = convert_file_name(&w->manifest, -1), *id = NULL;
	int r = write_aci(w, &w->manifest, w->n, name, &id, err);

	if (r >= 0)
		strv_take(&ret->files, TAKE(name));
	return r;
}

static int convert_layers(struct work *w, struct converted *ret, struct err *err)
{
	AUTO(free) char *below_id = NULL;
	int r = 0;

	for (size_t i = 0; i < w->n && r >= 0; i++) {
		AUTO(image_manifest_clear) struct image_manifest m = {};
		AUTO(free) char *name = convert_file_name(&w->manifest, (int)i), *id = NULL;

		convert_layer_manifest(&w->manifest, w->info.layers, i, below_id, &m);
		r = write_aci(w, &m, i + 1, name, &id, err);
		if (r < 0)
			return err_wrap(err, r, "cannot convert layer %zu of %zu by itself", i + 1, w->n);
		strv_take(&ret->files, TAKE(name));
		free(below_id);
		below_id = TAKE(id);
	}
	return r;
}

int convert(const struct convert *c, struct converted *ret, struct err *err)
{
	AUTO(work_clear) struct work w = { .c = c, .unpack_fd = -1 };
	AUTO(converted_clear) struct converted done = {};
	int r = obtain(&w, err);

	if (r >= 0)
		r = c->layers ? convert_layers(&w, &done, err) : convert_whole(&w, &done, err);
	if (r < 0)
		return r;
	json_duplicate(image_manifest_fields, &w.manifest, &done.manifest);
	*ret = done;
	done = (struct converted){};
	return 0;
}

void converted_clear(struct converted *c)
{
	image_manifest_clear(&c->manifest);
	strv_free(c->files);
	*c = (struct converted){};
}
