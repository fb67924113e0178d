#include "image/client.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "image/check.h"
#include "image/helper.h"
#include "image/input.h"
#include "image/oci_client.h"
#include "image/trust.h"

/* --- keys -------------------------------------------------------------------- */

void found_keys_free(struct found_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(keys[i].location);
		free(keys[i].armor);
		free(keys[i].fingerprint);
		strv_free(keys[i].subkeys);
		strv_free(keys[i].identities);
	}
	free(keys);
}

static bool is_url(const char *s) { return strstr(s, "://") != NULL; }

static int check_location(const struct fetch_config *config, const char *location, struct err *err)
{
	if (!is_url(location) || str_starts(location, "https://"))
		return 0;
	if (!str_starts(location, "http://"))
		return err_set(err, -EINVAL, "only local files and http or https URLs supported");
	if (!(config->insecure & FETCH_PUBKEY_HTTP))
		return err_set(err, -EPROTO, "--insecure-allow-http required for http URLs");
	return 0;
}

struct key_files { int fds[WIRE_KEY_FILES_MAX]; size_t n; };

static void key_files_close(struct key_files *files)
{
	while (files->n)
		close(files->fds[--files->n]);
}
static inline void key_files_close_auto(struct key_files *files) { key_files_close(files); }

/* What the command line names, as locations of the request; files are opened here, with our rights. */
static int add_locations(const struct fetch_config *config, char *const *locations, struct wire_location *list,
			 struct key_files *files, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < strv_len(locations); i++) {
		r = check_location(config, locations[i], err);
		list[i].name = locations[i];
		list[i].file = !is_url(locations[i]);
		if (r < 0 || !list[i].file)
			continue;
		if (files->n == WIRE_KEY_FILES_MAX)
			return err_set(err, -E2BIG, "more than %d key files", WIRE_KEY_FILES_MAX);
		r = input_open(locations[i], &files->fds[files->n], err);
		files->n += r >= 0;
	}
	return r;
}

static void take_keys(struct wire_reply *reply, struct found_key **ret, size_t *ret_n)
{
	struct found_key *keys = xcalloc(reply->n_keys + 1, sizeof(*keys));

	for (size_t i = 0; i < reply->n_keys; i++) {
		struct wire_key *k = &reply->keys[i];

		keys[i] = (struct found_key){
			.location = TAKE(k->location), .armor = TAKE(k->armor),
			.fingerprint = TAKE(k->fingerprint), .subkeys = TAKE(k->subkeys),
			.identities = TAKE(k->identities),
		};
	}
	*ret = keys;
	*ret_n = reply->n_keys;
}

static void warn_about_keys(const struct fetch_config *config, bool remote)
{
	if (remote && (config->insecure & (FETCH_SKIP_TLS | FETCH_PUBKEY_HTTP)))
		log_warn("signing keys may be downloaded from an insecure connection");
	if (remote && (config->insecure & FETCH_SKIP_TLS))
		log_warn("TLS verification has been disabled");
}

int fetch_keys(const struct fetch_config *config, const char *prefix, char *const *locations,
	       struct found_key **ret, size_t *ret_n, struct err *err)
{
	size_t n = strv_len(locations);
	AUTO(free) struct wire_location *list = xcalloc(n + 1, sizeof(*list));
	AUTO(key_files_close) struct key_files files = {};
	AUTO(wire_reply_clear) struct wire_reply reply = {};
	AUTO(free) char *name = xstrdup(prefix);
	struct wire_request request = { .action = (char[]){ "keys" }, .name = name, .locations = list,
					.n_locations = n };
	struct helper_fds fds = HELPER_FDS_NONE;
	int r = add_locations(config, locations, list, &files, err);

	if (r < 0)
		return r;
	if (!n && !prefix)
		return err_set(err, -EINVAL, "empty prefix");
	warn_about_keys(config, files.n < n || !n);
	fds.keys = files.fds;
	fds.n_keys = files.n;
	r = helper_configure(config, &request, err);
	if (r >= 0)
		r = helper_ask(config, &request, &fds, &reply, err);
	wire_credentials_clear(&request);
	if (r < 0)
		return r;
	if (!str_eq(reply.kind, "keys") || (n && reply.n_keys != n))
		return err_set(err, -EBADMSG, "rkt-fetch gave another answer than was asked for");
	take_keys(&reply, ret, ret_n);
	return 0;
}

/* --- who may sign --------------------------------------------------------------- */

/* One image on its way into the store. */
struct job {
	const struct fetch_config *config;
	struct store *store;
	const struct fetch_image *image;
	bool signature_needed;
	struct trusted_key *keys;
	size_t n_keys;
	int image_fd, signature_fd, download_fd;
	int64_t download_size;
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
	if (has_prefix_key(j, name))
		log_info("if you expected the signing key to change, try running:\n    rkt trust --prefix \"%s\"", name);
	else
		tell_how_to_trust(name);
}

