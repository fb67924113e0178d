#include "stage1/native/podfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/mem.h"
#include "os/mount.h"

#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* The union of what rkt, Docker and Podman hide, and what lets a look into the kernel besides. */
static const char *const masked_files[] = {
	"/proc/config.gz", "/proc/interrupts", "/proc/kallsyms", "/proc/kcore", "/proc/key-users", "/proc/keys",
	"/proc/kmem", "/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats", "/proc/mem",
	"/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats", "/proc/vmallocinfo",
};
static const char *const masked_directories[] = {
	"/proc/1/attr", "/proc/1/task/1/attr", "/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/devices/virtual/powercap", "/sys/firmware",
	"/sys/hypervisor", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing", "/sys/module",
	"/sys/power",
};
static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };


/*
 * These paths are all ours, inside mounts that we just made, so the old call
 * does, and it is one system call where the new ones are three.
 */
static int bind(const char *from, const char *to)
{
	return syscall(SYS_mount, from, to, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* Not every kernel has every file. */
static int mask_all(const char *const *paths, size_t n, const char *with, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = bind(with, paths[i]);

		if (r < 0 && r != -ENOENT)
			return err_sys(err, r, "cannot hide '%s'", paths[i]);
	}
	return 0;
}

/* A directory for each processor, on machines that have them at all. */
static int mask_throttles(struct err *err)
{
	struct stat st;

	for (unsigned cpu = 0;; cpu++) {
		char path[80];
		int r;

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", cpu);
		if (stat(path, &st) < 0)
			return 0;
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/thermal_throttle", cpu);
		r = bind("/mask/directory", path);
		if (r == -ENOENT && !cpu)
			return 0;
		if (r < 0 && r != -ENOENT)
			return err_sys(err, r, "cannot hide '%s'", path);
	}
}

/* Makes a mount of a directory upon itself, so that it can have attributes of its own. */
static int protect(const char *path, uint64_t set)
{
	struct mount_attr attr = { .attr_set = set };
	int r = bind(path, path);

	if (r >= 0 && syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attr, sizeof(attr)) < 0)
		r = -errno;
	return r;
}

static int protect_all(struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(read_only); i++) {
		int r = protect(read_only[i], MOUNT_ATTR_RDONLY);

		if (r < 0 && r != -ENOENT)
			return err_sys(err, r, "cannot protect '%s'", read_only[i]);
	}
	return 0;
}

/* Mounts a new file system on a directory of the template. */
static int put(const char *type, const struct mount_option *options, uint64_t attr, const char *where, int *ret_fd,
	       struct err *err)
{
	AUTO(close) int fd = -1, target = -1;
	int r = mount_new(type, type, options, attr, &fd, err);

	if (r < 0)
		return r;
	target = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return err_sys(err, -errno, "cannot open '%s'", where);
	r = mount_attach(fd, target, err);
	if (r >= 0 && ret_fd)
		*ret_fd = TAKE_FD(fd);
	return r;
}

