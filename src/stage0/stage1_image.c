#include "stage0/image.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "config.h"
#include "pod/contract.h"
#include "stage1_id.h"

#define DEFAULT_STAGE1_FILE "stage1-native.aci"

/* --- what counts as a stage1 --- */

static int check_is_stage1(struct store *store, const struct image_info *image, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest manifest = {};
	int r;

	r = store_read_manifest(store, image, &manifest, err);
	if (r < 0)
		return r;
	if (!label_get(manifest.annotations, manifest.n_annotations, STAGE1_ENTRY_RUN))
		return err_set(err, -ERR_BAD_INPUT,
			       "image \"%s\" is not a stage1 image: it has no annotation \"%s\"", manifest.name,
			       STAGE1_ENTRY_RUN);
	return 0;
}


/* The directory that the running program lies in; the caller frees it. NULL: unknown. */
static char *program_dir(void)
{
	AUTO(free) char *exe = realpath("/proc/self/exe", NULL);
	char *slash = exe ? strrchr(exe, '/') : NULL;

	if (!slash)
		return NULL;
	return xstrndup(exe, slash == exe ? 1 : (size_t)(slash - exe));
}

enum signature { SIGNATURE_NEEDED, SIGNATURE_NOT_NEEDED };

static int fetch_file(const struct engine *e, struct store *store, const char *path, enum signature signature,
		      const char *must_be_id, struct image_info *ret, struct err *err)
{
	struct reference ref = {
		.kind = REFERENCE_FILE, .text = (char *)path, .path = (char *)path,
	};
	const struct fetch_image image = {
		.ref = &ref,
		.must_be_id = must_be_id,
		.no_signature = signature == SIGNATURE_NOT_NEEDED,
	};

	log_debug("image: using image from file %s", path);
	return image_fetch(e, store, &image, ret, err);
}

/*
 * Files that came with this program need no signature of their own. What is
 * then opened is the path that was judged: "/link/../usr/…" may lead elsewhere
 * than its words say.
 */
static int obtain_path(const struct engine *e, struct store *store, const char *path, struct image_info *ret,
		       struct err *err)
{
	AUTO(free) char *clean = path_clean(path);

	if (*clean == '/' && path_has_prefix(clean, STAGE1_DIR))
		return fetch_file(e, store, clean, SIGNATURE_NOT_NEEDED, NULL, ret, err);
	return fetch_file(e, store, path, SIGNATURE_NEEDED, NULL, ret, err);
}

/* --- the default --- */

/*
 * The image that was built with this program and that it knows by hash. The
 * file beside the program comes first, so that a build tree uses its own.
 */
static int obtain_default_file(const struct engine *e, struct store *store, struct image_info *ret, struct err *err)
{
	AUTO(free) char *dir = program_dir();
	const char *const dirs[] = { dir, STAGE1_DIR };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO(free) char *path = dirs[i] ? xasprintf("%s/" DEFAULT_STAGE1_FILE, dirs[i]) : NULL;
		int r;

		if (!path || access(path, F_OK) < 0)
			continue;
		r = fetch_file(e, store, path, SIGNATURE_NOT_NEEDED, DEFAULT_STAGE1_ID, ret, err);
		return r < 0 ? err_wrap(err, r, "failed to fetch stage1 image") : r;
	}
	return err_set(err, -ERR_NOT_FOUND,
		       "failed to fetch stage1 image: there is no \"%s\" in \"%s\" nor beside rkt, use "
		       "--stage1-{path,url,name,hash,from-dir} flag", DEFAULT_STAGE1_FILE, STAGE1_DIR);
}

/* Every run comes through here: one look into the store, nothing more. */
static int obtain_default(const struct engine *e, struct store *store, struct image_info *ret, struct err *err)
{
	int r = store_find_id(store, DEFAULT_STAGE1_ID, ret, err);

	if (r != -ERR_NOT_FOUND)
		return r;
	err_clear(err);
	return obtain_default_file(e, store, ret, err);
}

/* --- as configured --- */

static int find_configured_name(const struct engine *e, struct store *store, struct image_info *ret,
				struct err *err)
{
	const struct config *c = &e->config;
	struct label *labels = NULL;
	size_t n_labels = 0;
	int r;

	/* A build that is not a release has no version to be found by. */
	if (!c->stage1_name || str_ends(c->stage1_version, "-dirty"))
		return -ERR_NOT_FOUND;
	label_set(&labels, &n_labels, "version", c->stage1_version);
	r = reference_default_labels(&labels, &n_labels, err);
	if (r >= 0)
		r = image_find_name(e, store, c->stage1_name, labels, n_labels, ret, err);
	labels_free(labels, n_labels);
	return r;
}

/* The configured file, or the file of that name beside this program. */
static int obtain_configured_file(const struct engine *e, struct store *store, const char *path,
				  struct image_info *ret, struct err *err)
{
	AUTO(free) char *dir = program_dir();
	AUTO(free) char *beside = dir ? xasprintf("%s/%s", dir, path_last(path)) : NULL;
	int r;

	if (access(path, F_OK) < 0 && errno == ENOENT && beside) {
		r = fetch_file(e, store, beside, SIGNATURE_NOT_NEEDED, NULL, ret, err);
		return r < 0 ? err_wrap(err, r, "failed to fetch stage1 image and failed to fall back to stage1 "
				"image in the rkt directory") : r;
	}
	r = obtain_path(e, store, path, ret, err);
	return r < 0 ? err_wrap(err, r, "failed to fetch stage1 image") : r;
}

