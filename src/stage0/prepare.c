#include "stage0/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/log.h"
#include "os/mount.h"
#include "pod/contract.h"
#include "stage0/image.h"
#include "stage0/pod_write.h"
#include "stage0/tree.h"

/* File systems that overlay cannot write to, by the words that rkt uses for them. */
static const struct { uint32_t magic; const char *name; } no_upper[] = {
	{ 0x61756673, "aufs" },
	{ 0x2fc12fc1, "zfs" },
	{ OVERLAYFS_SUPER_MAGIC, "overlay" },
	{ NFS_SUPER_MAGIC, "nfs" },
	{ ECRYPTFS_SUPER_MAGIC, "ecryptfs" },
	{ FUSE_SUPER_MAGIC, "fuse" },
};

/* Whether pods in this directory can stand on overlays; if not, the caller frees *ret_why. */
static bool overlay_usable(const char *data_dir, char **ret_why)
{
	struct statfs fs;

	if (!mount_overlay_supported()) {
		*ret_why = xstrdup("overlay entry not present in /proc/filesystems");
		return false;
	}
	if (statfs(data_dir, &fs) < 0)
		return true;	/* what is wrong there is told by whoever opens it */
	for (size_t i = 0; i < ARRAY_LEN(no_upper); i++)
		if ((uint32_t)fs.f_type == no_upper[i].magic) {
			*ret_why = xasprintf("unsupported filesystem: %s", no_upper[i].name);
			return false;
		}
	return true;
}

static bool choose_overlay(const struct engine *e, const struct prepare_request *r)
{
	AUTO(free) char *why = NULL;

	if (r->no_overlay)
		return false;
	if (overlay_usable(e->data_dir, &why))
		return true;
	log_info("disabling overlay support: \"%s\"", why);
	return false;
}

/* --- images --- */

/* All that one pod_prepare() holds until its pod is written. */
struct preparation {
	const struct engine *e;
	const struct prepare_request *r;
	struct pod_options options;
	struct store *store;
	struct pod_plan plan;
	struct pod_manifest manifest;
};

static void preparation_clear(struct preparation *p)
{
	pod_options_clear(&p->options);
	pod_plan_clear(&p->plan);
	pod_manifest_clear(&p->manifest);
	store_close(p->store);
}
static inline void preparation_clear_auto(struct preparation *p) { preparation_clear(p); }

static int need_unpack(struct preparation *p, struct err *err)
{
	return p->plan.unpack_fd >= 0 ? 0 : helper_open(p->e->libexec_dir, "rkt-unpack", &p->plan.unpack_fd, err);
}

/*
 * The tree that the image became, as an fd, and the manifest that came with it.
 * Without overlay it is needed all the same: its manifest is the one to
 * believe, and entry points are executed from it.
 */
static int take_tree(struct preparation *p, struct planned_image *image, bool for_stage1, struct err *err)
{
	const struct tree_need need = {
		.e = p->e, .store = p->store, .unpack_fd = &p->plan.unpack_fd, .for_stage1 = for_stage1,
		.verify = p->r->verify_ondisk,
	};
	int k = tree_obtain(&need, &image->info, &image->tree_fd, &image->layers, &image->n_layers, err);

	if (k < 0)
		return k;
	k = file_read(image->tree_fd, "manifest", MANIFEST_MAX_BYTES, &image->manifest, NULL);
	if (k < 0)
		return err_sys(err, k, "cannot read the manifest of image \"%s\"", image->info.name);
	store_touch(p->store, &image->info);
	store_touch_layers(p->store, image->layers, image->n_layers);
	return 0;
}

static int obtain_stage1(struct preparation *p, struct err *err)
{
	int k;

	log_debug("stage0: Preparing stage1");
	k = stage1_obtain(p->e, p->store, &p->r->stage1, &p->plan.stage1.info, err);
	return k < 0 ? k : take_tree(p, &p->plan.stage1, true, err);
}

/* What follows for an app's image once it is found. m is left empty on failure. */
static int take_image(struct preparation *p, struct planned_image *image, struct image_manifest *m, struct err *err)
{
	int k;

	/* Their layers would lie within each other. */
	if (p->plan.overlay && str_eq(image->info.id, p->plan.stage1.info.id))
		return err_set(err, -ERR_BAD_INPUT, "image \"%s\" cannot be the stage1 and an app of one pod",
			       image->info.name);
	k = take_tree(p, image, false, err);
	return k < 0 ? k : image_manifest_read(image->manifest, strlen(image->manifest), m, err);
}

static struct app_image app_image(const struct preparation *p, struct planned_image *image,
				  const struct image_manifest *m)
{
	image->verified = image_is_verified(p->e, &image->info);
	return (struct app_image){ .id = image->info.id, .manifest = m, .verified = image_is_signed(p->e, &image->info) };
}

static int obtain_apps(struct preparation *p, struct image_manifest *manifests, struct app_image *images,
		       struct err *err)
{
	for (size_t i = 0; i < p->r->n_apps; i++) {
		const struct app_request *request = &p->r->apps[i];
		struct planned_image *image = &p->plan.apps[i];
		int k;

		k = image_obtain(p->e, p->store, request->image, request->signature, p->r->policy, &image->info, err);
		if (k >= 0)
			k = take_image(p, image, &manifests[i], err);
		if (k < 0)
			return k;
		images[i] = app_image(p, image, &manifests[i]);
	}
	return 0;
}