/* The tmpfs that becomes our root, with all that is needed there. */
static int make_root(int *ret_null, struct err *err)
{
	static const struct mount_option options[] = { { "mode", "0755" }, { "size", "65536" }, {} };
	static const char *const dirs[] = { "proc", "sys", "pts", "shm", "mqueue", "app", "mask", "mask/directory",
					    "mask/fs", "mask/fs/cgroup" };
	AUTO(close) int fd = -1, here = -1, file = -1;
	int r = mount_new("tmpfs", "pod", options, MOUNT_ATTR_NOSUID, &fd, err);

	for (size_t i = 0; i < ARRAY_LEN(dirs) && r >= 0; i++)
		if (mkdirat(fd, dirs[i], 0555) < 0)
			r = err_sys(err, -errno, "cannot make '/%s'", dirs[i]);
	if (r < 0)
		return r;
	file = openat(fd, "mask/file", O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (file >= 0 && mknodat(fd, "null", S_IFCHR | 0666, makedev(1, 3)) == 0)
		*ret_null = openat(fd, "null", O_RDWR | O_CLOEXEC);
	if (file < 0 || here < 0 || *ret_null < 0)
		return err_sys(err, -errno, "cannot make the pod's root");
	r = mount_attach(fd, here, err);
	return r < 0 ? r : mount_pivot(fd, err);
}

/* What lies in /sys/fs is hidden; an app mounts its own control group there. */
static int make_sys(const struct pod_plan *plan, struct err *err)
{
	bool open = plan->args->disable_paths;
	uint64_t attr = SAFE | (open ? 0 : MOUNT_ATTR_RDONLY);
	int r = put("sysfs", NULL, attr, "/sys", NULL, err);

	if (r >= 0 && !open)
		r = mask_all((const char *const[]){ "/sys/fs" }, 1, "/mask/fs", err);
	return r;
}

static int hide_and_protect(struct err *err)
{
	int r = mask_all(masked_files, ARRAY_LEN(masked_files), "/mask/file", err);

	if (r >= 0)
		r = mask_all(masked_directories, ARRAY_LEN(masked_directories), "/mask/directory", err);
	if (r >= 0)
		r = mask_throttles(err);
	return r < 0 ? r : protect_all(err);
}

int podfs_make_pts(int *ret_fd, struct err *err)
{
	static const struct mount_option options[] = { { "mode", "0620" }, { "ptmxmode", "0666" }, { "gid", "5" }, {} };

	return mount_new("devpts", "devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, ret_fd, err);
}

static int make_dev_parts(const struct pod_plan *plan, int pts_fd, struct podfs *fs, struct err *err)
{
	static const struct mount_option shm[] = { { "mode", "01777" }, { "size", "67108864" }, {} };
	AUTO(close) int target = open("/pts", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = target < 0 ? err_sys(err, -errno, "cannot open '/pts'") : mount_attach(pts_fd, target, err);

	if (r >= 0)
		r = put("tmpfs", shm, SAFE, "/shm", NULL, err);
	/* With the host's IPC namespace it would be the host's queues. */
	fs->has_mqueue = !plan->args->ipc_parent;
	if (r >= 0 && fs->has_mqueue) {
		r = put("mqueue", NULL, SAFE, "/mqueue", NULL, err);
		if (r == -ENODEV) {
			fs->has_mqueue = false;	/* a kernel without them */
			r = 0;
		}
	}
	return r;
}

static int put_file(int mount_fd, const char *where, struct err *err)
{
	AUTO(close) int target = -1;

	if (mount_fd < 0)
		return 0;
	target = open(where, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (target < 0)
		return err_sys(err, -errno, "cannot make '%s'", where);
	return mount_attach(mount_fd, target, err);
}

int podfs_build(const struct pod_plan *plan, int pts_fd, struct podfs *ret, struct err *err)
{
	int r;

	*ret = (struct podfs){ .proc_fd = -1, .pts_fd = pts_fd, .null_fd = -1 };
	r = make_root(&ret->null_fd, err);
	/* Every mask is a copy of this mount. */
	if (r >= 0 && (r = protect("/mask", MOUNT_ATTR_RDONLY | SAFE)) < 0)
		err_sys(err, r, "cannot protect '/mask'");
	if (r >= 0)
		r = put("proc", NULL, SAFE, "/proc", &ret->proc_fd, err);
	if (r >= 0)
		r = make_sys(plan, err);
	if (r >= 0 && !plan->args->disable_paths)
		r = hide_and_protect(err);
	if (r >= 0)
		r = make_dev_parts(plan, pts_fd, ret, err);
	if (r >= 0)
		r = put_file(plan->resolv_fd, "/resolv.conf", err);
	if (r >= 0)
		r = put_file(plan->hosts_fd, "/hosts", err);
	return r < 0 ? err_wrap(err, r, "cannot set up the pod's file systems") : 0;
}
