#include "stage0/pod_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "pod/contract.h"

static void planned_image_clear(struct planned_image *image)
{
	free(image->app);
	free(image->manifest);
	image_info_clear(&image->info);
	tree_layers_free(image->layers, image->n_layers);
	close_auto(&image->tree_fd);
}

void pod_plan_room(struct pod_plan *plan, size_t n_apps)
{
	plan->apps = xcalloc(n_apps, sizeof(*plan->apps));
	plan->n_apps = n_apps;
	for (size_t i = 0; i < n_apps; i++)
		plan->apps[i].tree_fd = -1;
}

void pod_plan_clear(struct pod_plan *plan)
{
	planned_image_clear(&plan->stage1);
	for (size_t i = 0; i < plan->n_apps; i++)
		planned_image_clear(&plan->apps[i]);
	free(plan->apps);
	free(plan->pod_manifest);
	close_auto(&plan->unpack_fd);
	*plan = POD_PLAN_EMPTY;
}

struct writer {
	const struct pod_plan *plan;
	struct store *store;
	int pod_fd;
	mode_t dir_mode;	/* of directories that group rkt may look into */
};

static int write_text(const struct writer *w, const char *path, const char *text, mode_t mode, struct err *err)
{
	int k = file_write(w->pod_fd, path, text, strlen(text), mode);

	return k < 0 ? err_sys(err, k, "cannot write \"%s\"", path) : 0;
}

static int make_dir(const struct writer *w, const char *path, mode_t mode, struct err *err)
{
	int k = dir_make(w->pod_fd, path, mode);

	return k < 0 ? err_sys(err, k, "cannot make \"%s\"", path) : 0;
}

/* The same where another app of the same image may have made it. */
static int share_dir(const struct writer *w, const char *path, mode_t mode, struct err *err)
{
	int k = dir_make(w->pod_fd, path, mode);

	return k < 0 && k != -EEXIST ? err_sys(err, k, "cannot make \"%s\"", path) : 0;
}

/* --- with overlay --- */

/*
 * The root of an overlay is the upper directory as far as owner and mode go,
 * so that must be what the image's root is: an app that is not root could not
 * even enter a "/" of mode 0700.
 */
