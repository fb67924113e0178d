#include "image/client.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/human.h"
#include "base/log.h"
#include "image/check.h"
#include "image/helper.h"
#include "image/input.h"
#include "image/oci_client.h"
#include "image/trust.h"
#include "store/partial.h"

/* --- who may sign --------------------------------------------------------------- */

/* One image on its way into the store. */
struct job {
	const struct fetch_config *config;
	struct store *store;
	const struct fetch_image *image;
	bool signature_needed;
	struct trusted_key *keys;
	size_t n_keys;
	int image_fd, signature_fd;
	int download_fd;		/* for a file; for what comes over the network: */
	struct partial part;
	int64_t download_size;
	struct image_info stored;	/* what the store has already; id NULL: nothing */
	int64_t since;			/* when we began, ns */
	struct wire_reply reply;
};

static const char *job_name(const struct job *j)
{
	return j->image->ref->kind == REFERENCE_NAME ? j->image->ref->name : NULL;
}

static bool has_prefix_key(const struct job *j, const char *name)
{
	return keystore_has_prefix_key(j->config->system_config, j->config->local_config, name);
}

static int review_keys(const struct job *j, struct err *err)
{
	struct found_key *keys = NULL;
	size_t n = 0;
	int r = fetch_keys(j->config, job_name(j), NULL, &keys, &n, err);

	if (r < 0)
		return err_wrap(err, r, "error determining key location");
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = key_review_and_add(j->config, &keys[i], job_name(j), KEY_ASK, err);
	found_keys_free(keys, n);
	return r;
}

/*
 * Before the first image of a name: looks for its keys, if there is somebody to
 * ask about them. Not finding any is no failure, since a root key may do.
 */
static void discover_keys(const struct job *j)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;
	const char *name = job_name(j);

	if (!name || !j->signature_needed)
		return;
	if (has_prefix_key(j, name)) {
		log_debug("image: keys already exist for prefix \"%s\", not fetching again", name);
		return;
	}
	if (!j->config->trust_keys_from_https && !can_ask())
		return;
	if (review_keys(j, &err) >= 0)
		return;
	words = err_text(&err);
	log_warn("%s", words);
}

/*
 * A file or URL tells its name only once it is unpacked: until then any trusted
 * key will do, and afterwards it must be one for that name.
 */
static int load_keys(struct job *j, struct err *err)
{
	const char *vendor = j->config->system_config, *local = j->config->local_config;

	if (!j->signature_needed)
		return 0;
	return job_name(j) ? keystore_load(vendor, local, TRUST_OPENPGP, job_name(j), &j->keys, &j->n_keys, err)
			   : keystore_load_all(vendor, local, TRUST_OPENPGP, &j->keys, &j->n_keys, err);
}

static bool is_trusted(const struct job *j, const char *fingerprint)
{
	for (size_t i = 0; i < j->n_keys; i++)
		if (str_eq(j->keys[i].fingerprint, fingerprint))
			return true;
	return false;
}

/* What the person can do when nobody they trust signed the image. */
static void tell_what_to_do(const struct job *j)
{
	const char *name = job_name(j);

	if (!name)
		return;
	if (!has_prefix_key(j, name)) {
		tell_how_to_trust(name);
		return;
	}
	log_info("if you expected the signing key to change, try running:");
	log_info("    rkt trust --prefix \"%s\"", name);
}

/* --- files ---------------------------------------------------------------------- */

static int open_signature(struct job *j, struct err *err)
{
	const struct reference *ref = j->image->ref;
	AUTO(free) char *beside = ref->kind == REFERENCE_FILE ? xasprintf("%s.asc", ref->path) : NULL;
	const char *path = j->image->signature ? j->image->signature : beside;
	int r;

	if (!j->signature_needed || !path)
		return 0;
	r = input_open(path, &j->signature_fd, err);
	if (r == -ENOENT)
		return err_set(err, -ERR_NO_SIGNATURE,
			       "error opening signature file: open %s: no such file or directory", path);
	return r < 0 ? err_wrap(err, r, "error opening signature file") : 0;
}

/* --- what is here already --------------------------------------------------------- */

/* Is it too new to ask whether there is a newer one? If the clock was set back since, we can't know. */
static bool is_fresh(const struct image_info *i)
{
	int64_t age = time_now() - i->checked;

	return i->checked > 0 && age >= 0 && age / NS_PER_SECOND < i->max_age && age / NS_PER_SECOND < WIRE_MAX_AGE_MAX;
}

