#include "os/confine.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/seccomp_code.h"

/* --- system calls -------------------------------------------------------- */

static const char never[] =
	"accept accept4 add_key bpf capset chroot delete_module execve execveat finit_module fork fsconfig "
	"fsmount fsopen fspick init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl "
	"kexec_file_load kexec_load keyctl kill listen memfd_create memfd_secret mount mount_setattr move_mount "
	"open_by_handle_at open_tree open_tree_attr perf_event_open pidfd_getfd pidfd_send_signal pivot_root "
	"process_vm_readv process_vm_writev ptrace reboot request_key rt_sigqueueinfo rt_tgsigqueueinfo setdomainname "
	"setfsgid setfsuid setgid setgroups sethostname setns setregid setresgid setresuid setreuid setuid swapoff "
	"swapon tkill umount umount2 unshare userfaultfd vfork";

static const char changes_files[] =
	"chmod chown creat fchmod fchmodat fchmodat2 fchown fchownat fremovexattr fsetxattr lchown link linkat "
	"lremovexattr lsetxattr mkdir mkdirat mknod mknodat removexattr removexattrat rename renameat renameat2 rmdir "
	"setxattr setxattrat symlink symlinkat truncate unlink unlinkat utime utimensat utimes";

static const char always[] =
	/* memory, threads, time */
	"arch_prctl brk clock_getres clock_gettime clock_nanosleep exit exit_group futex get_robust_list "
	"getrandom gettimeofday madvise membarrier mincore mlock mlock2 mremap munlock munmap nanosleep "
	"restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sched_getaffinity "
	"sched_getparam sched_getscheduler sched_yield set_robust_list set_tid_address sigaltstack time "
	/* who and where we are */
	"getcwd getegid geteuid getgid getgroups getpgrp getpid getppid getrlimit getrusage gettid getuid "
	"sysinfo umask uname "
	/* descriptors */
	"close close_range copy_file_range dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait "
	"epoll_pwait2 epoll_wait eventfd eventfd2 fadvise64 fallocate fdatasync fstat fstatfs fsync ftruncate "
	"lseek newfstatat pipe pipe2 poll ppoll pread64 preadv preadv2 pselect6 pwrite64 pwritev pwritev2 read "
	"readv select sendfile splice statx sync_file_range tee write writev "
	/* a socket that was handed over, and what comes through it */
	"getpeername getsockname getsockopt recvfrom recvmsg sendmsg sendto shutdown";

static const char reads_files[] =
	"access faccessat faccessat2 fgetxattr flistxattr fchdir getdents64 getxattr lgetxattr listxattr llistxattr "
	"lstat readlink readlinkat stat statfs";

static const char uses_network[] = "bind connect recvmmsg sendmmsg setsockopt";

/* Only what can be had as clone(): the arguments of clone3() are out of a filter's sight. */
#define THREAD ((uint32_t)(CLONE_THREAD | CLONE_VM | CLONE_SIGHAND))
static const struct check check_thread[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_MASK, THREAD },
	{ CHECK_UNEQUAL, THREAD, SECCOMP_RET_KILL_PROCESS },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
