#include "unpack/box.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/proc.h"
#include "os/confine.h"
#include "os/mount.h"

enum { NOBODY = 65534 };

#define CAP_BIT(cap) (1u << (cap))
/* All below 32. What setting owners, modes, setuid bits and file capabilities takes. */
static const uint32_t kept_caps = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER) |
				  CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_SETFCAP);

/* Makes fd one of a mount of its own that is not attached anywhere. */
static int detach(int fd, uint64_t attr, struct err *err)
{
	AUTO(close) int mount_fd = -1;
	int r;

	r = mount_clone(fd, "", false, &mount_fd, err);
	if (r >= 0)
		r = mount_set(mount_fd, attr | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, false,
			      err);
	if (r < 0)
		return r;
	if (dup3(mount_fd, fd, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot replace a descriptor");
	return 0;
}

static int hide_files(int dir_fd, int tree_fd, struct err *err)
{
	static const struct mount_option none[] = { {} };
	AUTO(close) int empty_fd = -1;
	int r = 0;

	/* A mount can be copied only in the namespace that it is in. */
	if (dir_fd >= 0)
		r = detach(dir_fd, 0, err);
	else
		r = mount_new("tmpfs", "none", none, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
			      &empty_fd, err);
	if (r >= 0 && tree_fd >= 0)
		r = detach(tree_fd, MOUNT_ATTR_RDONLY, err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return err_sys(err, -errno, "cannot leave the namespaces");
	if (fchdir(dir_fd >= 0 ? dir_fd : empty_fd) < 0 || chroot(".") < 0)
		return err_sys(err, -errno, "cannot change the root directory");
	return 0;
}

static int drop_caps(struct err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = kept_caps, .permitted = kept_caps },
	};

	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_sys(err, -errno, "cannot drop capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &header, data) < 0)
		return err_sys(err, -errno, "cannot drop capabilities");
	return 0;
}

/* Everything below what was handed over, and nothing else. */
static int stay_below(int dir_fd, int tree_fd, struct err *err)
{
	struct confine_place places[2];
	size_t n = 0;
	int version, r;

	if (dir_fd >= 0)
		places[n++] = (struct confine_place){ .fd = dir_fd, .write = true };
	if (tree_fd >= 0)
		places[n++] = (struct confine_place){ .fd = tree_fd };
	r = confine_files(places, n, &version, err);
	return r < 0 ? r : proc_drop(geteuid(), getegid(), err);
}

/* Where no file is to be given owner and mode, nothing is left of root at all. */
static int give_up_root(int dir_fd, int tree_fd, struct err *err)
{
	int r = hide_files(dir_fd, tree_fd, err);

	if (r < 0)
		return r;
	return dir_fd >= 0 ? drop_caps(err) : proc_drop(NOBODY, NOBODY, err);
}

int box_enter(int dir_fd, int tree_fd, unsigned max_files, struct err *err)
{
	int r;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot forbid core dumps");
	confine_limit(RLIMIT_CORE, 0);
	confine_limit(RLIMIT_NOFILE, max_files);
	r = geteuid() == 0 ? give_up_root(dir_fd, tree_fd, err) : stay_below(dir_fd, tree_fd, err);
	/* Becoming another user sets it to what fs.suid_dumpable says. */
	if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = err_sys(err, -errno, "cannot forbid core dumps");
	return r < 0 ? r : confine_calls(dir_fd >= 0 ? CONFINE_MAKE : 0, err);
}