/* The same after waiting for another rkt that was at it: what that one put there is the answer. */
static bool is_new(const struct job *j)
{
	return j->part.waited && j->stored.checked >= j->since && j->stored.checked <= time_now();
}

/* Looks what the store has. Is that the image that is wanted? */
static bool use_stored(struct job *j)
{
	image_info_clear(&j->stored);
	if (!j->image->stored || j->image->stored(j->image->stored_arg, &j->stored) < 0)
		return false;
	if (is_new(j))
		log_debug("image: another rkt has just fetched %s", j->image->ref->text);
	else if (is_fresh(&j->stored))
		log_debug("image: image for %s isn't expired, not fetching.", j->stored.source);
	else
		return false;
	return true;
}

/* What a download is filed under, so that the next rkt that is asked for the same finds it. */
static char *download_name(const struct job *j)
{
	const struct reference *ref = j->image->ref;

	return ref->kind == REFERENCE_URL ? xstrdup(ref->url) : app_string_format(ref->name, ref->labels, ref->n_labels);
}

static int download_fd(const struct job *j) { return j->part.fd >= 0 ? j->part.fd : j->download_fd; }

/* 1: there is nothing to fetch any more. */
static int open_download(struct job *j, struct err *err)
{
	AUTO(free) char *name = NULL;
	int r;

	if (j->image->ref->kind == REFERENCE_FILE)
		return store_temp_file(j->store, &j->download_fd, err);
	name = download_name(j);
	r = partial_open(j->store, name, true, &j->part, err);
	return r >= 0 && j->part.waited && use_stored(j) ? 1 : r;
}

static int open_files(struct job *j, struct err *err)
{
	const struct reference *ref = j->image->ref;
	int r = 0;

	if (ref->kind == REFERENCE_FILE)
		r = input_open(ref->path, &j->image_fd, err);
	if (r >= 0)
		r = open_signature(j, err);
	return r < 0 ? r : open_download(j, err);
}

/*
 * The download is over. What broke on the way is left for the next rkt, which goes on where it ended; what was
 * found wrong would be found wrong again.
 */
static void close_download(struct job *j, int r)
{
	static const int keep[] = { -EAGAIN, -ECONNREFUSED, -EHOSTUNREACH, -EPROTO, -ETIMEDOUT };
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(keep); i++)
		if (r == keep[i] && j->part.version && fstat(j->part.fd, &st) == 0 && st.st_size > 0) {
			partial_keep(&j->part);
			return;
		}
	partial_remove(j->store, &j->part);
}

/* --- asking --------------------------------------------------------------------- */

static const char *const action_names[] = {
	[REFERENCE_NAME] = "name", [REFERENCE_FILE] = "file", [REFERENCE_URL] = "url",
};

static int build_request(struct job *j, struct wire_request *q, struct err *err)
{
	const struct reference *ref = j->image->ref;
	int r;

	q->action = xstrdup(action_names[ref->kind]);
	q->name = xstrdup(ref->name);
	q->url = xstrdup(ref->url);
	q->path = xstrdup(ref->path);
	q->labels = labels_copy(ref->labels, ref->n_labels);
	q->n_labels = ref->n_labels;
	r = ref->kind == REFERENCE_NAME ? reference_default_labels(&q->labels, &q->n_labels, err) : 0;
	q->trusted = trusted_keys_told(j->keys, j->n_keys);
	q->n_trusted = j->n_keys;
	if (j->stored.etag || j->stored.last_modified) {
		q->etag = xstrdup(j->stored.etag);
		q->last_modified = xstrdup(j->stored.last_modified);
		q->if_url = xstrdup(j->stored.source);
	}
	if (j->part.version) {
		q->part_url = xstrdup(j->part.url);
		q->part_version = xstrdup(j->part.version);
	}
	if (r >= 0)
		r = helper_configure(j->config, q, err);
	q->skip_signature = !j->signature_needed;
	q->has_signature = j->signature_fd >= 0;
	return r;
}

