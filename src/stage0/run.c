#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "os/mount.h"
#include "pod/contract.h"
#include "stage0/entry.h"
#include "stage0/run_args.h"
#include "stage0/tree.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

/*
 * The way from a pod on disk to its stage1. From the new mount namespace on all
 * is reached from the working directory, which is the pod's: an fd of before
 * belongs to the old namespace, where nothing may be mounted.
 */
struct launch {
	const struct engine *engine;
	const struct pod *pod;
	struct store *store;		/* opened in the new namespace, as layers must be */
	char **apps;
	int files_fd;			/* where stage1's files are written: its upper directory or its copy */
	int root_fd;			/* stage1's root file system */
	int tree_fd;			/* where entry points are executed from */
	bool overlay;
};

static void launch_clear(struct launch *l)
{
	store_close(l->store);
	strv_free(l->apps);
	close_auto(&l->files_fd);
	close_auto(&l->root_fd);
	close_auto(&l->tree_fd);
}
static inline void launch_clear_auto(struct launch *l) { launch_clear(l); }

/* appsinfo/ tells the apps as well as the manifest does, without reading it. */
static int list_apps(struct launch *l, struct err *err)
{
	AUTO(closedir) DIR *dir = opendir(POD_APPSINFO);
	struct dirent *entry;

	if (!dir)
		return err_sys(err, -errno, "cannot list the apps of pod \"%s\"", l->pod->uuid);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			strv_add(&l->apps, entry->d_name);
	return 0;
}

/* --- file systems ------------------------------------------------------- */

/* overlay/TREE/{upper,work}[/APP], which preparing made with the owner and mode of the image's root. */
static int open_layer(const char *tree, const char *kind, const char *app, int *ret_fd, struct err *err)
{
	AUTO(free) char *path = app ? xasprintf(POD_OVERLAY "/%s/%s/%s", tree, kind, app)
				    : xasprintf(POD_OVERLAY "/%s/%s", tree, kind);
	int r = dir_open(AT_FDCWD, path, ret_fd);

	return r < 0 ? err_sys(err, r, "cannot open '%s'", path) : 0;
}

/* Makes the directories that apps are mounted on where no overlay is mounted yet: that is cheaper there. */
static int make_mount_points(const struct launch *l, struct err *err)
{
	static const char *const base[] = { "opt", STAGE1_APPS };
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(base) && r >= 0; i++)
		if (mkdirat(l->files_fd, base[i], 0755) < 0 && errno != EEXIST)
			r = -errno;
	for (char **app = l->apps; app && *app && r >= 0; app++) {
		AUTO(free) char *dir = xasprintf(STAGE1_APPS "/%s", *app);
		AUTO(free) char *rootfs = xasprintf("%s/rootfs", dir);

		if ((mkdirat(l->files_fd, dir, 0755) < 0 && errno != EEXIST) ||
		    (mkdirat(l->files_fd, rootfs, 0755) < 0 && errno != EEXIST))
			r = -errno;
	}
	return r < 0 ? err_sys(err, r, "cannot make the directories of the apps") : 0;
}