/* From the command line's images to the plan of a pod. */
static int plan_images(struct preparation *p, struct err *err)
{
	size_t n = p->r->n_apps;
	AUTO(free) struct image_manifest *manifests = xcalloc(n, sizeof(*manifests));
	AUTO(free) struct app_image *images = xcalloc(n, sizeof(*images));
	int k;

	pod_plan_room(&p->plan, n);
	k = obtain_apps(p, manifests, images, err);
	if (k >= 0)
		k = pod_manifest_build(p->r, &p->options, images, p->e->insecure, &p->manifest, err);
	for (size_t i = 0; i < n; i++)
		image_manifest_clear(&manifests[i]);
	if (k < 0)
		return k;
	for (size_t i = 0; i < n; i++)
		p->plan.apps[i].app = xstrdup(p->manifest.apps[i].name);
	p->plan.pod_manifest = pod_manifest_text(&p->manifest, false);
	return 0;
}

/* --- a pod manifest that the operator wrote --- */

static int find_app_image(struct preparation *p, const struct runtime_app *app, struct planned_image *image,
			  struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	struct app_image found;
	int k;

	if (!app->image.id || !*app->image.id)
		return err_set(err, -ERR_BAD_INPUT, "no image ID for app \"%s\"", app->name);
	k = store_find_id(p->store, app->image.id, &image->info, err);
	if (k < 0)
		return err_wrap(err, k, "could not resolve image \"%s\"", app->image.id);
	image_prefer_verified(p->e, &image->info);
	k = image_check_verified(p->e, &image->info, err);
	if (k >= 0)
		k = take_image(p, image, &m, err);
	if (k < 0)
		return k;
	image->app = xstrdup(app->name);
	found = app_image(p, image, &m);
	return runtime_app_check_image(app, &found, p->e->insecure, err);
}

static int plan_pod_manifest(struct preparation *p, struct err *err)
{
	pod_plan_room(&p->plan, p->manifest.n_apps);
	for (size_t i = 0; i < p->plan.n_apps; i++) {
		int k = find_app_image(p, &p->manifest.apps[i], &p->plan.apps[i], err);

		if (k < 0)
			return k;
	}
	return 0;
}

static int read_pod_manifest(struct preparation *p, struct err *err)
{
	const char *path = p->r->pod_manifest;
	AUTO(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len;
	int k;

	if (fd < 0)
		return err_sys(err, -errno, "cannot open pod manifest \"%s\"", path);
	k = fd_read_file(fd, MANIFEST_MAX_BYTES, &p->plan.pod_manifest, &len);
	if (k < 0)
		return err_sys(err, k, "cannot read pod manifest \"%s\"", path);
	k = pod_manifest_read(p->plan.pod_manifest, len, &p->manifest, err);
	if (k < 0)
		return err_wrap(err, k, "invalid pod manifest \"%s\"", path);
	if (!p->manifest.n_apps)
		return err_set(err, -ERR_BAD_INPUT, "pod must contain at least one application");
	return 0;
}

/* --- the pod --- */

static int save_uuid(const struct preparation *p, const struct pod *pod, struct err *err)
{
	int k;

	if (!p->r->uuid_file_save)
		return 0;
	k = file_write(AT_FDCWD, p->r->uuid_file_save, pod->uuid, UUID_LEN, 0644);
	if (k < 0) {
		err_sys(err, k, "cannot write \"%s\"", p->r->uuid_file_save);
		return err_wrap(err, k, "error saving pod UUID to file");
	}
	return 0;
}

/* A pod that came to nothing goes at once; what cannot be removed is garbage for "rkt gc". */
static void abandon(struct pods *pods, struct pod *pod)
{
	if (pod_to_garbage(pods, pod, NULL) >= 0)
		pod_remove(pods, pod, NULL);
	pod_close(pod);
	*pod = POD_NONE;
}

static int make_pod(const struct preparation *p, struct pods *pods, struct pod *ret, struct err *err)
{
	struct pod pod = POD_NONE;
	int k;

	k = pod_create(pods, &pod, err);
	if (k < 0)
		return k;
	k = save_uuid(p, &pod, err);
	if (k >= 0)
		k = pod_write(&p->plan, p->store, pod.fd, err);
	if (k < 0) {
		abandon(pods, &pod);
		return err_wrap(err, k, "cannot prepare pod");
	}
	*ret = pod;
	return 0;
}

static int parse_request(struct preparation *p, struct err *err)
{
	int k = pod_options_parse(p->r, environ, &p->options, err);

	if (k >= 0 && p->r->pod_manifest)
		k = read_pod_manifest(p, err);
	return k;
}

int pod_prepare(const struct engine *e, struct pods *pods, const struct prepare_request *r, struct pod *ret,
		struct err *err)
{
	AUTO(preparation_clear) struct preparation p = { .e = e, .r = r, .plan = POD_PLAN_EMPTY };
	AUTO(close) int lock_fd = -1;
	int k;

	*ret = POD_NONE;
	k = parse_request(&p, err);
	if (k < 0)
		return k;
	p.plan.overlay = choose_overlay(e, r);
	/* Nothing of what the pod will stand on may be removed until the pod says that it stands on it. */
	k = pods_lock_prepare(pods, false, &lock_fd, err);
	if (k >= 0)
		k = store_open(e->data_dir, STORE_WRITE, &p.store, err);
	if (k >= 0)
		k = store_use(p.store, err);
	if (k >= 0)
		k = obtain_stage1(&p, err);
	if (k >= 0)
		k = r->pod_manifest ? plan_pod_manifest(&p, err) : plan_images(&p, err);
	if (k >= 0 && !p.plan.overlay)
		k = need_unpack(&p, err);
	return k < 0 ? k : make_pod(&p, pods, ret, err);
}
