#include "image/oci_client.h"

#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "image/helper.h"
#include "image/input.h"
#include "image/keystore.h"
#include "image/trust.h"
#include "spec/limits.h"
#include "spec/oci.h"
#include "spec/registry.h"
#include "store/partial.h"

enum layer_state { LAYER_WANTED, LAYER_RUNNING, LAYER_DONE };

/* One layer that the image names. */
struct layer {
	const struct wire_layer *told;	/* the reply's */
	char *key;
	enum layer_state state;
	int lock_fd;
	struct partial part;		/* the layer as it is downloaded */
	struct blob_add *blob;
};

/* One image on its way into the store. */
struct pull {
	const struct fetch_config *config;
	struct store *store;
	const struct fetch_image *image;
	bool signature_needed;
	char *name;			/* in appc's words, NULL: not known before it is read */
	bool accepted, unproven;	/* an unsigned image of that name; see struct wire_oci */
	struct trusted_key *keys, *cosign_keys;
	size_t n_keys, n_cosign_keys;
	int image_fd, layout_fd, signature_fd, unpack_fd;
	int scratch_fd;			/* where rkt-fetch unpacks a compressed archive */
	struct helper *helper;
	struct wire_reply answer;	/* "manifest" */
	struct layer *layers;
	size_t n_layers, n_running;
};

static const struct reference *ref_of(const struct pull *p) { return p->image->ref; }

/* --- who may sign ---------------------------------------------------------------- */

static int load_kind(struct pull *p, enum trust_kind kind, struct trusted_key **ret, size_t *ret_n, struct err *err)
{
	const char *vendor = p->config->system_config, *local = p->config->local_config;

	return p->name ? keystore_load(vendor, local, kind, p->name, ret, ret_n, err)
		       : keystore_load_all(vendor, local, kind, ret, ret_n, err);
}

/*
 * An archive or layout tells its name only once it is read: until then any key will do, afterwards one for its name.
 * Unsigned only a registry's images are accepted, which keeps others from using a name.
 */
static int load_trust(struct pull *p, struct err *err)
{
	const struct reference *ref = ref_of(p);
	int r = 0;

	if (ref->kind == REFERENCE_REGISTRY)
		p->name = registry_appc_name(ref->registry, ref->repository);
	if (!p->signature_needed)
		return 0;
	p->accepted = p->name && keystore_accepts(p->config->system_config, p->config->local_config, p->name);
	r = load_kind(p, TRUST_OPENPGP, &p->keys, &p->n_keys, err);
	return r < 0 ? r : load_kind(p, TRUST_COSIGN, &p->cosign_keys, &p->n_cosign_keys, err);
}

/* Without a signature all that vouches for an image is the server that answers: is that known to be the registry? */
static bool is_unproven(const struct pull *p, char *const *mirrors)
{
	if (!(p->config->insecure & (FETCH_SKIP_TLS | FETCH_ALLOW_HTTP)))
		return false;
	return !ref_of(p)->registry || !registry_is_local(ref_of(p)->registry) || strv_len(mirrors);
}

static bool may_be_unsigned(const struct pull *p) { return p->accepted && !p->unproven; }

/* What vouches for the image, by its name: the signature that was found, or that none is needed. */
static int check_trust(const struct pull *p, const char *name, struct err *err)
{
	const char *vendor = p->config->system_config, *local = p->config->local_config, *by = p->answer.fingerprint;

	if (!p->signature_needed)
		return 0;
	if (by && keystore_trusts(vendor, local, name, by))
		return 0;
	if (!by && may_be_unsigned(p))
		return 0;
	if (by)
		return err_set(err, -ERR_BAD_SIGNATURE, "image \"%s\" is signed by key %s, which is not trusted for that "
			       "name", name, by);
	return err_set(err, -ERR_NO_SIGNATURE, "nobody signed image \"%s\", and unsigned images of that name are not "
		       "accepted (try --insecure-options=image)", name);
}

/* --- asking -------------------------------------------------------------------- */

