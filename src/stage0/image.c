#include "stage0/image.h"

#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "image/helper.h"
#include "os/mount.h"
#include "stage1_id.h"

/* --- trust --- */

static bool is_accepted(const struct image_info *image)
{
	return fingerprint_kind(image->verified_by) == TRUST_UNSIGNED;
}

bool image_is_verified(const struct engine *e, const struct image_info *image)
{
	if (str_eq(image->id, DEFAULT_STAGE1_ID))
		return true;
	if (is_accepted(image) && !str_eq(image->format, "oci"))
		return false;	/* of ACIs nobody accepts that */
	return image->verified_by &&
	       keystore_trusts(e->system_config, e->local_config, image->name, image->verified_by);
}

bool image_is_signed(const struct engine *e, const struct image_info *image)
{
	return !is_accepted(image) && image_is_verified(e, image);
}

int image_check_verified(const struct engine *e, const struct image_info *image, struct err *err)
{
	if (e->insecure & INSECURE_IMAGE || image_is_verified(e, image))
		return 0;
	if (image->hearsay)
		return err_set(err, -ERR_NO_SIGNATURE,
			       "image \"%s\" (%.*s) was fetched by a user whose word on its signature does not count "
			       "(fetch it again, or try --insecure-options=image)", image->name, IMAGE_KEY_LEN,
			       image->id);
	if (!image->verified_by)
		return err_set(err, -ERR_NO_SIGNATURE,
			       "the signature of image \"%s\" (%.*s) was never verified (try --insecure-options=image)",
			       image->name, IMAGE_KEY_LEN, image->id);
	if (is_accepted(image))
		return err_set(err, -ERR_NO_SIGNATURE,
			       "nobody signed image \"%s\" (%.*s), which is no longer accepted for that name "
			       "(try --insecure-options=image)", image->name, IMAGE_KEY_LEN, image->id);
	return err_set(err, -ERR_BAD_SIGNATURE,
		       "key %s, which signed image \"%s\" (%.*s), is no longer trusted for that name "
		       "(try --insecure-options=image)", image->verified_by, image->name, IMAGE_KEY_LEN, image->id);
}

void image_prefer_verified(const struct engine *e, struct image_info *image)
{
	struct image_info *names = NULL;
	size_t n = 0;

	store_names(image, &names, &n);
	for (size_t i = 0; i < n; i++)
		if (image_is_verified(e, &names[i])) {
			image_info_clear(image);
			*image = names[i];
			names[i] = (struct image_info){};
			break;
		}
	image_infos_free(names, n);
}

/* --- the store --- */

struct candidates {
	const struct engine *e;
	struct err *refused;	/* why the first candidate that could not be used was passed over */
	int code;		/* likewise; 0: there was no such candidate */
};

static bool accept_verified(void *arg, const struct image_info *image)
{
	struct candidates *c = arg;
	int r = image_check_verified(c->e, image, c->code ? NULL : c->refused);

	if (r < 0 && !c->code)
		c->code = r;
	return r >= 0;
}

int image_find_name(const struct engine *e, struct store *store, const char *name, const struct label *labels,
		    size_t n_labels, struct image_info *ret, struct err *err)
{
	AUTO(err_clear) struct err refused = {};
	struct candidates c = { .e = e, .refused = &refused };
	int r;

	r = store_find_name(store, name, labels, n_labels, accept_verified, &c, ret, err);
	if (r == -ERR_NOT_FOUND && c.code) {
		AUTO(free) char *why = err_text(&refused);

		return err_set(err, c.code, "%s", why);
	}
	return r;
}

static bool is_refusal(int r) { return r == -ERR_NO_SIGNATURE || r == -ERR_BAD_SIGNATURE; }

/*
 * Has it that digest in truth? Whoever vouches for it got it by that very reference, from which registry and index it
 * may have come; of others the digest alone counts, if the image's ID is that of the document that has it.
 */
static bool has_digest(const struct engine *e, struct store *store, const struct image_info *image, const char *digest)
{
	AUTO(close) int unpack_fd = -1;
	AUTO(err_clear) struct err err = {};
	int r = 0;

	if (image->vouched)
		return true;
	if (!str_eq(image->digest, digest))
		return false;
	r = helper_open(e->libexec_dir, "rkt-unpack", &unpack_fd, &err);
	if (r >= 0)
		r = store_check_digest(store, unpack_fd, image, &err);
	if (r < 0) {
		AUTO(free) char *words = err_text(&err);

		log_debug("image: %s", words);
	}
	return r >= 0;
}

/* The newest image that came from this URL and may be used. digest: what the URL names besides; NULL: a tag or nothing. */
static int find_source(const struct engine *e, struct store *store, const char *url, const char *digest,
		       struct image_info *ret, struct err *err)
{
	struct candidates c = { .e = e, .refused = err };
	struct image_info *list = NULL, *best = NULL;
	AUTO(strv_free) char **bad = NULL;
	size_t n = 0;
	int r;

