#include "stage0/manifest.h"

#include <string.h>

#include "base/path.h"
#include "config.h"
#include "pod/contract.h"

/* An image's word on these would be taken for the engine's or the operator's. */
#define RESERVED_ANNOTATIONS "coreos.com/rkt/"

enum env_rule { ENV_KEEP, ENV_REPLACE };

static void set_pairs(struct app *app, char *const *pairs, enum env_rule rule)
{
	for (; pairs && *pairs; pairs++) {
		const char *equals = strchr(*pairs, '=');	/* pod_options_parse() saw it */
		AUTO(free) char *name = xstrndup(*pairs, (size_t)(equals - *pairs));

		if (rule == ENV_KEEP && app_get_env(app, name))
			continue;
		app_set_env(app, name, equals + 1);
	}
}

/* --- one app --- */

static int check_platform(const struct image_manifest *m, struct err *err)
{
	const char *os = label_get(m->labels, m->n_labels, "os");
	const char *arch = label_get(m->labels, m->n_labels, "arch");
	int k;

	if (!os)
		return err_set(err, -ERR_BAD_INPUT, "missing os label in the image manifest");
	if (!arch)
		return err_set(err, -ERR_BAD_INPUT, "missing arch label in the image manifest");
	k = os_arch_check(os, arch, err);
	if (k >= 0 && !host_runs(arch))
		return err_set(err, -ERR_BAD_INPUT, "image \"%s\" is for %s, and this machine is %s", m->name, arch,
			       host_arch());
	return k;
}

static int name_app(const struct app_request *r, const struct image_manifest *m, struct runtime_app *app,
		    struct err *err)
{
	app->name = r->name ? xstrdup(r->name) : ac_name_from(m->name);
	if (!app->name)
		return err_set(err, -ERR_BAD_INPUT, "cannot make an app name of image name \"%s\" (try --name=NAME)",
			       m->name);
	return 0;
}

/* An image without an app section says nothing of who is to run what: then it is the caller. */
static struct app *minimal_app(void)
{
	struct app *app = xcalloc(1, sizeof(*app));

	app->user = xasprintf("%u", (unsigned)getuid());
	app->group = xasprintf("%u", (unsigned)getgid());
	return app;
}

static void copy_annotations(const struct image_manifest *m, struct runtime_app *app)
{
	for (size_t i = 0; i < m->n_annotations; i++)
		if (!str_starts(m->annotations[i].name, RESERVED_ANNOTATIONS))
			label_set(&app->annotations, &app->n_annotations, m->annotations[i].name,
				  m->annotations[i].value);
}

static bool has_path(const struct runtime_app *app, size_t n, const char *path)
{
	AUTO(free) char *clean = path_clean(path);

	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *other = path_clean(app->mounts[i].path);

		if (str_eq(clean, other))
			return true;
	}
	return false;
}

/* Of several mounts at one path the first counts. */
static void drop_repeated_mounts(struct runtime_app *app)
{
	size_t kept = 0;

	for (size_t i = 0; i < app->n_mounts; i++) {
		if (has_path(app, kept, app->mounts[i].path))
			mount_clear(&app->mounts[i]);
		else
			app->mounts[kept++] = app->mounts[i];
	}
	app->n_mounts = kept;
}

/* The app's own mounts win over those of the pod. */
static void add_mounts(const struct pod_options *o, struct runtime_app *app)
{
	for (size_t i = 0; i < o->n_mounts; i++) {
		struct mount *mount = runtime_app_add_mount(app);

		mount->volume = xstrdup(o->mounts[i].volume);
		mount->path = xstrdup(o->mounts[i].path);
	}
	drop_repeated_mounts(app);
}

/* The order of inventory 1.6: image, inherited, --environment, --set-env-file, --set-env. */
static int apply_request(const struct app_request *r, const struct pod_options *o, struct runtime_app *app,
			 struct err *err)
{
	int k;

	set_pairs(app->app, o->inherited, ENV_KEEP);
	k = app_request_apply(r, app, err);
	if (k < 0)
		return k;
	set_pairs(app->app, o->set_env_files, ENV_REPLACE);
	set_pairs(app->app, o->set_env, ENV_REPLACE);
	add_mounts(o, app);
	return 0;
}

static int check_result(const struct app_image *image, const struct runtime_app *app, struct err *err)
{
	char *const *exec = app->app->exec;
	int k;

	if (!exec || !*exec || !**exec)
		return err_set(err, -ERR_BAD_INPUT, "image \"%s\" has an empty \"exec\" (try --exec=BINARY)",
			       image->manifest->name);
	k = identity_check("user", app->app->user ?: "", err);
	if (k >= 0)
		k = identity_check("group", app->app->group ?: "", err);
	return k;
}