static int open_signature(struct pull *p, struct err *err)
{
	const struct reference *ref = ref_of(p);
	AUTO(free) char *beside = ref->kind == REFERENCE_ARCHIVE ? xasprintf("%s.asc", ref->path) : NULL;
	const char *path = p->image->signature ?: beside;
	int r;

	if (!p->signature_needed || !path)
		return 0;
	r = input_open(path, &p->signature_fd, err);
	/* An image of this kind can be signed in other ways too. */
	if (r == -ENOENT && !p->image->signature) {
		err_clear(err);
		return 0;
	}
	return r < 0 ? err_wrap(err, r, "error opening signature file") : 0;
}

static int open_files(struct pull *p, struct err *err)
{
	int r = helper_open(p->config->libexec_dir, "rkt-unpack", &p->unpack_fd, err);

	if (r >= 0 && ref_of(p)->kind == REFERENCE_ARCHIVE) {
		r = input_open(ref_of(p)->path, &p->image_fd, err);
		if (r >= 0)
			r = store_temp_file(p->store, &p->scratch_fd, err);
	}
	if (r >= 0 && ref_of(p)->kind == REFERENCE_LAYOUT)
		r = input_open_dir(ref_of(p)->path, &p->layout_fd, err);
	return r < 0 ? r : open_signature(p, err);
}

static const char *const action_names[] = {
	[REFERENCE_REGISTRY] = "registry", [REFERENCE_LAYOUT] = "layout", [REFERENCE_ARCHIVE] = "archive",
};

static void take_platform(struct wire_oci *oci)
{
	struct label *labels = NULL;
	size_t n = 0;

	if (reference_default_labels(&labels, &n, NULL) >= 0) {
		oci->os = xstrdup(label_get(labels, n, "os"));
		oci->arch = xstrdup(label_get(labels, n, "arch"));
	}
	labels_free(labels, n);
}

static int build_request(struct pull *p, struct wire_request *q, struct err *err)
{
	const struct reference *ref = ref_of(p);
	int r;

	q->action = xstrdup(action_names[ref->kind]);
	q->path = xstrdup(ref->path);
	q->oci.registry = xstrdup(ref->registry);
	q->oci.repository = xstrdup(ref->repository);
	q->oci.tag = xstrdup(ref->tag);
	q->oci.digest = xstrdup(ref->digest);
	take_platform(&q->oci);
	q->oci.accepted = p->accepted;
	q->trusted = trusted_keys_told(p->keys, p->n_keys);
	q->n_trusted = p->n_keys;
	q->oci.cosign_keys = trusted_keys_told(p->cosign_keys, p->n_cosign_keys);
	q->oci.n_cosign_keys = p->n_cosign_keys;
	q->has_signature = p->signature_fd >= 0;
	q->named_signature = q->has_signature && p->image->signature;
	r = helper_configure(p->config, q, err);
	q->skip_signature = !p->signature_needed;
	q->oci.unproven = p->unproven = is_unproven(p, q->oci.mirrors);
	return r;
}

static int start(struct pull *p, struct err *err)
{
	AUTO(wire_request_clear) struct wire_request request = {};
	struct helper_fds fds = HELPER_FDS_NONE;
	int r = build_request(p, &request, err);

	fds.image = p->image_fd;
	fds.download = p->scratch_fd;
	fds.signature = p->signature_fd;
	return r < 0 ? r : helper_start(p->config, &request, &fds, &p->helper, err);
}

static int tell(struct pull *p, const char *action, size_t index, const int *fds, size_t n_fds, struct err *err)
{
	AUTO(wire_command_clear) struct wire_command command = { .action = xstrdup(action), .index = (int64_t)index };

	return helper_tell(p->helper, &command, fds, n_fds, err);
}

/* --- what rkt-fetch asks and says --------------------------------------------------- */

/* wire_recv_reply() has seen that it is a file that layouts have. */
static int answer_open(struct pull *p, const char *path, struct err *err)
{
	AUTO(close) int fd = -1;
	int r;

	if (p->layout_fd < 0)
		return err_set(err, -EBADMSG, "rkt-fetch asked for a file that is none of its business");
	r = input_open_below(p->layout_fd, path, &fd);
	if (r < 0 && r != -ENOENT)
		return err_sys(err, r, "cannot open '%s' of '%s'", path, ref_of(p)->path);
	return tell(p, fd < 0 ? "missing" : "file", 0, &fd, fd >= 0, err);
}