	r = store_list_all(store, &list, &n, &bad, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(list[i].source, url) || !accept_verified(&c, &list[i]))
			continue;
		if (digest && !has_digest(e, store, &list[i], digest))
			continue;
		if (!best || list[i].import_time > best->import_time)
			best = &list[i];
	}
	if (best) {
		err_clear(err);
		*ret = *best;
		*best = (struct image_info){};
	} else if (!c.code) {
		r = err_set(err, -ERR_NOT_FOUND, "the store has no image from \"%s\"", url);
	} else {
		r = c.code;
	}
	image_infos_free(list, n);
	return r;
}

/* --- fetching --- */

static const struct { unsigned insecure, fetch; } fetch_bits[] = {
	{ INSECURE_IMAGE, FETCH_SKIP_SIGNATURE },
	{ INSECURE_TLS, FETCH_SKIP_TLS },
	{ INSECURE_HTTP, FETCH_ALLOW_HTTP },
	{ INSECURE_PUBKEY, FETCH_PUBKEY_HTTP },
};

int image_fetch(const struct engine *e, struct store *store, const struct fetch_image *image,
		struct image_info *ret, struct err *err)
{
	size_t n = 0, n_registries = 0;
	AUTO(free) struct fetch_credential *credentials = config_credentials(&e->config, &n);
	AUTO(free) struct fetch_registry *registries = config_mirrors(&e->config, &n_registries);
	struct fetch_config config = {
		.system_config = e->system_config,
		.local_config = e->local_config,
		.libexec_dir = e->libexec_dir,
		.trust_keys_from_https = e->trust_keys_from_https,
		.credentials = credentials,
		.n_credentials = n,
		.registries = registries,
		.n_registries = n_registries,
		.render = !geteuid() && mount_overlay_supported(),
	};

	for (size_t i = 0; i < ARRAY_LEN(fetch_bits); i++)
		if (e->insecure & fetch_bits[i].insecure)
			config.insecure |= fetch_bits[i].fetch;
	return fetch_image(&config, store, image, ret, err);
}

/* --- one image of the command line; each way checks what it gives --- */

struct wanted {
	const struct engine *e;
	struct store *store;
	struct reference ref;
	const char *signature;
	enum pull_policy policy;
};

/* What the store has in answer to the same question, if that may be used. */
static int find_stored(void *arg, struct image_info *ret)
{
	const struct wanted *w = arg;
	const struct reference *ref = &w->ref;
	AUTO(err_clear) struct err err = {};
	int r;

	if (ref->kind == REFERENCE_URL)
		return find_source(w->e, w->store, ref->url, NULL, ret, &err);
	if (ref->kind != REFERENCE_NAME)
		return -ERR_NOT_FOUND;
	r = image_find_name(w->e, w->store, ref->name, ref->labels, ref->n_labels, ret, &err);
	/* The latest version and a certain one are asked for at different places, also if they are the same. */
	if (r >= 0 && ret->latest != !label_get(ref->labels, ref->n_labels, "version")) {
		image_info_clear(ret);
		r = -ERR_NOT_FOUND;
	}
	return r;
}

static int fetch_wanted(struct wanted *w, struct image_info *ret, struct err *err)
{
	const struct fetch_image image = {
		.ref = &w->ref,
		.signature = w->signature,
		.expect_name = w->ref.kind == REFERENCE_NAME,
		/* Whoever names a signature wants that one verified. */
		.stored = w->signature ? NULL : find_stored,
		.stored_arg = w,
	};
	int r;

	log_debug("image: fetching image from %s", w->ref.text);
	r = image_fetch(w->e, w->store, &image, ret, err);
	return r < 0 ? r : image_check_verified(w->e, ret, err);
}

static int obtain_hash(struct wanted *w, struct image_info *ret, struct err *err)
{
	int r = store_find_id(w->store, w->ref.hash, ret, err);

	if (r < 0)
		return err_wrap(err, r, "could not resolve image \"%s\"", w->ref.text);
	/* By the digest that somebody else says it has. */
	if (str_starts(w->ref.hash, "sha256") && !has_digest(w->e, w->store, ret, ret->digest))
		return err_set(err, -ERR_BAD_INPUT, "the image \"%s\" has not the digest that is known of it: remove it",
			       ret->id);
	image_prefer_verified(w->e, ret);
	return image_check_verified(w->e, ret, err);
}

static int obtain_file(struct wanted *w, struct image_info *ret, struct err *err)
{
	log_debug("image: using image from file %s", w->ref.path);
	return fetch_wanted(w, ret, err);
}

static int not_stored(const char *what, const char *text, struct err *err)
{
	return err_set(err, -ERR_NOT_FOUND,
		       "unable to fetch %s \"%s\": either image was not found in the store or store was "
		       "disabled and fetching from remote yielded nothing or it was disabled", what, text);
}

