#include "stage1/native/plan.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "pod/contract.h"

enum { PIDS_DEFAULT = 2048 };

#define CAP(name) CAPS_BIT(CAP_##name)
static const caps_t caps_hardened = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(KILL) |
	CAP(NET_BIND_SERVICE) | CAP(SETFCAP) | CAP(SETGID) | CAP(SETPCAP) | CAP(SETUID) | CAP(SYS_CHROOT);
static const caps_t caps_rkt = CAP(AUDIT_WRITE) | CAP(MKNOD) | CAP(NET_RAW);	/* besides those */

/* --- environment --------------------------------------------------------- */

static bool env_has(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return true;
	return false;
}

char **plan_env(const struct app *app, const char *app_name)
{
	static const struct { const char *name, *value; } defaults[] = {
		{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
		{ "SHELL", "/bin/sh" }, { "USER", "root" }, { "LOGNAME", "root" }, { "HOME", "/root" },
	};
	char **env = NULL;

	for (size_t i = 0; i < app->n_env; i++)
		if (!str_eq(app->env[i].name, "AC_APP_NAME"))
			strv_take(&env, xasprintf("%s=%s", app->env[i].name, app->env[i].value));
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		if (!env_has(env, defaults[i].name))
			strv_take(&env, xasprintf("%s=%s", defaults[i].name, defaults[i].value));
	strv_take(&env, xasprintf("AC_APP_NAME=%s", app_name));
	return env;
}

/* --- capabilities and system calls --------------------------------------- */

int plan_caps(const struct run_args *args, const struct isolation *isolation, caps_t bounding, caps_t *ret,
	      struct err *err)
{
	caps_t named = 0, defaults = caps_hardened | (args->hardened ? 0 : caps_rkt);
	int r = caps_parse(isolation->caps, &named, err);

	if (r < 0)
		return r;
	if (args->disable_caps) {
		*ret = bounding;
		return 0;
	}
	if (isolation->caps_mode != SET_RETAIN) {
		*ret = defaults & bounding & ~(isolation->caps_mode == SET_REMOVE ? named : 0);
		return 0;
	}
	for (int i = 0; caps_name(i); i++)
		if (named & ~bounding & CAPS_BIT(i))
			return err_set(err, -EPERM, "%s is not ours to give", caps_name(i));
	*ret = named;
	return 0;
}

static int plan_filter(const struct run_args *args, struct app_plan *app, struct err *err)
{
	static const enum seccomp_mode modes[] = {
		[SET_DEFAULT] = SECCOMP_DEFAULT, [SET_RETAIN] = SECCOMP_RETAIN, [SET_REMOVE] = SECCOMP_REMOVE,
	};
	const struct seccomp_request request = {
		.profile = args->hardened ? SECCOMP_HARDENED : SECCOMP_RKT,
		.mode = modes[app->isolation.seccomp_mode],
		.names = app->isolation.seccomp,
		.errno_name = app->isolation.seccomp_errno,
		.caps = app->caps,
	};
	int r;

	if (args->disable_seccomp)
		return 0;
	r = seccomp_compile(&request, &app->filter, err);
	app->has_filter = app->filter.n > 0;
	return r;
}

/* --- mounts -------------------------------------------------------------- */

static bool mounted_already(const struct app_plan *app, const char *target)
{
	for (size_t i = 0; i < app->n_mounts; i++)
		if (str_eq(app->mounts[i].target, target))
			return true;
	return false;
}

/* The first mount at a path counts; a mount point of the image may ask for read-only, a volume decides. */
static int add_mount(struct app_plan *app, const char *path, const struct volume *volume, bool point_read_only,
		     struct err *err)
{
	struct app_mount *m;

	if (*path != '/')
		return err_set(err, -ERR_BAD_INPUT, "mount path '%s' is not absolute", path);
	if (!volume_is_host(volume) && !str_eq(volume->kind, "empty"))
		return err_set(err, -ERR_BAD_INPUT, "Volume %s has invalid kind %s", volume->name, volume->kind);
	app->mounts = xreallocarray(app->mounts, app->n_mounts + 1, sizeof(*app->mounts));
	m = &app->mounts[app->n_mounts];
	*m = (struct app_mount){
		.target = path_clean(path), .volume = volume, .fd = -1,
		.read_only = volume->read_only.set ? volume->read_only.value : point_read_only,
		.recursive = volume->recursive.set ? volume->recursive.value : true,
	};
	if (str_eq(m->target, "/")) {
		free(m->target);
		return err_set(err, -ERR_BAD_INPUT, "volume '%s' cannot be mounted on '/'", volume->name);
	}
	if (mounted_already(app, m->target))
		free(m->target);
	else
		app->n_mounts++;
	return 0;
}

/* A mount point that nobody gave a volume to. The array never moves: mounts point into it. */
static const struct volume *implicit_volume(struct app_plan *app, const struct mount_point *point)
{
	struct volume *v = &app->implicit[app->n_implicit++];

	log_warn("no volume specified for mount point \"%s\", implicitly creating an \"empty\" volume. "
		 "This volume will be removed when the pod is garbage-collected.", point->name);
	v->name = xasprintf("%s-%s", app->name, point->name);
	v->kind = xstrdup("empty");
	return v;
}

/*
 * An image of Docker's expects to find in a volume what it has in its place, as its user's own. Whoever says how a
 * volume is to be gets just that.
 */
static void plan_filling(struct app_plan *app)
{
	for (size_t i = 0; i < app->app->n_mount_points && app->is_dockers; i++) {
		AUTO(free) char *clean = path_clean(app->app->mount_points[i].path);

		for (size_t j = 0; j < app->n_mounts; j++) {
			const struct volume *v = app->mounts[j].volume;

			if (str_eq(app->mounts[j].target, clean))
				app->mounts[j].filled = !volume_is_host(v) && !v->mode && !v->uid.set && !v->gid.set;
		}
	}
}

/* Parents before children, so that a volume in a volume ends inside of it. */
static int by_target(const void *a, const void *b)
{
	return strcmp(((const struct app_mount *)a)->target, ((const struct app_mount *)b)->target);
}

int plan_mounts(const struct pod_manifest *pod, const struct runtime_app *runtime, struct app_plan *app,
		struct err *err)
{
	const struct volume *v;
	int r;

	app->implicit = xcalloc(app->app->n_mount_points, sizeof(*app->implicit));
	for (size_t i = 0; i < runtime->n_mounts; i++) {
		const struct mount *m = &runtime->mounts[i];

		v = m->app_volume ? m->app_volume : pod_manifest_volume(pod, m->volume);
		if (!v)
			return err_set(err, -ERR_BAD_INPUT, "could not find volume %s", m->volume);
		r = add_mount(app, m->path, v, false, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < app->app->n_mount_points; i++) {
		const struct mount_point *p = &app->app->mount_points[i];
		AUTO(free) char *clean = path_clean(p->path);

		if (mounted_already(app, clean))
			continue;
		v = pod_manifest_volume(pod, p->name);
		r = add_mount(app, p->path, v ? v : implicit_volume(app, p), p->read_only.value, err);
		if (r < 0)
			return r;
	}
	plan_filling(app);
	if (app->n_mounts)
		qsort(app->mounts, app->n_mounts, sizeof(*app->mounts), by_target);
	return 0;
}

/* --- an app -------------------------------------------------------------- */

static int read_image(struct app_plan *app, struct err *err)
{
	AUTO(free) char *path = xasprintf(POD_APPSINFO "/%s/manifest", app->name);
	AUTO(free) char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, MANIFEST_MAX_BYTES, &text, &len);

	if (r < 0)
		return err_sys(err, r, "cannot read '%s'", path);
	r = image_manifest_read(text, len, &app->image, err);
	return r < 0 ? err_wrap(err, r, "cannot read '%s'", path) : 0;
}

/* The app's part of the image's manifest stands in where the pod's has none. */
static int read_image_app(struct app_plan *app, struct err *err)
{
	int r = read_image(app, err);

	if (r < 0)
		return r;
	if (!app->image.app)
		return err_set(err, -ERR_BAD_INPUT, "no app section in the pod manifest or the image manifest");
	app->app = app->image.app;
	return 0;
}

static int plan_gids(struct app_plan *app, struct err *err)
{
	app->n_gids = app->app->n_gids;
	app->gids = xcalloc(app->n_gids, sizeof(*app->gids));
	for (size_t i = 0; i < app->n_gids; i++) {
		int64_t gid = app->app->gids[i];

		if (gid < 0 || gid >= UINT32_MAX)
			return err_set(err, -ERR_BAD_INPUT, "supplementary group %lld is out of range", (long long)gid);
		app->gids[i] = (gid_t)gid;
	}
	return 0;
}

static void plan_limits(const struct run_args *args, struct app_plan *app)
{
	const struct isolation *i = &app->isolation;

	app->limits = (struct cgroup_limits){
		.memory_bytes = i->memory_bytes.set ? i->memory_bytes.value : 0,
		.cpu_milli = i->cpu_milli.set ? i->cpu_milli.value : 0,
		.cpu_shares = i->cpu_shares.set ? i->cpu_shares.value : 0,
		.pids = args->hardened ? PIDS_DEFAULT : 0,
	};
}

/*
 * appc has no word for a user without a group: an image of Docker's that has none names him twice, and says so in
 * an annotation. Whoever is asked for on the command line is not meant.
 */
static bool is_alone(const struct runtime_app *runtime, const struct app *app)
{
	const char *said = label_get(runtime->annotations, runtime->n_annotations, IMAGE_ANNOTATION_DOCKER_USER);

	return said && str_eq(app->user, said) && str_eq(app->group, said);
}

static bool has_dockers(const struct label *annotations, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_starts(annotations[i].name, IMAGE_ANNOTATIONS_DOCKER))
			return true;
	return false;
}

