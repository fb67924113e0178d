#include "stage1/native/appfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/path.h"
#include "os/mount.h"

/* --- directories of the image -------------------------------------------- */

/*
 * An image whose /proc, /sys or /dev is a link or a file wants its file systems
 * to land elsewhere: such an image is refused.
 */
static int ordinary_directory(int root_fd, const char *name, int *ret, struct err *err)
{
	int fd;

	if (mkdirat(root_fd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "cannot make '/%s'", name);
	fd = openat(root_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(err, -ERR_BAD_INPUT, "'/%s' of the image must be an ordinary directory", name);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open '/%s' of the image", name);
	*ret = fd;
	return 0;
}

static void common_directories(int root_fd)
{
	static const struct { const char *name; mode_t mode; } dirs[] = {
		{ "etc", 0755 }, { "run", 0755 }, { "tmp", 01777 },
	};

	/* What is there already stays as it is; that one is missing on a full disk hurts nobody but its users. */
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		(void)dir_make(root_fd, dirs[i].name, dirs[i].mode);
}

/* --- /dev ---------------------------------------------------------------- */

static int fill_dev(int fd)
{
	static const struct { const char *name; unsigned major, minor; } nodes[] = {
		{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 },
		{ "tty", 5, 0 },
	};
	static const struct { const char *name, *to; } links[] = {
		{ "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" },
		{ "stderr", "/proc/self/fd/2" }, { "ptmx", "pts/ptmx" },
	};
	static const char *const dirs[] = { "pts", "shm", "mqueue" };

	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		if (mknodat(fd, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlinkat(links[i].to, fd, links[i].name) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (mkdirat(fd, dirs[i], 0755) < 0)
			return -errno;
	return 0;
}

/* Moves a mount of our copy of the pod's namespace to its place in the app. */
static int move(const char *from, int dir_fd, const char *to, struct err *err)
{
	if (syscall(SYS_move_mount, AT_FDCWD, from, dir_fd, to, *to ? 0 : MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, -errno, "cannot mount '%s'", from);
	return 0;
}

/* The terminal by its number in our own devpts, which no app has written to yet. */
static int mount_console(int dev_fd, int console_fd, struct err *err)
{
	AUTO(close) int mount = -1, target = -1;
	char path[32];
	struct stat st;
	int r;

	if (fstat(console_fd, &st) < 0)
		return err_sys(err, -errno, "cannot find the terminal");
	snprintf(path, sizeof(path), "pts/%u", minor(st.st_rdev));
	r = mount_clone(dev_fd, path, false, &mount, err);
	if (r < 0)
		return r;
	target = openat(dev_fd, "console", O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (target < 0)
		return err_sys(err, -errno, "cannot make '/dev/console'");
	return mount_attach(mount, target, err);
}

static int make_dev(int root_fd, const struct podfs *pod, int console_fd, struct err *err)
{
	static const struct mount_option options[] = { { "mode", "0755" }, { "size", "1048576" }, {} };
	AUTO(close) int target = -1, fd = -1;
	int r = ordinary_directory(root_fd, "dev", &target, err);

	if (r >= 0)
		r = mount_new("tmpfs", "dev", options, MOUNT_ATTR_NOSUID, &fd, err);
	if (r < 0)
		return r;
	r = fill_dev(fd);
	if (r < 0)
		return err_sys(err, r, "cannot fill '/dev'");
	r = mount_attach(fd, target, err);
	if (r >= 0)
		r = move("/pts", fd, "pts", err);
	if (r >= 0)
		r = move("/shm", fd, "shm", err);
	if (r >= 0 && pod->has_mqueue)
		r = move("/mqueue", fd, "mqueue", err);
	if (r >= 0 && console_fd >= 0)
		r = mount_console(fd, console_fd, err);
	return r;
}

/* --- files in /etc ------------------------------------------------------- */

/* Opens the file to be mounted over; a link that leads nowhere gives way to a plain file. */
static int open_target(int root_fd, const char *path)
{
	AUTO(free) char *parent = xstrndup(path, (size_t)(path_last(path) - path));
	AUTO(close) int dir = -1;
	int fd = path_make_file_in(root_fd, path, 0644);

	if (fd != -ENOENT)
		return fd;
	dir = path_open_in(root_fd, parent, O_PATH | O_DIRECTORY);
	if (dir < 0)
		return dir;
	if (unlinkat(dir, path_last(path), 0) < 0)
		return -errno;
	return path_make_file_in(root_fd, path, 0644);
}

/* Mounts a file of our copy of the pod's namespace over one of the app. */
static int mount_file(int root_fd, const char *from, const char *path, struct err *err)
{
	AUTO(close) int mount = -1, target = open_target(root_fd, path);
	int r;

	if (target < 0)
		return err_sys(err, target, "cannot open '%s'", path);
	r = mount_clone(AT_FDCWD, from, false, &mount, err);
	if (r >= 0)
		r = mount_attach(mount, target, err);
	return r < 0 ? err_wrap(err, r, "cannot mount '%s'", path) : 0;
}

static bool is_there(int root_fd, const char *path)
{
	AUTO(close) int fd = path_open_in(root_fd, path, O_PATH);

	return fd >= 0;
}

/* An app whose image has no hosts file still finds localhost and itself. */
static int write_hosts(int root_fd, const char *hostname, struct err *err)
{
	AUTO(free) char *text = xasprintf(
		"# This is the default rkt /etc/hosts\n\n"
		"127.0.0.1\tlocalhost localhost.domain localhost4 localhost4.localdomain4 %s\n\n"
		"::1\tlocalhost localhost6 localhost6.localdomain6\n"
		"fe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
		hostname);
	AUTO(close) int target = open_target(root_fd, "/etc/hosts"), fd = -1;

	if (target < 0)
		return err_sys(err, target, "cannot make '/etc/hosts'");
	fd = path_open_in(root_fd, "/etc/hosts", O_WRONLY | O_NOFOLLOW);
	if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0)
		return err_sys(err, fd < 0 ? fd : -errno, "cannot write '/etc/hosts'");
	return 0;
}

static int make_etc(int root_fd, const struct pod_plan *plan, struct err *err)
{
	AUTO(close) int etc = path_open_in(root_fd, "/etc", O_PATH | O_DIRECTORY);
	int r = 0;

	if (etc < 0)
		return err_set(err, -ERR_BAD_INPUT, "'/etc' of the image must be a directory");
	(void)!symlinkat("../proc/self/mounts", etc, "mtab");	/* an image's own stays */
	if (plan->resolv_fd >= 0)
		r = mount_file(root_fd, "/resolv.conf", "/etc/resolv.conf", err);
	if (r >= 0 && plan->hosts_fd >= 0)
		r = mount_file(root_fd, "/hosts", "/etc/hosts", err);
	else if (r >= 0 && !is_there(root_fd, "/etc/hosts"))
		r = write_hosts(root_fd, plan->hostname, err);
	return r < 0 ? r : mount_file(root_fd, "/proc/sys/kernel/hostname", "/etc/hostname", err);
}

/* --- volumes ------------------------------------------------------------- */

static bool is_same(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev;
}

static int mount_volume(int root_fd, const struct app_mount *m, struct err *err)
{
	AUTO(close) int target = -1;
	int r;

	target = m->is_directory ? path_make_dir_in(root_fd, m->target, 0755)
				 : path_make_file_in(root_fd, m->target, 0644);
	if (target < 0)
		return err_sys(err, target, "cannot mount volume '%s' on '%s'", m->volume->name, m->target);
	/* By a link of the image. The app would not see it, but whoever enters would come to stand in it. */
	if (is_same(target, root_fd))
		return err_set(err, -ERR_BAD_INPUT, "volume '%s' cannot be mounted on '%s', which is '/'", m->volume->name,
			       m->target);
	r = mount_attach(m->fd, target, err);
	return r < 0 ? err_wrap(err, r, "cannot mount volume '%s' on '%s'", m->volume->name, m->target) : 0;
}

static int mount_on(int root_fd, const char *from, const char *name, struct err *err)
{
	AUTO(close) int target = -1;
	int r = ordinary_directory(root_fd, name, &target, err);

	return r < 0 ? r : move(from, target, "", err);
}

/* cgroup2 shows whoever mounts it his own group as the root: so each app does, in a cgroup namespace of its own. */
static int mount_cgroup(int root_fd, bool writable, struct err *err)
{
	uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | (writable ? 0 : MOUNT_ATTR_RDONLY);
	AUTO(close) int target = path_open_in(root_fd, "/sys/fs/cgroup", O_PATH | O_DIRECTORY), fd = -1;
	int r;

	if (target < 0)
		return err_sys(err, target, "cannot open '/sys/fs/cgroup'");
	r = mount_new("cgroup2", "cgroup2", NULL, attr, &fd, err);
	return r < 0 ? r : mount_attach(fd, target, err);
}

/* --- together ------------------------------------------------------------ */

int appfs_enter(const struct pod_plan *plan, const struct app_plan *app, const struct podfs *pod, int console_fd,
		struct err *err)
{
	AUTO(close) int place = open("/app", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int root_fd = app->root_fd, r;

	if (place < 0)
		return err_sys(err, -errno, "cannot open '/app'");
	common_directories(root_fd);
	r = mount_attach(root_fd, place, err);
	if (r >= 0)
		r = make_dev(root_fd, pod, console_fd, err);
	if (r >= 0)
		r = make_etc(root_fd, plan, err);
	if (r >= 0)
		r = mount_on(root_fd, "/proc", "proc", err);
	if (r >= 0)
		r = mount_on(root_fd, "/sys", "sys", err);
	if (r >= 0 && plan->cgroup2)
		r = mount_cgroup(root_fd, plan->args->disable_paths, err);
	for (size_t i = 0; i < app->n_mounts && r >= 0; i++)
		r = mount_volume(root_fd, &app->mounts[i], err);
	/* Last: mount points had to be made. Volumes are mounts of their own and stay as they are. */
	if (r >= 0 && app->read_only_root)
		r = mount_set(root_fd, MOUNT_ATTR_RDONLY, 0, false, err);
	return r < 0 ? r : mount_pivot(root_fd, err);
}
