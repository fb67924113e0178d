#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/path.h"
#include "os/mount.h"
#include "pod/contract.h"
#include "stage1/native/plan.h"

/* --- empty volumes ------------------------------------------------------- */

static int parse_mode(const char *text, mode_t *ret)
{
	mode_t mode = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '7')
			return -EINVAL;
		mode = mode * 8 + (mode_t)(*text - '0');
	}
	*ret = mode;
	return mode > 07777 ? -EINVAL : 0;
}

static int owner_of(const struct volume *v, uid_t *uid, gid_t *gid)
{
	int64_t u = v->uid.set ? v->uid.value : 0, g = v->gid.set ? v->gid.value : 0;

	if (u < 0 || u >= UINT32_MAX || g < 0 || g >= UINT32_MAX)
		return -ERANGE;
	*uid = (uid_t)u;
	*gid = (gid_t)g;
	return 0;
}

/* Opens what the image has where the volume goes. 0: no directory. */
static int open_covered(const struct app_plan *app, const struct app_mount *m, int *ret, struct err *err)
{
	AUTO(close) int fd = path_open_in(app->root_fd, m->target, O_RDONLY | O_DIRECTORY);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || (fd >= 0 && fd_is_same(fd, app->root_fd)))
		return 0;
	if (fd < 0)
		return err_sys(err, fd, "cannot open '%s' of the image", m->target);
	*ret = TAKE_FD(fd);
	return 1;
}

/* No app runs yet: what is copied stays as it is. 0: there is nothing to copy. */
static int fill(const struct app_plan *app, const struct app_mount *m, int fd, struct err *err)
{
	AUTO(close) int covered = -1;
	AUTO(free) char *where = NULL;
	int r = open_covered(app, m, &covered, err);

	if (r <= 0)
		return r;
	r = tree_copy(covered, fd, &where);
	if (r < 0)
		return err_sys(err, r, "cannot copy '%s' of '%s' of the image into volume '%s'", where, m->target,
			       m->volume->name);
	return 1;
}

/* The first app that mounts it makes it; apps share it by its name. */
static int make_empty(const struct app_plan *app, const struct app_mount *m, int *ret, struct err *err)
{
	const struct volume *v = m->volume;
	AUTO(close) int all = -1, fd = -1;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int r;

	if (parse_mode(v->mode ? v->mode : "0755", &mode) < 0 || owner_of(v, &uid, &gid) < 0)
		return err_set(err, -ERR_BAD_INPUT, "volume '%s' has a mode, uid or gid out of range", v->name);
	/* Root's alone: a setuid file of an image is for nobody on the host, members of group rkt included. */
	r = dir_make(AT_FDCWD, POD_SHARED_VOLUMES, 0700);
	if (r >= 0 || r == -EEXIST)
		r = dir_open(AT_FDCWD, POD_SHARED_VOLUMES, &all);
	if (r < 0)
		return err_sys(err, r, "cannot make '" POD_SHARED_VOLUMES "'");
	r = dir_make(all, v->name, 0700);
	if (r == -EEXIST)
		return dir_open(all, v->name, ret);
	if (r >= 0)
		r = dir_open(all, v->name, &fd);
	if (r < 0)
		return err_sys(err, r, "cannot make volume '%s'", v->name);
	r = m->filled ? fill(app, m, fd, err) : 0;
	if (r < 0)
		return r;
	if (!r && (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0))
		return err_sys(err, -errno, "cannot make volume '%s'", v->name);
	*ret = TAKE_FD(fd);
	return 0;
}

/* --- mounting ------------------------------------------------------------ */

/* A volume that is a device node is there to be used: the device policy lets it through. */
static void allow_device(struct pod_plan *plan, const struct stat *st, bool read_only)
{
	plan->devices = xreallocarray(plan->devices, plan->n_devices + 1, sizeof(*plan->devices));
	plan->devices[plan->n_devices++] = (struct device_rule){
		.block = S_ISBLK(st->st_mode), .write = !read_only, .major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
	};
}

static int open_source(const struct app_plan *app, const struct app_mount *m, int *ret, struct err *err)
{
	const struct volume *v = m->volume;
	int fd;

	if (!volume_is_host(v))
		return make_empty(app, m, ret, err);
	fd = open(v->source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "Failed to stat %s", v->source);
	*ret = fd;
	return 0;
}