static int mount_stage1(struct launch *l, const char *tree, struct err *err)
{
	AUTO(close) int work = -1, target = -1;
	int r;

	r = open_layer(tree, "work", NULL, &work, err);
	if (r >= 0)
		r = mount_overlay(l->tree_fd, l->files_fd, work, 0, &l->root_fd, err);
	if (r < 0)
		return r;
	target = open(POD_STAGE1_ROOTFS, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return err_sys(err, -errno, "cannot open '%s'", POD_STAGE1_ROOTFS);
	return mount_attach(l->root_fd, target, err);
}

/* The app's root: an overlay, or its copy mounted upon itself, since device nodes of an image count for nothing. */
static int make_app_root(struct launch *l, const char *app, int target, int *ret_fd, struct err *err)
{
	AUTO(free) char *tree = l->overlay ? pod_tree_id(l->pod, app) : NULL;
	AUTO(close) int lower = -1, upper = -1, work = -1, fd = -1;
	int r;

	if (!l->overlay) {
		r = mount_clone(target, "", false, &fd, err);
		if (r >= 0)
			r = mount_set(fd, MOUNT_ATTR_NODEV, 0, false, err);
		if (r >= 0)
			*ret_fd = TAKE_FD(fd);
		return r;
	}
	if (!tree)
		return err_set(err, -ERR_NOT_FOUND, "no tree is known of it");
	r = tree_open(l->engine, l->store, tree, TREE_TO_MOUNT, &lower, err);
	if (r >= 0)
		r = open_layer(tree, "upper", app, &upper, err);
	if (r >= 0)
		r = open_layer(tree, "work", app, &work, err);
	return r < 0 ? r : mount_overlay(lower, upper, work, MOUNT_ATTR_NODEV, ret_fd, err);
}

static int mount_app(struct launch *l, const char *app, struct err *err)
{
	AUTO(free) char *path = xasprintf("/" STAGE1_APPS "/%s/rootfs", app);
	AUTO(close) int target = path_open_in(l->root_fd, path, O_PATH | O_DIRECTORY), fd = -1;
	int r;

	if (target < 0)
		return err_sys(err, target, "cannot open the directory of app '%s'", app);
	r = make_app_root(l, app, target, &fd, err);
	if (r >= 0)
		r = mount_attach(fd, target, err);
	return r < 0 ? err_wrap(err, r, "cannot mount the files of app '%s'", app) : 0;
}

/* --- name resolution ---------------------------------------------------- */

static int write_etc(const struct launch *l, const char *path, char *text, struct err *err)
{
	AUTO(close) int etc = path_make_dir_in(l->files_fd, "/etc", 0755);
	AUTO(free) char *owned = text;
	int r = etc;

	if (r >= 0)
		r = file_write(etc, path_last(path), owned, strlen(owned), 0644);
	return r < 0 ? err_sys(err, r, "cannot write '%s'", path) : 0;
}

static int write_name_resolution(const struct launch *l, const struct run_request *r, const struct dns_conf *dns,
				 struct err *err)
{
	AUTO(free) char *hostname = r->hostname && *r->hostname ? xstrdup(r->hostname)
								 : xasprintf("rkt-%s", l->pod->uuid);
	int ret = 0;

	if (str_eq(dns->resolv, "stage0"))
		ret = write_etc(l, STAGE1_RESOLV_CONF, dns_resolv_conf(dns), err);
	if (ret >= 0 && str_eq(dns->hosts, "stage0"))
		ret = write_etc(l, STAGE1_HOSTS, dns_hosts(dns, hostname), err);
	return ret;
}

/* --- together ----------------------------------------------------------- */

/* Opens what stage1 consists of; its files can be written afterwards. */
static int open_stage1(struct launch *l, char **ret_tree, struct err *err)
{
	AUTO(free) char *tree = pod_tree_id(l->pod, NULL);
	int r;

	r = store_open(l->engine->data_dir, STORE_READ, &l->store, err);
	if (r >= 0 && tree)
		r = tree_open(l->engine, l->store, tree, TREE_TO_MOUNT, &l->tree_fd, err);
	if (r < 0)
		return r;
	if (l->overlay && !tree)
		return err_set(err, -ERR_BAD_INPUT, "pod \"%s\" names no tree for its stage1", l->pod->uuid);
	if (l->overlay)
		r = open_layer(tree, "upper", NULL, &l->files_fd, err);
	else if ((r = dir_open(AT_FDCWD, POD_STAGE1_ROOTFS, &l->files_fd)) < 0)
		err_sys(err, r, "cannot open '%s'", POD_STAGE1_ROOTFS);
	if (r >= 0)
		*ret_tree = TAKE(tree);
	return r;
}

static int mount_all(struct launch *l, const struct run_request *r, const struct dns_conf *dns, struct err *err)
{
	AUTO(free) char *tree = NULL;
	int ret;

	ret = mount_namespace_new(err);
	if (ret >= 0)
		ret = open_stage1(l, &tree, err);
	if (ret >= 0)
		ret = write_name_resolution(l, r, dns, err);
	if (ret >= 0 && l->overlay)
		ret = make_mount_points(l, err);
	if (ret >= 0 && l->overlay)
		ret = mount_stage1(l, tree, err);
	else if (ret >= 0)
		l->root_fd = fcntl(l->files_fd, F_DUPFD_CLOEXEC, 3);
	for (char **app = l->apps; app && *app && ret >= 0; app++)
		ret = mount_app(l, *app, err);
	return ret;
}

/* Becomes the program. What is open goes, but for the lock and sockets that were passed to us for the pod. */
static int become(int exe_fd, char *const *args, const struct pod *pod, struct err *err)
{
	AUTO(strv_free) char **env = run_env(pod->fd);
	AUTO(free) char *shown = strv_join(args, " ");
	unsigned first = 3 + run_listen_fds(getenv("LISTEN_FDS"), getenv("LISTEN_PID"), getpid());
	int r;

	log_debug("Pivoting to filesystem %s", POD_STAGE1_ROOTFS);
	log_debug("Execing [%s]", shown);
	if (syscall(SYS_close_range, first, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot close files before exec");
	r = fd_keep(pod->fd, true);
	if (r < 0)
		return err_sys(err, r, "cannot keep the pod's lock");
	syscall(SYS_execveat, exe_fd, "", args, env, AT_EMPTY_PATH);
	r = -errno;
	(void)fd_keep(pod->fd, false);
	return err_sys(err, r, "cannot execute the stage1's '%s'", args[0]);
}

static int launch(struct launch *l, const struct run_request *r, struct err *err)
{
	AUTO(stage1_clear) struct stage1 stage1 = {};
	AUTO(dns_conf_clear) struct dns_conf dns = {};
	AUTO(strv_free) char **args = NULL;
	AUTO(free) char *argv0 = NULL;
	AUTO(close) int exe = -1;
	const char *path;
	int ret;

	/* Before the namespace is made: this is what takes us along into it. */
	if (fchdir(l->pod->fd) < 0)
		return err_sys(err, -errno, "cannot enter the directory of pod \"%s\"", l->pod->uuid);
	l->overlay = access(POD_OVERLAY_PREPARED, F_OK) == 0;
	ret = dns_conf_read(r, &dns, err);
	if (ret >= 0)
		ret = stage1_read(l->pod, &stage1, err);
	if (ret >= 0)
		ret = stage1_entry(&stage1, STAGE1_ENTRY_RUN, &path, err);
	if (ret >= 0)
		ret = list_apps(l, err);
	if (ret >= 0)
		ret = mount_all(l, r, &dns, err);
	if (ret >= 0)
		ret = stage1_open_exe(l->tree_fd >= 0 ? l->tree_fd : l->root_fd, path, &exe, err);
	if (ret < 0)
		return ret;
	argv0 = xasprintf(POD_STAGE1_ROOTFS "%s", path);
	args = run_args(l->engine, r, &dns, stage1.version, argv0, l->pod->uuid);
	return become(exe, args, l->pod, err);
}

int pod_run(const struct engine *e, struct pods *pods, struct pod *pod, const struct run_request *r, struct err *err)
{
	AUTO(launch_clear) struct launch l = { .engine = e, .pod = pod, .files_fd = -1, .root_fd = -1, .tree_fd = -1 };
	int ret;

	ret = run_request_check(r, err);
	if (ret >= 0)
		ret = pod_to_run(pods, pod, err);
	if (ret < 0)
		return ret;
	umask(022);	/* whatever the caller's: it decides the modes of what is made for the pod */
	return launch(&l, r, err);
}