/* Only volumes depend on it. A pod manifest need not repeat what the image's says. */
static int plan_origin(const struct runtime_app *runtime, struct app_plan *app, struct err *err)
{
	int r = 0;

	if (!app->app->n_mount_points)
		return 0;
	app->is_dockers = has_dockers(runtime->annotations, runtime->n_annotations);
	if (!app->is_dockers && !app->image.name)
		r = read_image(app, err);
	if (!app->is_dockers)
		app->is_dockers = has_dockers(app->image.annotations, app->image.n_annotations);
	return r;
}

static int plan_app(const struct pod_plan *plan, const struct runtime_app *runtime, caps_t bounding,
		    struct app_plan *app, struct err *err)
{
	int r = 0;

	*app = (struct app_plan){
		.name = runtime->name, .app = runtime->app, .read_only_root = runtime->read_only_rootfs, .root_fd = -1,
		.leaf = CGROUP_LEAF_NONE,
	};
	if (!app->app)
		r = read_image_app(app, err);
	if (r < 0)
		return r;
	if (!strv_len(app->app->exec))
		return err_set(err, -ERR_BAD_INPUT, "image \"%s\" has an empty \"exec\" (try --exec=BINARY)",
			       runtime->image.name ? runtime->image.name : runtime->image.id);
	r = isolation_read(app->app->isolators, app->app->n_isolators, &app->isolation, err);
	if (r >= 0)
		r = plan_caps(plan->args, &app->isolation, bounding, &app->caps, err);
	if (r >= 0)
		r = plan_filter(plan->args, app, err);
	if (r >= 0)
		r = plan_gids(app, err);
	if (r >= 0)
		r = plan_origin(runtime, app, err);
	if (r >= 0)
		r = plan_mounts(&plan->manifest, runtime, app, err);
	if (r < 0)
		return r;
	app->alone = is_alone(runtime, app->app);
	app->env = plan_env(app->app, app->name);
	plan_limits(plan->args, app);
	return 0;
}