static int obtain_configured_location(const struct engine *e, struct store *store, const char *location,
				      struct image_info *ret, struct err *err)
{
	int r;

	if (*location == '/')
		return obtain_configured_file(e, store, location, ret, err);
	if (str_starts(location, "file:///"))
		return obtain_configured_file(e, store, location + strlen("file://"), ret, err);
	r = image_obtain(e, store, location, NULL, PULL_NEW, ret, err);
	return r < 0 ? err_wrap(err, r, "failed to fetch stage1 image") : r;
}

/*
 * rkt 1.30 passed over a configured location as long as the store had the
 * image of the build. Whoever configures another stage1 wants another isolation
 * and must get it, so here the location counts.
 */
static int obtain_configured(const struct engine *e, struct store *store, struct image_info *ret, struct err *err)
{
	int r = find_configured_name(e, store, ret, err);
	bool refused = r == -ERR_NO_SIGNATURE || r == -ERR_BAD_SIGNATURE;

	if (r != -ERR_NOT_FOUND && !(refused && e->config.stage1_location))
		return r;
	err_clear(err);
	if (e->config.stage1_location)
		return obtain_configured_location(e, store, e->config.stage1_location, ret, err);
	return obtain_default(e, store, ret, err);
}

/* --- as the command line says --- */

/* For the flags that name an image as the command line does, but only in one form. */
static int obtain_form(const struct engine *e, struct store *store, enum reference_kind form, const char *flag,
		       const char *text, struct image_info *ret, struct err *err)
{
	AUTO(reference_clear) struct reference ref = {};
	int r;

	r = reference_parse(text, &ref, err);
	if (r < 0)
		return r;
	if (form == REFERENCE_URL && ref.kind == REFERENCE_FILE && str_starts(text, "file:"))
		return obtain_path(e, store, ref.path, ret, err);
	if (ref.kind != form && !(form == REFERENCE_URL && ref.kind == REFERENCE_REGISTRY))
		return err_set(err, -ERR_USAGE, "\"%s\" is not what --%s takes", text, flag);
	return image_obtain(e, store, text, NULL, PULL_NEW, ret, err);
}

static int obtain_url(const struct engine *e, struct store *store, const char *text, struct image_info *ret,
		      struct err *err)
{
	return obtain_form(e, store, REFERENCE_URL, "stage1-url", text, ret, err);
}

static int obtain_name(const struct engine *e, struct store *store, const char *text, struct image_info *ret,
		       struct err *err)
{
	return obtain_form(e, store, REFERENCE_NAME, "stage1-name", text, ret, err);
}

static int obtain_hash(const struct engine *e, struct store *store, const char *text, struct image_info *ret,
		       struct err *err)
{
	return obtain_form(e, store, REFERENCE_HASH, "stage1-hash", text, ret, err);
}

static int obtain_from_dir(const struct engine *e, struct store *store, const char *name, struct image_info *ret,
			   struct err *err)
{
	AUTO(free) char *path = NULL;

	if (!*name || strchr(name, '/'))
		return err_set(err, -ERR_USAGE, "--stage1-from-dir takes the name of a file, not \"%s\"", name);
	path = xasprintf("%s/%s", e->config.stage1_images_dir ?: STAGE1_DIR, name);
	return obtain_path(e, store, path, ret, err);
}

static const struct stage1_flag {
	const char *name;
	size_t at;
	int (*obtain)(const struct engine *, struct store *, const char *, struct image_info *, struct err *);
} flags[] = {
	{ "stage1-url", offsetof(struct stage1_choice, url), obtain_url },
	{ "stage1-path", offsetof(struct stage1_choice, path), obtain_path },
	{ "stage1-name", offsetof(struct stage1_choice, name), obtain_name },
	{ "stage1-hash", offsetof(struct stage1_choice, hash), obtain_hash },
	{ "stage1-from-dir", offsetof(struct stage1_choice, from_dir), obtain_from_dir },
};

static const char *flag_value(const struct stage1_choice *choice, const struct stage1_flag *flag)
{
	return *(const char *const *)((const char *)choice + flag->at);
}

static int find_flag(const struct stage1_choice *choice, const struct stage1_flag **ret, struct err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (!flag_value(choice, &flags[i]))
			continue;
		if (*ret)
			return err_set(err, -ERR_USAGE, "flags --%s and --%s are mutually exclusive", (*ret)->name,
				       flags[i].name);
		*ret = &flags[i];
	}
	return 0;
}

int stage1_obtain(const struct engine *e, struct store *store, const struct stage1_choice *choice,
		  struct image_info *ret, struct err *err)
{
	AUTO(image_info_clear) struct image_info found = {};
	AUTO(err_clear) struct err unheard = {};
	const struct stage1_flag *flag;
	int r;

	err = err ?: &unheard;
	r = find_flag(choice, &flag, err);
	if (r < 0)
		return r;
	if (flag)
		r = flag->obtain(e, store, flag_value(choice, flag), &found, err);
	else if (e->config.stage1_name || e->config.stage1_location)
		r = obtain_configured(e, store, &found, err);
	else
		r = obtain_default(e, store, &found, err);
	if (r < 0)
		return r;
	if (!str_eq(found.id, DEFAULT_STAGE1_ID)) {
		r = check_is_stage1(store, &found, err);
		if (r < 0)
			return r;
	}
	*ret = found;
	found = (struct image_info){};
	return 0;
}