/* The next thing it says, its questions answered. */
static int next_reply(struct pull *p, struct wire_reply *ret, struct err *err)
{
	for (;;) {
		int r = helper_next(p->helper, ret, err);

		if (r < 0 || !str_eq(ret->kind, "open"))
			return r;
		r = answer_open(p, ret->path, err);
		wire_reply_clear(ret);
		if (r < 0)
			return r;
	}
}

static bool has_key(const struct trusted_key *keys, size_t n, const char *fingerprint)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(keys[i].fingerprint, fingerprint))
			return true;
	return false;
}

/* Could it be so at all? Whether it is enough, its name decides. */
static bool signer_fits(const struct pull *p, const char *fingerprint)
{
	if (!p->signature_needed)
		return true;
	return fingerprint ? has_key(p->keys, p->n_keys, fingerprint) ||
			     has_key(p->cosign_keys, p->n_cosign_keys, fingerprint) : may_be_unsigned(p);
}

static int take_manifest(struct pull *p, struct err *err)
{
	struct wire_reply *a = &p->answer;
	int r = next_reply(p, a, err);

	if (r < 0)
		return r;
	if (!str_eq(a->kind, "manifest"))
		return err_set(err, -EBADMSG, "rkt-fetch gave another answer than was asked for");
	if (!signer_fits(p, a->fingerprint))
		return err_set(err, -EBADMSG, "rkt-fetch let an image pass that nobody trusted signed");
	return 0;
}

/* --- documents ------------------------------------------------------------------- */

/* Puts a document into the store if it is what its digest says. ret_id: its SHA-512 in full, NULL: not wanted. */
static int add_document(struct pull *p, const char *what, const char *text, const char *digest, char **ret_id,
			struct err *err)
{
	AUTO(blob_add_free) struct blob_add *blob = NULL;
	AUTO(free) char *key = oci_digest_key(digest);
	AUTO(close) int stream_fd = -1;
	struct blob_digests digests;
	/* Both hashes of what gives the image its ID. */
	int r = blob_add_start(p->store, p->unpack_fd, ret_id ? NULL : key, &blob, &stream_fd, err);

	if (r < 0)
		return r;
	r = fd_write_all(stream_fd, text, strlen(text));
	close(TAKE_FD(stream_fd));
	/* If rkt-unpack is gone, it knows why. */
	if (r < 0 && r != -EPIPE)
		return err_sys(err, r, "cannot store the %s", what);
	r = blob_add_finish(blob, &digests, err);
	if (r < 0)
		return err_wrap(err, r, "cannot store the %s", what);
	if (ret_id)
		*ret_id = xstrdup(digests.sha512);
	r = blob_add_commit(blob, key, err);
	return r < 0 ? err_wrap(err, r, "cannot store the %s", what) : 0;
}

static int check_name(const struct pull *p, const struct image_manifest *m, struct err *err)
{
	if (p->name && !str_eq(m->name, p->name))
		return err_set(err, -EBADMSG, "rkt-fetch calls the image \"%s\" rather than \"%s\"", m->name, p->name);
	return check_trust(p, m->name, err);
}

/* --- layers -------------------------------------------------------------------------- */

static void layer_end(struct pull *p, struct layer *l)
{
	blob_add_free(TAKE(l->blob));
	partial_keep(&l->part);
	store_unlock_blob(p->store, l->key, &l->lock_fd);
}

/* Two layers of an image may be the same: then one is enough. */
static bool is_repeated(const struct pull *p, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(p->layers[i].key, p->layers[at].key))
			return true;
	return false;
}

static void list_layers(struct pull *p)
{
	p->n_layers = p->answer.n_layers;
	p->layers = xcalloc(p->n_layers + 1, sizeof(*p->layers));
	for (size_t i = 0; i < p->n_layers; i++) {
		struct layer *l = &p->layers[i];

		*l = (struct layer){ .told = &p->answer.layers[i], .lock_fd = -1, .part = PARTIAL_NONE };
		l->key = oci_digest_key(l->told->diff_id);
		if (store_has_blob(p->store, l->key) || is_repeated(p, i))
			l->state = LAYER_DONE;
	}
}

/*
 * Starts one layer. wait: until whoever else is downloading it is done; else -EWOULDBLOCK. Only who holds no
 * other lock may wait, or two processes could wait for each other.
 */