static int build_app(const struct app_request *r, const struct pod_options *o, const struct app_image *image,
		     unsigned insecure, struct runtime_app *app, struct err *err)
{
	const struct image_manifest *m = image->manifest;
	int k;

	k = check_platform(m, err);
	if (k >= 0)
		k = name_app(r, m, app, err);
	if (k < 0)
		return k;
	if (!m->app && !r->exec)
		return err_set(err, -ERR_BAD_INPUT,
			       "error: image %s has no app section and --exec argument is not provided", image->id);
	k = app_check_privileges(image, r, insecure, err);
	if (k < 0)
		return k;
	app->app = m->app ? app_copy(m->app) : minimal_app();
	app->image.id = xstrdup(image->id);
	app->image.name = xstrdup(m->name);
	app->image.labels = labels_copy(m->labels, m->n_labels);
	app->image.n_labels = m->n_labels;
	copy_annotations(m, app);
	k = apply_request(r, o, app, err);
	return k < 0 ? k : check_result(image, app, err);
}

/* --- the pod --- */

static int check_port(const struct pod_manifest *m, const char *name, struct err *err)
{
	size_t found = 0;

	for (size_t i = 0; i < m->n_apps; i++)
		for (size_t j = 0; j < m->apps[i].app->n_ports; j++)
			found += str_eq(m->apps[i].app->ports[j].name, name);
	if (!found)
		return err_set(err, -ERR_BAD_INPUT, "port name \"%s\" could not be found in any apps", name);
	if (found > 1)
		return err_set(err, -ERR_BAD_INPUT, "port name \"%s\" defined multiple apps", name);
	return 0;
}

static int add_ports(const struct pod_options *o, struct pod_manifest *m, struct err *err)
{
	m->ports = xcalloc(o->n_ports, sizeof(*m->ports));
	for (size_t i = 0; i < o->n_ports; i++) {
		int k = check_port(m, o->ports[i].name, err);

		if (k < 0)
			return k;
		m->ports[m->n_ports++] = (struct exposed_port){
			.name = xstrdup(o->ports[i].name),
			.host_ip = xstrdup(o->ports[i].host_ip),
			.host_port = o->ports[i].host_port,
		};
	}
	return 0;
}

static void add_volumes(const struct pod_options *o, struct pod_manifest *m)
{
	for (size_t i = 0; i < o->n_volumes; i++) {
		const struct volume *from = &o->volumes[i];
		struct volume *to = pod_manifest_add_volume(m);

		*to = *from;
		to->name = xstrdup(from->name);
		to->kind = xstrdup(from->kind);
		to->source = xstrdup(from->source);
		to->mode = xstrdup(from->mode);
	}
}

static int add_apps(const struct prepare_request *r, const struct pod_options *o, const struct app_image *images,
		    unsigned insecure, struct pod_manifest *m, struct err *err)
{
	for (size_t i = 0; i < r->n_apps; i++) {
		struct runtime_app *app = pod_manifest_add_app(m);
		int k = build_app(&r->apps[i], o, &images[i], insecure, app, err);

		if (k < 0)
			return k;
		for (size_t other = 0; other < i; other++)
			if (str_eq(m->apps[other].name, app->name))
				return err_set(err, -ERR_BAD_INPUT, "error: multiple apps with name %s", app->name);
	}
	return 0;
}

int pod_manifest_build(const struct prepare_request *r, const struct pod_options *o,
		       const struct app_image *images, unsigned insecure, struct pod_manifest *ret, struct err *err)
{
	AUTO(pod_manifest_clear) struct pod_manifest m = {};
	int k;

	m.ac_version = xstrdup(RKT_VERSION);
	m.ac_kind = xstrdup("PodManifest");
	add_volumes(o, &m);
	label_set(&m.annotations, &m.n_annotations, POD_ANNOTATION_MUTABLE, "false");
	k = add_apps(r, o, images, insecure, &m, err);
	if (k >= 0)
		k = add_ports(o, &m, err);
	if (k >= 0)
		k = pod_manifest_check(&m, err);
	if (k < 0)
		return k;
	*ret = m;
	m = (struct pod_manifest){};
	return 0;
}

int runtime_app_check_image(const struct runtime_app *app, const struct app_image *image, unsigned insecure,
			    struct err *err)
{
	const struct image_manifest *m = image->manifest;
	int k = check_platform(m, err);

	if (k < 0 || app->app)
		return k;
	if (!m->app)
		return err_set(err, -ERR_BAD_INPUT, "no app section in the pod manifest or the image manifest");
	return app_check_privileges(image, NULL, insecure, err);
}
