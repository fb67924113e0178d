#include "unpack/box.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "os/mount.h"

enum { FILES_MAX = 128 };

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

/* What nothing here ever needs and a taken-over process would want first. */
static const int denied[] = {
	SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_execve, SYS_execveat, SYS_ptrace,
	SYS_process_vm_readv, SYS_process_vm_writev, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
	SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr,
	SYS_unshare, SYS_setns, SYS_open_by_handle_at, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
	SYS_keyctl, SYS_add_key, SYS_request_key, SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_io_uring_setup, SYS_mknod, SYS_memfd_create,
	/* Every process of root's is within reach of a uid that is still 0. */
	SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_open,
	SYS_pidfd_send_signal, SYS_pidfd_getfd, SYS_setpriority, SYS_ioprio_set, SYS_sched_setaffinity,
	SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_process_madvise, SYS_migrate_pages,
	SYS_move_pages, SYS_kcmp,
};

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define FOREIGN_CALLS 0x40000000	/* x32 */
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#define FOREIGN_CALLS 0x80000000
#else
#error "the system call filter does not know this machine"
#endif

static int filter_calls(struct err *err)
{
	enum { HEAD = 5, N = HEAD + ARRAY_LEN(denied) + 2 };
	struct sock_filter code[N] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_CALLS, ARRAY_LEN(denied) + 1, 0),
	};
	struct sock_fprog program = { .len = N, .filter = code };

	for (unsigned i = 0; i < ARRAY_LEN(denied); i++)
		code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)denied[i],
							      (unsigned char)(ARRAY_LEN(denied) - i), 0);
	code[N - 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[N - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return err_sys(err, -errno, "cannot filter system calls");
	return 0;
}

static void limit(int what, rlim_t value)
{
	struct rlimit now;

	if (getrlimit(what, &now) < 0 || now.rlim_max <= value)
		return;
	(void)setrlimit(what, &(struct rlimit){ value, value });
}

int box_enter(int dir_fd, int tree_fd, struct err *err)
{
	int r = 0;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot forbid core dumps");
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, FILES_MAX);
	if (geteuid() == 0) {
		r = hide_files(dir_fd, tree_fd, err);
		if (r >= 0)
			r = drop_caps(err);
	}
	return r < 0 ? r : filter_calls(err);
}