static int layer_start(struct pull *p, size_t i, bool wait, struct err *err)
{
	struct layer *l = &p->layers[i];
	AUTO(close) int stream_fd = -1;
	int r = store_lock_blob(p->store, l->key, wait, &l->lock_fd, err);

	if (r < 0)
		return r;
	if (store_has_blob(p->store, l->key)) {
		l->state = LAYER_DONE;
		layer_end(p, l);
		return 0;
	}
	r = partial_open(p->store, l->told->digest, wait, &l->part, err);
	if (r >= 0)
		r = blob_add_start(p->store, p->unpack_fd, l->key, &l->blob, &stream_fd, err);
	if (r >= 0)
		r = tell(p, "layer", i, (int[]){ l->part.fd, stream_fd }, 2, err);
	if (r == -EWOULDBLOCK)
		layer_end(p, l);
	if (r < 0)
		return r;
	l->state = LAYER_RUNNING;
	p->n_running++;
	return 0;
}

/* The pipe of layer i was closed after a good end. */
static int layer_finish(struct pull *p, int64_t i, struct err *err)
{
	struct layer *l = i >= 0 && (size_t)i < p->n_layers ? &p->layers[i] : NULL;
	struct blob_digests digests;
	int r;

	if (!l || l->state != LAYER_RUNNING)
		return err_set(err, -EBADMSG, "rkt-fetch speaks of a layer that was not asked for");
	p->n_running--;
	r = blob_add_finish(l->blob, &digests, err);
	if (r >= 0)
		r = blob_add_commit(l->blob, l->key, err);
	/* Its digest is right already: another download would bring the same. */
	if (r >= 0 || r == -ERR_BAD_INPUT)
		partial_remove(p->store, &l->part);
	if (r == -ERR_BAD_INPUT)
		return err_wrap(err, r, "layer %s is not what the image's configuration says", l->told->digest);
	if (r < 0)
		return err_wrap(err, r, "cannot store layer %s", l->told->digest);
	l->state = LAYER_DONE;
	layer_end(p, l);
	return 0;
}

/* rkt-unpack gave up on a layer: it knows why better than who wrote into its pipe. */
static int layer_failure(struct pull *p, int r, struct err *err)
{
	struct blob_digests digests;
	struct err why = {};

	for (size_t i = 0; i < p->n_layers && r == -EPIPE; i++) {
		struct layer *l = &p->layers[i];
		int k = l->state == LAYER_RUNNING ? blob_add_finish(l->blob, &digests, &why) : 0;

		if (k >= 0)
			continue;
		err_clear(err);
		if (err)
			*err = why;
		else
			err_clear(&why);
		return err_wrap(err, k, "cannot store layer %s", l->told->digest);
	}
	return r;
}

static int await_layer(struct pull *p, struct err *err)
{
	AUTO(wire_reply_clear) struct wire_reply reply = {};
	int r = next_reply(p, &reply, err);

	if (r < 0)
		return layer_failure(p, r, err);
	if (!str_eq(reply.kind, "layer"))
		return err_set(err, -EBADMSG, "rkt-fetch gave another answer than was asked for");
	return layer_finish(p, reply.index, err);
}

/* Starts what can be started now: there is room, and nobody else is at it. */
static int start_free_layers(struct pull *p, struct err *err)
{
	for (size_t i = 0; i < p->n_layers && (int64_t)p->n_running < limits()->parallel_downloads; i++) {
		int r = p->layers[i].state == LAYER_WANTED ? layer_start(p, i, false, err) : 0;

		if (r < 0 && r != -EWOULDBLOCK)
			return r;
		if (r < 0)
			err_clear(err);
	}
	return 0;
}

static int start_contended_layer(struct pull *p, struct err *err)
{
	for (size_t i = 0; i < p->n_layers; i++)
		if (p->layers[i].state == LAYER_WANTED)
			return layer_start(p, i, true, err);
	return 1;	/* none is left */
}

static int get_layers(struct pull *p, struct err *err)
{
	list_layers(p);
	for (;;) {
		int r = start_free_layers(p, err);

		if (r >= 0 && !p->n_running)
			r = start_contended_layer(p, err);
		if (r < 0)
			return r;
		if (r == 1)
			return tell(p, "done", 0, NULL, 0, err);
		r = p->n_running ? await_layer(p, err) : 0;
		if (r < 0)
			return r;
	}
}

