#include "os/mount.h"

#include <errno.h>
#include <fcntl.h>
/* Not <sys/mount.h>: the two define the same things differently, and musl's lacks half of them. */
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/mem.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum { FILESYSTEMS_MAX = 64 << 10, LOG_LINE = 256, MNT_DETACH_FLAG = 2 };

static int mount_attr(int fd, const char *path, unsigned flags, const struct mount_attr *attr)
{
	return syscall(SYS_mount_setattr, fd, path, flags, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

/*
 * Makes "/" and "." the root of the mount namespace itself. In a chroot, "/" is
 * only some directory of it, maybe no mount at all; joining the namespace that
 * one is in leads to its top.
 */
static int go_to_top(void)
{
	AUTO(close) int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return self < 0 || setns(self, CLONE_NEWNS) < 0 ? -errno : 0;
}

static int make_slave(void)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };
	AUTO(close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(close) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 || here < 0 ? -errno : go_to_top();

	if (r >= 0)
		r = mount_attr(AT_FDCWD, "/", AT_RECURSIVE, &slave);
	if (r >= 0 && (fchdir(root) < 0 || chroot(".") < 0 || fchdir(here) < 0))
		r = -errno;
	return r;
}

int mount_namespace_new(struct err *err)
{
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, -errno, "cannot make a mount namespace");
	r = make_slave();
	if (r < 0)
		return err_sys(err, r, "cannot make the mount namespace private");
	return 0;
}

static int config(int fs, unsigned command, const char *key, const char *value, int aux)
{
	return syscall(SYS_fsconfig, fs, command, key, value, aux) < 0 ? -errno : 0;
}

/* The kernel's own words are in the context's log, "e overlay: …"; the errno is mostly a bare EINVAL. */
static int fs_failed(int fs, int r, const char *type, struct err *err)
{
	char line[LOG_LINE];
	ssize_t n = read(fs, line, sizeof(line) - 1);

	if (n > 2 && line[0] == 'e') {
		line[n] = 0;
		line[strcspn(line, "\n")] = 0;
		err_set(err, r, "%s", line + 2);
		return err_wrap(err, r, "cannot mount a file system of type '%s'", type);
	}
	return err_sys(err, r, "cannot mount a file system of type '%s'", type);
}

static int fs_open(const char *type, int *ret, struct err *err)
{
	int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return err_sys(err, -errno, "cannot mount a file system of type '%s'", type);
	*ret = fs;
	return 0;
}

static int fs_mount(int fs, const char *type, uint64_t attr, int *ret_fd, struct err *err)
{
	int fd, r;

	r = config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r < 0)
		return fs_failed(fs, r, type, err);
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned)attr);
	if (fd < 0)
		return fs_failed(fs, -errno, type, err);
	*ret_fd = fd;
	return 0;
}

int mount_new(const char *type, const char *source, const struct mount_option *options, uint64_t attr,
	      int *ret_fd, struct err *err)
{
	AUTO(close) int fs = -1;
	int r;

	r = fs_open(type, &fs, err);
	if (r < 0)
		return r;
	if (source) {
		r = config(fs, FSCONFIG_SET_STRING, "source", source, 0);
		if (r < 0)
			return fs_failed(fs, r, type, err);
	}
	for (; options && options->key; options++) {
		r = config(fs, options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options->key,
			   options->value, 0);
		if (r < 0)
			return fs_failed(fs, r, type, err);
	}
	return fs_mount(fs, type, attr, ret_fd, err);
}

/* Linux 6.13 takes a layer as an fd. Before, a path of ours that no option syntax can misread names it. */
static int overlay_layer(int fs, const char *fd_key, const char *path_key, int layer_fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int r = config(fs, FSCONFIG_SET_FD, fd_key, NULL, layer_fd);

	if (r >= 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", layer_fd);
	return config(fs, FSCONFIG_SET_STRING, path_key, path, 0);
}

int mount_overlay(int lower_fd, int upper_fd, int work_fd, uint64_t attr, int *ret_fd, struct err *err)
{
	AUTO(close) int fs = -1;
	int r;

	r = fs_open("overlay", &fs, err);
	if (r < 0)
		return r;
	r = config(fs, FSCONFIG_SET_STRING, "source", "overlay", 0);
	if (r >= 0)
		r = overlay_layer(fs, "lowerdir+", "lowerdir", lower_fd);
	if (r >= 0)
		r = overlay_layer(fs, "upperdir", "upperdir", upper_fd);
	if (r >= 0)
		r = overlay_layer(fs, "workdir", "workdir", work_fd);
	if (r >= 0)
		r = config(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
	if (r < 0)
		return fs_failed(fs, r, "overlay", err);
	return fs_mount(fs, "overlay", attr, ret_fd, err);
}

bool mount_overlay_supported(void)
{
	AUTO(free) char *text = NULL;
	AUTO(close) int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

	if (fs >= 0 || errno != EPERM)
		return fs >= 0 || errno == EMFILE || errno == ENFILE || errno == ENOMEM;
	return file_read(AT_FDCWD, "/proc/filesystems", FILESYSTEMS_MAX, &text, NULL) >= 0 &&
	       strstr(text, "\toverlay\n");
}

int mount_clone(int dir_fd, const char *path, bool recursive, int *ret_fd, struct err *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0 : AT_EMPTY_PATH) |
			 (recursive ? AT_RECURSIVE : 0);
	int fd = (int)syscall(SYS_open_tree, dir_fd, path, flags);

	if (fd < 0)
		return err_sys(err, -errno, "cannot copy the mount '%s'", path);
	*ret_fd = fd;
	return 0;
}

int mount_set(int mount_fd, uint64_t set, uint64_t clear, bool recursive, struct err *err)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };
	int r = mount_attr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr);

	return r < 0 ? err_sys(err, r, "cannot change a mount's attributes") : 0;
}

int mount_private(int mount_fd, bool recursive, struct err *err)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };
	int r = mount_attr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr);

	return r < 0 ? err_sys(err, r, "cannot make a mount private") : 0;
}

int mount_pivot(int new_root_fd, struct err *err)
{
	int r = go_to_top();

	if (r < 0)
		return err_sys(err, r, "cannot change the root");
	/*
	 * The old root comes to lie on top of the new one, which is where "." finds it to detach it. Had we stayed in a
	 * chroot, what lies above it would stay too, and be what setns() leads into.
	 */
	if (fchdir(new_root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    syscall(SYS_umount2, ".", MNT_DETACH_FLAG) < 0 || chdir("/") < 0)
		return err_sys(err, -errno, "cannot change the root");
	return 0;
}

int mount_attach(int mount_fd, int target_fd, struct err *err)
{
	if (syscall(SYS_move_mount, mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, -errno, "cannot attach a mount");
	return 0;
}

int mount_detach(const char *path)
{
	return syscall(SYS_umount2, path, MNT_DETACH_FLAG) < 0 ? -errno : 0;
}