/* Until the answer; before, rkt-fetch may tell what the bytes are of that it is about to write. */
static int converse(struct job *j, const struct wire_request *request, struct helper_fds *fds, struct err *err)
{
	AUTO(helper_free) struct helper *helper = NULL;
	struct wire_command go_on = { .action = (char[]){ "version" } };
	int r = helper_start(j->config, request, fds, &helper, err);

	while (r >= 0) {
		wire_reply_clear(&j->reply);
		r = helper_next(helper, &j->reply, err);
		if (r < 0 || !str_eq(j->reply.kind, "version"))
			break;
		if (j->part.fd < 0)
			return err_set(err, -EBADMSG, "rkt-fetch tells of a download where there is none");
		r = partial_note(&j->part, j->reply.source, j->reply.version, err);
		if (r >= 0)
			r = helper_tell(helper, &go_on, NULL, 0, err);
	}
	return r;
}

static bool is_answer(const struct job *j, const struct wire_request *request)
{
	const struct wire_reply *reply = &j->reply;

	if (str_eq(reply->kind, "unchanged"))
		return request->if_url && str_eq(reply->source, request->if_url);
	return str_eq(reply->kind, "image") &&
	       (!j->signature_needed || (reply->fingerprint && is_trusted(j, reply->fingerprint)));
}

static int ask_for_image(struct job *j, int *stream_fd, struct err *err)
{
	AUTO(wire_request_clear) struct wire_request request = {};
	struct helper_fds fds = { .download = download_fd(j), .stream = *stream_fd, .image = j->image_fd,
				  .signature = j->signature_fd };
	int r = build_request(j, &request, err);

	if (r >= 0) {
		r = converse(j, &request, &fds, err);
		*stream_fd = fds.stream;
	}
	if (r >= 0 && !is_answer(j, &request))
		r = err_set(err, -EBADMSG, "rkt-fetch gave another answer than was asked for");
	return r;
}

/* --- storing --------------------------------------------------------------------- */

static int check_result(const struct job *j, const struct import_result *result, struct image_manifest *ret,
			struct err *err)
{
	const struct reference *ref = j->image->ref;
	struct label *labels = labels_copy(ref->labels, ref->n_labels);
	size_t n = ref->n_labels;
	int r;

	if (j->image->must_be_id && !str_eq(j->image->must_be_id, result->id)) {
		r = err_set(err, -ERR_BAD_INPUT, "image hash does not match expected (%s != %s)", result->id,
			    j->image->must_be_id);
	} else {
		r = image_manifest_read(result->manifest, result->manifest_len, ret, err);
		if (r < 0)
			err_wrap(err, r, "invalid image manifest of \"%s\"", ref->text);
	}
	if (r >= 0 && j->image->expect_name && ref->kind == REFERENCE_NAME) {
		r = reference_default_labels(&labels, &n, err);
		if (r >= 0)
			r = image_check_asked(ret, ref->name, labels, n, err);
	}
	if (r >= 0 && j->signature_needed &&
	    !keystore_trusts(j->config->system_config, j->config->local_config, ret->name, j->reply.fingerprint))
		r = err_set(err, -ERR_BAD_SIGNATURE,
			    "openpgp: signature made by unknown entity (key %s is not trusted for \"%s\")",
			    j->reply.fingerprint, ret->name);
	labels_free(labels, n);
	return r;
}

static int commit(const struct job *j, struct import *import, struct image_manifest *m, struct image_info *info,
		  struct err *err)
{
	const struct reference *ref = j->image->ref;
	const char *source = ref->kind == REFERENCE_FILE ? ref->path : ref->kind == REFERENCE_URL ? ref->url
											   : j->reply.source;

	info->name = xstrdup(m->name);
	info->labels = labels_copy(m->labels, m->n_labels);
	info->n_labels = m->n_labels;
	info->depends = m->n_dependencies > 0;
	info->download_size = j->download_size;
	info->latest = ref->kind == REFERENCE_NAME && !label_get(ref->labels, ref->n_labels, "version");
	info->verified_by = j->signature_needed ? xstrdup(j->reply.fingerprint) : NULL;
	info->source = xstrdup(source);
	if (ref->kind != REFERENCE_FILE) {
		info->etag = xstrdup(j->reply.etag);
		info->last_modified = xstrdup(j->reply.last_modified);
		info->max_age = j->reply.max_age;
		info->checked = time_now();
	}
	return import_commit(import, info, err);
}