/* --- asking --------------------------------------------------------------------- */

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

static int open_files(struct job *j, struct err *err)
{
	const struct reference *ref = j->image->ref;
	int r = 0;

	if (ref->kind == REFERENCE_FILE)
		r = input_open(ref->path, &j->image_fd, err);
	if (r >= 0)
		r = open_signature(j, err);
	if (r >= 0)
		r = store_temp_file(j->store, &j->download_fd, err);
	return r;
}

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
	q->trusted = xcalloc(j->n_keys + 1, sizeof(*q->trusted));
	for (size_t i = 0; i < j->n_keys; i++) {
		q->trusted[i].fingerprint = xstrdup(j->keys[i].fingerprint);
		q->trusted[i].armor = xstrdup(j->keys[i].armor);
	}
	q->n_trusted = j->n_keys;
	if (r >= 0)
		r = helper_configure(j->config, q, err);
	q->skip_signature = !j->signature_needed;
	q->has_signature = j->signature_fd >= 0;
	return r;
}

static int ask_for_image(struct job *j, int *stream_fd, struct err *err)
{
	AUTO(wire_request_clear) struct wire_request request = {};
	struct helper_fds fds = { .download = j->download_fd, .stream = *stream_fd, .image = j->image_fd,
				  .signature = j->signature_fd };
	int r = build_request(j, &request, err);

	if (r >= 0) {
		r = helper_ask(j->config, &request, &fds, &j->reply, err);
		*stream_fd = fds.stream;
	}
	if (r < 0)
		return r;
	if (!str_eq(j->reply.kind, "image") ||
	    (j->signature_needed && (!j->reply.fingerprint || !is_trusted(j, j->reply.fingerprint))))
		return err_set(err, -EBADMSG, "rkt-fetch gave another answer than was asked for");
	return 0;
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
	return import_commit(import, info, err);
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
	r = import_finish(import, &result, err);
	if (r < 0)
		return err_wrap(err, r, "cannot unpack image \"%s\"", j->image->ref->text);
	r = check_result(j, &result, &manifest, err);
	if (r < 0)
		return r;
	if (j->signature_needed)
		tell_signer(j->reply.identities);
	j->download_size = fstat(j->download_fd, &st) == 0 ? st.st_size : 0;
	/* Nobody needs the download any more, and what it no longer holds need not go to the disk. */
	(void)!ftruncate(j->download_fd, 0);
	return commit(j, import, &manifest, info, err);
}

static int transfer(struct job *j, struct image_info *info, struct err *err)
{
	AUTO(import_free) struct import *import = NULL;
	AUTO(close) int unpack_fd = -1, stream_fd = -1;
	int r = helper_open(j->config->libexec_dir, "rkt-unpack", &unpack_fd, err);

	if (r >= 0)
		r = open_files(j, err);
	if (r >= 0)
		r = import_start(j->store, unpack_fd, j->config->render, &import, &stream_fd, err);
	return r < 0 ? r : receive(j, import, &stream_fd, info, err);
}

static void job_clear(struct job *j)
{
	trusted_keys_free(j->keys, j->n_keys);
	close_auto(&j->image_fd);
	close_auto(&j->signature_fd);
	close_auto(&j->download_fd);
	wire_reply_clear(&j->reply);
}
static inline void job_clear_auto(struct job *j) { job_clear(j); }

int fetch_image(const struct fetch_config *config, struct store *store, const struct fetch_image *image,
		struct image_info *ret, struct err *err)
{
	AUTO(job_clear) struct job j = {
		.config = config, .store = store, .image = image, .image_fd = -1, .signature_fd = -1,
		.download_fd = -1,
		.signature_needed = !image->no_signature && !(config->insecure & FETCH_SKIP_SIGNATURE),
	};
	AUTO(image_info_clear) struct image_info info = {};
	int r;

	if (image->ref->kind == REFERENCE_HASH)
		return err_set(err, -EINVAL, "an image cannot be fetched by its hash");
	if (image->ref->kind >= REFERENCE_REGISTRY)
		return fetch_oci(config, store, image, ret, err);
	warn_about_checks(config, image->no_signature);
	discover_keys(&j);
	r = load_keys(&j, err);
	if (r >= 0)
		r = transfer(&j, &info, err);
	if (r == -ERR_BAD_SIGNATURE)
		tell_what_to_do(&j);
	if (r < 0)
		return r;
	*ret = info;
	info = (struct image_info){};
	return 0;
}