static int open_mount(struct pod_plan *plan, const struct app_plan *app, struct app_mount *m, struct err *err)
{
	AUTO(close) int source = -1;
	uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	struct stat st;
	int r;

	r = open_source(app, m, &source, err);
	if (r < 0)
		return r;
	if (fstat(source, &st) < 0)
		return err_sys(err, -errno, "Failed to stat %s", m->volume->source);
	m->is_directory = S_ISDIR(st.st_mode);
	if (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)) {
		allow_device(plan, &st, m->read_only);
		attr = MOUNT_ATTR_NOSUID;
	}
	if (m->read_only)
		attr |= MOUNT_ATTR_RDONLY;
	r = mount_clone(source, "", m->recursive, &m->fd, err);
	if (r >= 0)
		r = mount_set(m->fd, attr, 0, m->recursive, err);
	/* What the host mounts there later would come in writable. */
	if (r >= 0 && m->read_only)
		r = mount_private(m->fd, m->recursive, err);
	return r < 0 ? err_wrap(err, r, "cannot mount volume '%s'", m->volume->name) : 0;
}

static int open_app(struct pod_plan *plan, struct app_plan *app, struct err *err)
{
	AUTO(free) char *path = xasprintf(POD_STAGE1_ROOTFS "/" STAGE1_APPS "/%s/rootfs", app->name);
	int r;

	r = mount_clone(AT_FDCWD, path, false, &app->root_fd, err);
	if (r >= 0)
		r = mount_set(app->root_fd, MOUNT_ATTR_NODEV, 0, false, err);
	for (size_t i = 0; i < app->n_mounts && r >= 0; i++)
		r = open_mount(plan, app, &app->mounts[i], err);
	return r < 0 ? err_wrap(err, r, "cannot start app '%s'", app->name) : 0;
}

/* --- name resolution ----------------------------------------------------- */

static int open_file(const char *path, bool must, int *ret, struct err *err)
{
	AUTO(close) int source = open(path, O_PATH | O_CLOEXEC), fd = -1;
	int r;

	if (source < 0 && errno == ENOENT && !must)
		return 0;
	if (source < 0)
		return err_sys(err, -errno, "cannot open '%s'", path);
	r = mount_clone(source, "", false, &fd, err);
	if (r >= 0)
		r = mount_set(fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, false,
			      err);
	if (r < 0)
		return err_wrap(err, r, "cannot mount '%s'", path);
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_resolution(struct pod_plan *plan, struct err *err)
{
	int r = 0;

	if (plan->args->resolv == DNS_HOST)
		r = open_file("/etc/resolv.conf", true, &plan->resolv_fd, err);
	else if (plan->args->resolv != DNS_NONE)
		r = open_file(POD_STAGE1_ROOTFS "/" STAGE1_RESOLV_CONF, plan->args->resolv == DNS_STAGE0,
			      &plan->resolv_fd, err);
	if (r < 0)
		return r;
	if (plan->args->hosts == DNS_HOST)
		r = open_file("/etc/hosts", true, &plan->hosts_fd, err);
	else
		r = open_file(POD_STAGE1_ROOTFS "/" STAGE1_HOSTS, plan->args->hosts == DNS_STAGE0, &plan->hosts_fd, err);
	return r;
}

/* A volume that no app mounts is fine; one that cannot be there was mistyped. */
static int check_sources(const struct pod_manifest *pod, struct err *err)
{
	struct stat st;

	for (size_t i = 0; i < pod->n_volumes; i++)
		if (volume_is_host(&pod->volumes[i]) && stat(pod->volumes[i].source, &st) < 0)
			return err_sys(err, -errno, "volume '%s': Failed to stat %s", pod->volumes[i].name,
				       pod->volumes[i].source);
	return 0;
}

int plan_open(struct pod_plan *plan, struct err *err)
{
	int r = open_resolution(plan, err);

	if (r >= 0)
		r = check_sources(&plan->manifest, err);
	for (size_t i = 0; i < plan->n_apps && r >= 0; i++)
		r = open_app(plan, &plan->apps[i], err);
	return r;
}