/* Nothing is executed that could be written: libraries are mapped, code is not made. */
static const struct check check_map[] = {
	{ CHECK_LOAD, 2 },
	{ CHECK_MASK, PROT_WRITE | PROT_EXEC },
	{ CHECK_EQUAL, PROT_WRITE | PROT_EXEC, SECCOMP_ERRNO(EPERM) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
static const struct check check_protect[] = {
	{ CHECK_LOAD, 2 },
	{ CHECK_ANY, PROT_EXEC, SECCOMP_ERRNO(EPERM) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
static const struct check check_own_limits[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_UNEQUAL, 0, SECCOMP_ERRNO(EPERM) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
static const struct check check_prctl[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_EQUAL, PR_SET_NAME, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, PR_GET_NAME, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, PR_GET_DUMPABLE, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, 0x53564d41 /* PR_SET_VMA: names of memory, for statistics */, SECCOMP_RET_ALLOW },
	{ CHECK_ELSE, 0, SECCOMP_ERRNO(EPERM) },
};
/* Not F_SETOWN and its kin, which send signals. */
static const struct check check_fcntl[] = {
	{ CHECK_LOAD, 1 },
	{ CHECK_EQUAL, F_DUPFD, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, F_DUPFD_CLOEXEC, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, F_GETFD, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, F_SETFD, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, F_GETFL, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, F_SETFL, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, F_GETPIPE_SZ, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, F_SETPIPE_SZ, SECCOMP_RET_ALLOW },
	{ CHECK_ELSE, 0, SECCOMP_ERRNO(EPERM) },
};
static const struct check check_ioctl[] = {
	{ CHECK_LOAD, 1 },
	{ CHECK_EQUAL, 0x541b /* FIONREAD */, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, 0x5421 /* FIONBIO */, SECCOMP_RET_ALLOW },
	{ CHECK_ELSE, 0, SECCOMP_ERRNO(ENOTTY) },
};
static const struct check check_open[] = {
	{ CHECK_LOAD, 1 },
	{ CHECK_ANY, O_ACCMODE | O_CREAT | O_TRUNC, SECCOMP_ERRNO(EACCES) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
static const struct check check_openat[] = {
	{ CHECK_LOAD, 2 },
	{ CHECK_ANY, O_ACCMODE | O_CREAT | O_TRUNC, SECCOMP_ERRNO(EACCES) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
static const struct check check_mknodat[] = {
	{ CHECK_LOAD, 2 },
	{ CHECK_MASK, S_IFMT },
	{ CHECK_EQUAL, S_IFIFO, SECCOMP_RET_ALLOW },
	{ CHECK_ELSE, 0, SECCOMP_ERRNO(EPERM) },
};
static const struct check check_pair[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_EQUAL, AF_UNIX, SECCOMP_RET_ALLOW },
	{ CHECK_ELSE, 0, SECCOMP_ERRNO(EAFNOSUPPORT) },
};
/* getaddrinfo() asks NETLINK_ROUTE (0) which addresses we have. */
#define CHECK_IP \
	{ CHECK_EQUAL, AF_INET, SECCOMP_RET_ALLOW }, \
	{ CHECK_EQUAL, AF_INET6, SECCOMP_RET_ALLOW }, \
	{ CHECK_UNEQUAL, AF_NETLINK, SECCOMP_ERRNO(EAFNOSUPPORT) }, \
	{ CHECK_LOAD, 2 }, \
	{ CHECK_UNEQUAL, 0, SECCOMP_ERRNO(EPROTONOSUPPORT) }, \
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW }
static const struct check check_socket[] = { { CHECK_LOAD, 0 }, CHECK_IP };
static const struct check check_socket_local[] = {
	{ CHECK_LOAD, 0 }, { CHECK_EQUAL, AF_UNIX, SECCOMP_RET_ALLOW }, CHECK_IP,
};

static void allow_always(struct policy *p, const struct check *own_process)
{
	policy_set_list(p, always, VERDICT_ALLOW);
	policy_check_list(p, "clone", check_thread);
	policy_check_list(p, "mmap", check_map);
	policy_check_list(p, "mprotect", check_protect);
	policy_check_list(p, "tgkill", own_process);
	policy_check_list(p, "prlimit64", check_own_limits);
	policy_check_list(p, "prctl", check_prctl);
	policy_check_list(p, "fcntl", check_fcntl);
	policy_check_list(p, "ioctl", check_ioctl);
	policy_check_list(p, "socketpair", check_pair);
}

static void allow_files(struct policy *p, unsigned may)
{
	if (may & (CONFINE_READ | CONFINE_MAKE))
		policy_set_list(p, reads_files, VERDICT_ALLOW);
	if (may & CONFINE_MAKE) {
		policy_set_list(p, changes_files, VERDICT_ALLOW);
		policy_set_list(p, "open openat openat2", VERDICT_ALLOW);
		policy_set_list(p, "mknod", VERDICT_ENOSYS);
		policy_check_list(p, "mknodat", check_mknodat);
	} else if (may & CONFINE_READ) {
		policy_check_list(p, "open", check_open);
		policy_check_list(p, "openat", check_openat);
	}
}

static int no_new_privs(struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot give up new privileges");
	return 0;
}

int confine_calls(unsigned may, struct err *err)
{
	/* abort() and the like signal their own thread. */
	const struct check own_process[] = {
		{ CHECK_LOAD, 0 },
		{ CHECK_UNEQUAL, (uint32_t)getpid(), SECCOMP_RET_KILL_PROCESS },
		{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
	};
	struct policy p = { .other = SECCOMP_ERRNO(ENOSYS), .native_only = true };
	struct seccomp_filter filter;
	int r;

	policy_set_list(&p, never, VERDICT_KILL);
	policy_set_list(&p, changes_files, VERDICT_KILL);
	allow_always(&p, own_process);
	allow_files(&p, may);
	if (may & CONFINE_IP) {
		policy_set_list(&p, uses_network, VERDICT_ALLOW);
		policy_check_list(&p, "socket", may & CONFINE_LOCAL ? check_socket_local : check_socket);
	} else {
		policy_set_list(&p, "bind connect socket", VERDICT_KILL);
	}
	r = policy_compile(&p, &filter, err);
	if (r >= 0)
		r = no_new_privs(err);
	if (r < 0)
		return r;
	r = seccomp_apply(&filter);
	seccomp_clear(&filter);
	return r < 0 ? err_sys(err, r, "cannot filter system calls") : 0;
}

/* --- files --------------------------------------------------------------- */

/* The interface of Landlock (Documentation/userspace-api/landlock.rst), which headers have in part or not at all. */
enum { LANDLOCK_VERSION = 1, LANDLOCK_PATH = 1 };
struct landlock_rules { uint64_t files, tcp, scopes; };
struct landlock_place { uint64_t allowed; int32_t fd; } __attribute__((packed));

enum {
	FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2, FS_READ_DIR = 1 << 3, FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5, FS_MAKE_DIR = 1 << 7, FS_MAKE_REG = 1 << 8, FS_MAKE_FIFO = 1 << 10,
	FS_MAKE_SYM = 1 << 12, FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14,
	TCP_BIND = 1 << 0,
	SCOPE_SOCKETS = 1 << 0, SCOPE_SIGNALS = 1 << 1,
};
#define FS_OF_FILES	(FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)
#define FS_READ		(FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE	(FS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | \
			 FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)

/* What each version of the interface can forbid. */
static const struct { struct landlock_rules rules; size_t size; } landlock[] = {
	{ { 0x1fff, 0, 0 }, 8 },
	{ { 0x3fff, 0, 0 }, 8 },				/* links and renames to other directories */
	{ { 0x7fff, 0, 0 }, 8 },				/* truncation */
	{ { 0x7fff, TCP_BIND, 0 }, 16 },
	{ { 0xffff, TCP_BIND, 0 }, 16 },			/* ioctl of devices */
	{ { 0xffff, TCP_BIND, SCOPE_SOCKETS | SCOPE_SIGNALS }, 24 },
};

static int add_place(int rules_fd, const struct landlock_rules *handled, const struct confine_place *place,
		     struct err *err)
{
	AUTO(close) int own_fd = -1;
	struct landlock_place rule = { .allowed = place->write ? FS_WRITE : FS_READ, .fd = place->fd };
	struct stat st;

	if (place->path) {
		rule.fd = own_fd = open(place->path, O_PATH | O_CLOEXEC);
		if (own_fd < 0)
			return 0;
	}
	if (fstat(rule.fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at a descriptor");
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_FILES;
	rule.allowed &= handled->files;
	if (syscall(SYS_landlock_add_rule, rules_fd, LANDLOCK_PATH, &rule, 0) < 0)
		return err_sys(err, -errno, "cannot allow '%s'", place->path ? place->path : "a directory");
	return 0;
}

static bool any_write(const struct confine_place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].write)
			return true;
	return false;
}

int confine_files(const struct confine_place *places, size_t n, int *ret_version, struct err *err)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	const struct landlock_rules *rules;
	AUTO(close) int fd = -1;
	int r;

	*ret_version = 0;
	/* The first version forbids links to other directories whatever one allows. */
	if (version < 1 || (version == 1 && any_write(places, n)))
		return 0;
	if ((size_t)version > ARRAY_LEN(landlock))
		version = ARRAY_LEN(landlock);
	rules = &landlock[version - 1].rules;
	fd = (int)syscall(SYS_landlock_create_ruleset, rules, landlock[version - 1].size, 0);
	if (fd < 0)
		return err_sys(err, -errno, "cannot use Landlock");
	for (size_t i = 0; i < n; i++) {
		r = add_place(fd, rules, &places[i], err);
		if (r < 0)
			return r;
	}
	r = no_new_privs(err);
	if (r < 0)
		return r;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return err_sys(err, -errno, "cannot use Landlock");
	*ret_version = (int)version;
	return 0;
}

/* --- limits -------------------------------------------------------------- */

void confine_limit(int what, rlim_t value)
{
	struct rlimit now;

	if (getrlimit(what, &now) < 0 || now.rlim_max <= value)
		return;
	(void)setrlimit(what, &(struct rlimit){ value, value });
}