static int make_upper(const struct writer *w, const char *path, const struct planned_image *image, struct err *err)
{
	AUTO(close) int fd = -1;
	struct stat st;

	if (fstatat(image->tree_fd, "rootfs", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, -errno, "cannot look at the root of \"%s\"", image->info.name);
	if (mkdirat(w->pod_fd, path, 0700) < 0)
		return err_sys(err, -errno, "cannot make \"%s\"", path);
	fd = openat(w->pod_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	/* The owner first, because changing it takes mode bits away. */
	if (fd < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return err_sys(err, -errno, "cannot set up \"%s\"", path);
	return 0;
}

static int write_stage1_overlay(const struct writer *w, struct err *err)
{
	AUTO(free) char *base = xasprintf(POD_OVERLAY "/%s", w->plan->stage1.info.tree);
	AUTO(free) char *upper = xasprintf("%s/upper", base), *work = xasprintf("%s/work", base);
	int k;

	k = make_dir(w, POD_STAGE1_ROOTFS, 0755, err);
	if (k >= 0)
		k = make_dir(w, POD_OVERLAY, w->dir_mode, err);
	if (k >= 0)
		k = make_dir(w, base, w->dir_mode, err);
	if (k >= 0)
		k = make_upper(w, upper, &w->plan->stage1, err);
	return k < 0 ? k : make_dir(w, work, 0700, err);
}

/* What an app writes may be setuid, so its layer lies below a directory that only root enters. */
static int write_app_overlay(const struct writer *w, const struct planned_image *image, struct err *err)
{
	AUTO(free) char *base = xasprintf(POD_OVERLAY "/%s", image->info.tree);
	AUTO(free) char *uppers = xasprintf("%s/upper", base), *works = xasprintf("%s/work", base);
	AUTO(free) char *upper = xasprintf("%s/%s", uppers, image->app), *work = xasprintf("%s/%s", works, image->app);
	int k;

	k = share_dir(w, base, 0700, err);
	if (k >= 0)
		k = share_dir(w, uppers, 0700, err);
	if (k >= 0)
		k = share_dir(w, works, 0700, err);
	if (k >= 0)
		k = make_upper(w, upper, image, err);
	return k < 0 ? k : make_dir(w, work, 0700, err);
}

/* --- without --- */

static int write_stage1_copy(const struct writer *w, struct err *err)
{
	AUTO(close) int fd = -1;
	int k;

	k = make_dir(w, POD_STAGE1_ROOTFS, 0755, err);
	if (k < 0)
		return k;
	k = dir_open(w->pod_fd, POD_STAGE1_ROOTFS, &fd);
	if (k < 0)
		return err_sys(err, k, "cannot open \"%s\"", POD_STAGE1_ROOTFS);
	k = store_extract(w->store, w->plan->unpack_fd, &w->plan->stage1.info, w->plan->stage1.layers,
			  w->plan->stage1.n_layers, fd, true, err);
	return k < 0 ? err_wrap(err, k, "cannot copy the stage1 image") : 0;
}

/* The stage1's root came out of an image: what is made in it is found by the kernel inside that root. */
static int open_app_dir(const struct writer *w, const char *app, int *ret_fd, struct err *err)
{
	AUTO(free) char *path = xasprintf("/" STAGE1_APPS "/%s", app);
	AUTO(close) int root_fd = -1, apps_fd = -1, made_fd = -1;
	int fd, k;

	k = dir_open(w->pod_fd, POD_STAGE1_ROOTFS, &root_fd);
	if (k < 0)
		return err_sys(err, k, "cannot open \"%s\"", POD_STAGE1_ROOTFS);
	apps_fd = path_make_dir_in(root_fd, "/" STAGE1_APPS, 0700);
	if (apps_fd < 0)
		return err_sys(err, apps_fd, "cannot make \"%s\" in the stage1", STAGE1_APPS);
	made_fd = path_make_dir_in(root_fd, path, 0755);
	if (made_fd < 0)
		return err_sys(err, made_fd, "cannot make \"%s\" in the stage1", path);
	fd = path_open_in(made_fd, ".", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return err_sys(err, fd, "cannot open \"%s\" in the stage1", path);
	*ret_fd = fd;
	return 0;
}

static int write_app_copy(const struct writer *w, const struct planned_image *image, struct err *err)
{
	AUTO(close) int fd = -1;
	int k;

	k = open_app_dir(w, image->app, &fd, err);
	if (k >= 0)
		k = store_extract(w->store, w->plan->unpack_fd, &image->info, image->layers, image->n_layers, fd,
				  false, err);
	return k < 0 ? err_wrap(err, k, "cannot copy image \"%s\"", image->info.name) : 0;
}

/* --- both --- */

static int write_stage1(const struct writer *w, struct err *err)
{
	int k;

	k = make_dir(w, POD_STAGE1, w->dir_mode, err);
	if (k >= 0)
		k = write_text(w, POD_STAGE1 "/manifest", w->plan->stage1.manifest, 0640, err);
	if (k >= 0)
		k = write_text(w, POD_STAGE1_TREE_ID, w->plan->stage1.info.tree, 0640, err);
	if (k < 0)
		return k;
	return w->plan->overlay ? write_stage1_overlay(w, err) : write_stage1_copy(w, err);
}

static int write_app(const struct writer *w, const struct planned_image *image, struct err *err)
{
	AUTO(free) char *dir = xasprintf(POD_APPSINFO "/%s", image->app);
	AUTO(free) char *manifest = xasprintf("%s/manifest", dir);
	AUTO(free) char *tree = xasprintf("%s/" POD_TREE_ID, dir);
	AUTO(free) char *verified_by = xasprintf("%s/" POD_VERIFIED_BY, dir);
	const char *who = image->verified && image->info.verified_by ? image->info.verified_by : POD_VERIFIED_NOBODY;
	int k;

	k = make_dir(w, dir, w->dir_mode, err);
	if (k >= 0)
		k = write_text(w, manifest, image->manifest, 0640, err);
	if (k >= 0)
		k = write_text(w, verified_by, who, 0640, err);
	if (k < 0 || !w->plan->overlay)
		return k < 0 ? k : write_app_copy(w, image, err);
	k = write_text(w, tree, image->info.tree, 0640, err);
	return k < 0 ? k : write_app_overlay(w, image, err);
}

static int write_apps(const struct writer *w, struct err *err)
{
	int k = make_dir(w, POD_APPSINFO, w->dir_mode, err);

	for (size_t i = 0; k >= 0 && i < w->plan->n_apps; i++)
		k = write_app(w, &w->plan->apps[i], err);
	return k;
}

static int write_manifest(const struct writer *w, struct err *err)
{
	int k;

	log_debug("stage0: Writing pod manifest");
	k = write_text(w, POD_MANIFEST_LOCK, "", 0600, err);
	return k < 0 ? k : write_text(w, POD_MANIFEST, w->plan->pod_manifest, 0640, err);
}

int pod_write(const struct pod_plan *plan, struct store *store, int pod_fd, struct err *err)
{
	struct writer w = { .plan = plan, .store = store, .pod_fd = pod_fd };
	struct stat st;
	int k;

	if (fstat(pod_fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the pod's directory");
	w.dir_mode = 0750 | (st.st_mode & S_ISGID);
	k = write_manifest(&w, err);
	if (k >= 0)
		k = write_stage1(&w, err);
	if (k >= 0)
		k = write_apps(&w, err);
	return k >= 0 && plan->overlay ? write_text(&w, POD_OVERLAY_PREPARED, "", 0640, err) : k;
}