/* What names and URLs share: how the answer of the store and the pull policy decide. found: the store's code. */
static int follow_policy(struct wanted *w, const char *what, int found, struct image_info *ret, struct err *err)
{
	AUTO(free) char *why = NULL;
	int r;

	if (found >= 0 && w->policy != PULL_UPDATE) {
		log_debug("image: using image from local store for image name %s", w->ref.text);
		return 0;
	}
	if (w->policy == PULL_NEVER)
		return found == -ERR_NOT_FOUND ? not_stored(what, w->ref.text, err) : found;
	if (found != -ERR_NOT_FOUND && !is_refusal(found))
		return found;
	if (!is_refusal(found)) {
		err_clear(err);
		return fetch_wanted(w, ret, err);
	}
	/* One is there that may not be used: the remote may have it signed. Else both reasons belong together. */
	why = err_text(err);
	err_clear(err);
	log_debug("image: %s", why);
	r = fetch_wanted(w, ret, err);
	return r < 0 ? err_wrap(err, r, "%s, and fetching it again failed", why) : r;
}

static int obtain_name(struct wanted *w, struct image_info *ret, struct err *err)
{
	int r = reference_default_labels(&w->ref.labels, &w->ref.n_labels, err);

	if (r < 0)
		return err_wrap(err, r, "invalid Appc distribution \"%s\"", w->ref.text);
	log_debug("image: searching for app image %s", w->ref.text);
	r = -ERR_NOT_FOUND;
	if (w->policy != PULL_UPDATE)
		r = image_find_name(w->e, w->store, w->ref.name, w->ref.labels, w->ref.n_labels, ret, err);
	return follow_policy(w, "image from image name", r, ret, err);
}

static int obtain_url(struct wanted *w, struct image_info *ret, struct err *err)
{
	int r = -ERR_NOT_FOUND;

	if (w->policy != PULL_UPDATE)
		r = find_source(w->e, w->store, w->ref.url, NULL, ret, err);
	if (r == -ERR_NOT_FOUND && w->policy != PULL_NEVER)
		log_debug("image: remote fetching from URL \"%s\"", w->ref.url);
	return follow_policy(w, "image from URL", r, ret, err);
}

/* What a digest names cannot have changed: the store knows it as well as the registry does. */
static int obtain_registry(struct wanted *w, struct image_info *ret, struct err *err)
{
	AUTO(free) char *source = reference_source(&w->ref);
	int r = -ERR_NOT_FOUND;

	if (w->policy != PULL_UPDATE || (w->ref.digest && !w->signature))
		r = find_source(w->e, w->store, source, w->ref.digest, ret, err);
	if (r >= 0 && w->ref.digest)
		return 0;
	return follow_policy(w, "docker image from URL", r, ret, err);
}

static int (*const obtain_kinds[])(struct wanted *, struct image_info *, struct err *) = {
	[REFERENCE_HASH] = obtain_hash,
	[REFERENCE_NAME] = obtain_name,
	[REFERENCE_FILE] = obtain_file,
	[REFERENCE_URL] = obtain_url,
	[REFERENCE_REGISTRY] = obtain_registry,
	[REFERENCE_LAYOUT] = obtain_file,
	[REFERENCE_ARCHIVE] = obtain_file,
};

/* Whoever names a signature wants it verified: what the store has was verified with another, or not at all. */
static int heed_signature(struct wanted *w, struct err *err)
{
	bool is_remote = w->ref.kind == REFERENCE_NAME || w->ref.kind == REFERENCE_URL || w->ref.kind == REFERENCE_REGISTRY;

	if (!w->signature)
		return 0;
	if (w->ref.kind == REFERENCE_HASH)
		return err_set(err, -EINVAL, "--signature is for an image that is fetched, and \"%s\" names a stored one",
			       w->ref.text);
	if (is_remote && w->policy == PULL_NEVER)
		return err_set(err, -EINVAL, "--signature is for an image that is fetched, and \"%s\" is not with "
			       "--pull-policy=never", w->ref.text);
	w->policy = PULL_UPDATE;
	return 0;
}

int image_obtain_one(const struct engine *e, struct store *store, const char *text, const char *signature,
		     enum pull_policy policy, struct image_info *ret, struct err *err)
{
	struct wanted w = { .e = e, .store = store, .signature = signature, .policy = policy };
	AUTO(image_info_clear) struct image_info found = {};
	AUTO(err_clear) struct err unheard = {};
	int r;

	err = err ?: &unheard;
	r = reference_parse(text, &w.ref, err);
	if (r < 0)
		return r;
	r = heed_signature(&w, err);
	if (r >= 0)
		r = obtain_kinds[w.ref.kind](&w, &found, err);
	reference_clear(&w.ref);
	if (r < 0)
		return r;
	*ret = found;
	found = (struct image_info){};
	return 0;
}