/* The stored image is the one that the server has, as of now. */
static void take_stored(struct job *j)
{
	struct image_info *i = &j->stored;

	log_debug("image: %s has not changed", i->source);
	if (j->reply.etag) {
		free(i->etag);
		i->etag = TAKE(j->reply.etag);
	}
	if (j->reply.last_modified) {
		free(i->last_modified);
		i->last_modified = TAKE(j->reply.last_modified);
	}
	i->max_age = j->reply.max_age;
	i->checked = time_now();
	store_note_unchanged(j->store, i);
}

static int receive(struct job *j, struct import *import, int *stream_fd, struct image_info *info, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest manifest = {};
	struct import_result result = {};
	struct stat st;
	int r = ask_for_image(j, stream_fd, err);

	/* rkt-unpack gave up on the archive: it knows why. */
	if (r == -EPIPE && import_finish(import, &result, err) < 0)
		return err_wrap(err, -ERR_BAD_INPUT, "cannot unpack image \"%s\"", j->image->ref->text);
	if (r < 0)
		return r;
	if (str_eq(j->reply.kind, "unchanged")) {
		take_stored(j);
		return 1;
	}
	r = import_finish(import, &result, err);
	if (r < 0)
		return err_wrap(err, r, "cannot unpack image \"%s\"", j->image->ref->text);
	r = check_result(j, &result, &manifest, err);
	if (r < 0)
		return r;
	if (j->signature_needed)
		tell_signer(j->reply.identities);
	j->download_size = fstat(download_fd(j), &st) == 0 ? st.st_size : 0;
	/*
	 * What a copy no longer holds need not go to the disk. A download stays until the image is there: whoever kills
	 * us before that shall not have it fetched again.
	 */
	if (j->download_fd >= 0)
		(void)!ftruncate(j->download_fd, 0);
	return commit(j, import, &manifest, info, err);
}

/* 1: the image is j->stored. */
static int transfer(struct job *j, struct image_info *info, struct err *err)
{
	AUTO(import_free) struct import *import = NULL;
	AUTO(close) int unpack_fd = -1, stream_fd = -1;
	int r = helper_open(j->config->libexec_dir, "rkt-unpack", &unpack_fd, err);

	if (r >= 0)
		r = open_files(j, err);
	if (r)
		return r;
	r = import_start(j->store, unpack_fd, j->config->render, &import, &stream_fd, err);
	return r < 0 ? r : receive(j, import, &stream_fd, info, err);
}

static int fetch_aci(struct job *j, struct image_info *info, struct err *err)
{
	int r;

	if (use_stored(j))
		return 1;
	discover_keys(j);
	r = load_keys(j, err);
	if (r >= 0)
		r = transfer(j, info, err);
	close_download(j, r);
	return r;
}

static void job_clear(struct job *j)
{
	trusted_keys_free(j->keys, j->n_keys);
	close_auto(&j->image_fd);
	close_auto(&j->signature_fd);
	close_auto(&j->download_fd);
	partial_keep(&j->part);
	image_info_clear(&j->stored);
	wire_reply_clear(&j->reply);
}
static inline void job_clear_auto(struct job *j) { job_clear(j); }

int fetch_image(const struct fetch_config *config, struct store *store, const struct fetch_image *image,
		struct image_info *ret, struct err *err)
{
	AUTO(job_clear) struct job j = {
		.config = config, .store = store, .image = image, .image_fd = -1, .signature_fd = -1,
		.download_fd = -1, .part = PARTIAL_NONE, .since = time_now(),
		.signature_needed = !image->no_signature && !(config->insecure & FETCH_SKIP_SIGNATURE),
	};
	AUTO(image_info_clear) struct image_info info = {};
	int r;

	if (image->ref->kind == REFERENCE_HASH)
		return err_set(err, -EINVAL, "an image cannot be fetched by its hash");
	if (image->ref->kind >= REFERENCE_REGISTRY)
		return fetch_oci(config, store, image, ret, err);
	warn_about_checks(config, image->no_signature);
	r = fetch_aci(&j, &info, err);
	if (r == -ERR_BAD_SIGNATURE)
		tell_what_to_do(&j);
	if (r < 0)
		return r;
	if (r) {
		*ret = j.stored;
		j.stored = (struct image_info){};
	} else {
		*ret = info;
		info = (struct image_info){};
	}
	return 0;
}