/* --- the pod ------------------------------------------------------------- */

static int read_manifest(struct pod_plan *plan, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, POD_MANIFEST, MANIFEST_MAX_BYTES, &text, &len);

	if (r < 0)
		return err_sys(err, r, "cannot read the pod manifest");
	r = pod_manifest_read(text, len, &plan->manifest, err);
	return r < 0 ? err_wrap(err, r, "cannot read the pod manifest") : 0;
}

static int plan_apps(struct pod_plan *plan, struct err *err)
{
	caps_t bounding;
	int r = caps_bounding(&bounding);

	if (r < 0)
		return err_sys(err, r, "cannot read our capabilities");
	plan->apps = xcalloc(plan->manifest.n_apps, sizeof(*plan->apps));
	for (size_t i = 0; i < plan->manifest.n_apps; i++) {
		plan->n_apps++;
		r = plan_app(plan, &plan->manifest.apps[i], bounding, &plan->apps[i], err);
		if (r < 0)
			return err_wrap(err, r, "cannot start app '%s'", plan->apps[i].name);
	}
	return 0;
}

int plan_read(const struct run_args *args, struct pod_plan *ret, struct err *err)
{
	int r;

	*ret = (struct pod_plan){ .args = args, .resolv_fd = -1, .hosts_fd = -1 };
	r = read_manifest(ret, err);
	if (r >= 0 && !ret->manifest.n_apps)
		r = err_set(err, -ERR_BAD_INPUT, "the pod has no apps");
	if (r >= 0 && args->interactive && ret->manifest.n_apps > 1)
		r = err_set(err, -ERR_USAGE, "interactive option only supports pods with one app");
	if (r >= 0)
		r = plan_apps(ret, err);
	if (r < 0) {
		plan_clear(ret);
		return r;
	}
	ret->hostname = args->hostname && *args->hostname ? xstrdup(args->hostname) : xasprintf("rkt-%s", args->uuid);
	return 0;
}

static void app_clear(struct app_plan *a)
{
	strv_free(a->env);
	isolation_clear(&a->isolation);
	seccomp_clear(&a->filter);
	for (size_t i = 0; i < a->n_mounts; i++) {
		free(a->mounts[i].target);
		close_auto(&a->mounts[i].fd);
	}
	free(a->mounts);
	free(a->gids);
	close_auto(&a->root_fd);
	cgroup_leaf_clear(&a->leaf);
	image_manifest_clear(&a->image);
	for (size_t i = 0; i < a->n_implicit; i++)
		volume_clear(&a->implicit[i]);
	free(a->implicit);
}

void plan_clear(struct pod_plan *plan)
{
	for (size_t i = 0; i < plan->n_apps; i++)
		app_clear(&plan->apps[i]);
	free(plan->apps);
	free(plan->devices);
	free(plan->hostname);
	close_auto(&plan->resolv_fd);
	close_auto(&plan->hosts_fd);
	pod_manifest_clear(&plan->manifest);
	*plan = (struct pod_plan){ .resolv_fd = -1, .hosts_fd = -1 };
}