/* --- storing ---------------------------------------------------------------------------- */

static int commit(struct pull *p, const struct image_manifest *m, char *id, struct image_info *info, struct err *err)
{
	const struct reference *ref = ref_of(p);

	info->id = id;
	info->name = xstrdup(m->name);
	info->labels = labels_copy(m->labels, m->n_labels);
	info->n_labels = m->n_labels;
	info->latest = ref->kind == REFERENCE_REGISTRY && !ref->digest && str_eq(ref->tag, "latest");
	if (p->signature_needed)
		info->verified_by = xstrdup(p->answer.fingerprint ?: FINGERPRINT_ACCEPTED);
	info->source = reference_source(ref);
	info->format = xstrdup("oci");
	info->digest = xstrdup(p->answer.digest);
	info->config_digest = xstrdup(p->answer.config_digest);
	for (size_t i = 0; i < p->n_layers; i++)
		strv_add(&info->layers, p->layers[i].key);
	return store_add_image(p->store, p->unpack_fd, info, p->answer.appc, p->config->render, err);
}

static int receive(struct pull *p, struct image_info *info, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest manifest = {};
	AUTO(free) char *id = NULL;
	int r = take_manifest(p, err);

	if (r < 0)
		return r;
	r = image_manifest_read(p->answer.appc, strlen(p->answer.appc), &manifest, err);
	if (r < 0)
		return err_wrap(err, r, "invalid image manifest of \"%s\"", ref_of(p)->text);
	r = check_name(p, &manifest, err);
	if (r >= 0)
		r = add_document(p, "manifest", p->answer.manifest, p->answer.digest, &id, err);
	if (r >= 0 && p->image->must_be_id && !str_eq(p->image->must_be_id, id))
		r = err_set(err, -ERR_BAD_INPUT, "image hash does not match expected (%s != %s)", id, p->image->must_be_id);
	if (r >= 0)
		r = add_document(p, "configuration", p->answer.config, p->answer.config_digest, NULL, err);
	if (r >= 0)
		r = get_layers(p, err);
	if (r < 0)
		return r;
	if (p->signature_needed && p->answer.fingerprint)
		tell_signer(p->answer.identities);
	return commit(p, &manifest, TAKE(id), info, err);
}

static void pull_clear(struct pull *p)
{
	helper_free(p->helper);		/* first: nobody writes any more */
	for (size_t i = 0; i < p->n_layers; i++) {
		layer_end(p, &p->layers[i]);
		free(p->layers[i].key);
	}
	free(p->layers);
	wire_reply_clear(&p->answer);
	free(p->name);
	trusted_keys_free(p->keys, p->n_keys);
	trusted_keys_free(p->cosign_keys, p->n_cosign_keys);
	close_auto(&p->image_fd);
	close_auto(&p->layout_fd);
	close_auto(&p->scratch_fd);
	close_auto(&p->signature_fd);
	close_auto(&p->unpack_fd);
}
static inline void pull_clear_auto(struct pull *p) { pull_clear(p); }

int fetch_oci(const struct fetch_config *config, struct store *store, const struct fetch_image *image,
	      struct image_info *ret, struct err *err)
{
	AUTO(pull_clear) struct pull p = {
		.config = config, .store = store, .image = image,
		.image_fd = -1, .layout_fd = -1, .signature_fd = -1, .unpack_fd = -1, .scratch_fd = -1,
		.signature_needed = !image->no_signature && !(config->insecure & FETCH_SKIP_SIGNATURE),
	};
	AUTO(image_info_clear) struct image_info info = {};
	int r;

	warn_about_checks(config, image->no_signature);
	/* What is published must not be swept before the image names it. */
	r = store_use(store, err);
	if (r >= 0)
		r = load_trust(&p, err);
	if (r >= 0)
		r = open_files(&p, err);
	if (r >= 0)
		r = start(&p, err);
	if (r >= 0)
		r = receive(&p, &info, err);
	if (r < 0)
		return r;
	*ret = info;
	info = (struct image_info){};
	return 0;
}
