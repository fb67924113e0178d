#include "os/seccomp_sets.h"

#include <linux/capability.h>
#include <string.h>

#include "base/mem.h"

const char seccomp_set_needed[] =
	"arch_prctl brk clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
	"clock_nanosleep_time64 execve exit exit_group futex futex_time64 get_robust_list get_thread_area "
	"getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid "
	"getppid getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getsid gettid gettimeofday "
	"getuid getuid32 membarrier mmap mmap2 mprotect munmap nanosleep pause prlimit64 restart_syscall rseq "
	"rt_sigreturn sched_getaffinity sched_yield set_robust_list set_thread_area set_tid_address sigreturn "
	"time ugetrlimit";

/*
 * What ordinary programs use. clone, unshare, ioctl, personality, socket and
 * socketpair are looked at argument by argument: seccomp.c has them.
 */
const char seccomp_set_hardened[] =
	"accept accept4 access alarm arch_prctl bind brk cachestat capget capset chdir chmod chown chown32 "
	"clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
	"clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create "
	"epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd "
	"eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate "
	"fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync "
	"fgetxattr file_getattr file_setattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 "
	"fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait "
	"futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 "
	"getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername "
	"getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 "
	"getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr "
	"getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy "
	"io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioprio_get ioprio_set ipc kill "
	"landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link "
	"linkat listen listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 "
	"madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat "
	"mlock mlock2 mlockall modify_ldt mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive "
	"mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv "
	"msgsnd msync munlock munlockall munmap nanosleep newfstatat nice _newselect open openat openat2 pause "
	"pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 "
	"prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev "
	"pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg "
	"remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq "
	"rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
	"rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min "
	"sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
	"sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler "
	"sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 "
	"sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid "
	"setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 "
	"setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid "
	"setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack sigaction signal signalfd "
	"signalfd4 sigpending sigprocmask sigreturn sigsuspend splice stat stat64 statfs statfs64 statx "
	"symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete "
	"timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create "
	"timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 "
	"ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork vmsplice wait4 "
	"waitid waitpid write writev";

/*
 * Known, and known to be a way out of a pod or into the kernel's rarely walked
 * corners. io_uring and clone3 are not here: programs do without them, and
 * ENOSYS is how they learn that they have to.
 */
const char seccomp_set_dangerous[] =
	"acct add_key adjtimex afs_syscall bpf chroot clock_adjtime clock_adjtime64 clock_settime "
	"clock_settime64 create_module delete_module fanotify_init finit_module fsconfig fsmount fsopen "
	"fspick get_kernel_syms get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl "
	"listmount lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind migrate_pages "
	"mount mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree "
	"open_tree_attr perf_event_open pidfd_getfd pivot_root process_madvise process_vm_readv "
	"process_vm_writev ptrace query_module quotactl quotactl_fd reboot request_key set_mempolicy "
	"set_mempolicy_home_node setdomainname sethostname setns settimeofday statmount stime swapoff swapon "
	"_sysctl sysfs syslog umount umount2 uselib userfaultfd ustat vhangup vm86 vm86old";

/* As rkt 1.30 had it, which is Docker's list of 2016. */
const char seccomp_set_rkt_whitelist[] =
	"accept accept4 access alarm bind brk capget capset chdir chmod chown chown32 clock_getres "
	"clock_gettime clock_nanosleep close connect copy_file_range creat dup dup2 dup3 epoll_create "
	"epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_wait epoll_wait_old eventfd eventfd2 execve "
	"execveat exit exit_group faccessat fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod "
	"fchmodat fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork "
	"fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex "
	"futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 "
	"getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom "
	"getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname "
	"getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr inotify_add_watch "
	"inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents ioprio_get "
	"ioprio_set io_setup io_submit ipc kill lchown lchown32 lgetxattr link linkat listen listxattr "
	"llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise memfd_create mincore mkdir "
	"mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open "
	"mq_timedreceive mq_timedsend mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall "
	"munmap nanosleep newfstatat _newselect open openat pause personality pipe pipe2 poll ppoll prctl "
	"pread64 preadv prlimit64 pselect6 pwrite64 pwritev read readahead readlink readlinkat readv recv "
	"recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall "
	"rmdir rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
	"rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam "
	"sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval "
	"sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl "
	"semget semop semtimedop send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 "
	"setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid "
	"setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list "
	"setsid setsockopt set_thread_area set_tid_address setuid setuid32 setxattr shmat shmctl shmdt shmget "
	"shutdown sigaltstack signalfd signalfd4 sigreturn socket socketcall socketpair splice stat stat64 "
	"statfs statfs64 symlink symlinkat sync sync_file_range syncfs sysinfo syslog tee tgkill time "
	"timer_create timer_delete timerfd_create timerfd_gettime timerfd_settime timer_getoverrun "
	"timer_gettime timer_settime times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat "
	"utime utimensat utimes vfork vmsplice wait4 waitid waitpid write writev arch_prctl modify_ldt chroot "
	"clone";

const char seccomp_set_rkt_blacklist[] =
	"acct add_key adjtimex bpf clock_adjtime clock_settime create_module delete_module finit_module "
	"get_kernel_syms get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl "
	"lookup_dcookie mbind mount move_pages name_to_handle_at nfsservctl open_by_handle_at perf_event_open "
	"pivot_root process_vm_readv process_vm_writev ptrace query_module quotactl reboot request_key "
	"set_mempolicy setns settimeofday stime swapon swapoff sysfs _sysctl umount umount2 unshare uselib "
	"userfaultfd ustat vm86 vm86old";

const struct seccomp_cap_set seccomp_cap_sets[] = {
	{ CAP_DAC_READ_SEARCH, "open_by_handle_at name_to_handle_at" },
	{ CAP_SYS_ADMIN, "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie "
	  "mount mount_setattr move_mount open_tree open_tree_attr perf_event_open quotactl "
	  "quotactl_fd setdomainname sethostname setns statmount syslog umount umount2 unshare" },
	{ CAP_BPF, "bpf" },
	{ CAP_PERFMON, "perf_event_open" },
	{ CAP_SYS_BOOT, "reboot" },
	{ CAP_SYS_CHROOT, "chroot" },
	{ CAP_SYS_MODULE, "delete_module finit_module init_module" },
	{ CAP_SYS_NICE, "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node" },
	{ CAP_SYS_PACCT, "acct" },
	{ CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace" },
	{ CAP_SYS_RAWIO, "ioperm iopl" },
	{ CAP_SYS_TIME, "adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime" },
	{ CAP_SYS_TTY_CONFIG, "vhangup" },
	{ CAP_SYSLOG, "syslog" },
	{}
};

static const char systemd_clock[] =
	"adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime";

static const char systemd_mount[] =
	"chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr "
	"pivot_root umount umount2";

static const char systemd_network_io[] =
	"accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
	"recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socket socketcall "
	"socketpair";

static const char systemd_obsolete[] =
	"_sysctl afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle lock mpx "
	"prof profil putpmsg query_module security sgetmask ssetmask stime stty sysfs tuxcall ulimit uselib "
	"ustat vserver";

static const char systemd_privileged[] =
	"_sysctl acct adjtimex bpf capset chown chown32 chroot clock_adjtime clock_adjtime64 clock_settime "
	"clock_settime64 delete_module fanotify_init fanotify_mark fchown fchown32 fchownat finit_module "
	"init_module ioperm iopl kexec_file_load kexec_load lchown lchown32 nfsservctl open_by_handle_at "
	"pivot_root quotactl quotactl_fd reboot setdomainname setfsuid setfsuid32 setgroups setgroups32 "
	"sethostname setresuid setresuid32 setreuid setreuid32 settimeofday setuid setuid32 stime swapoff "
	"swapon vhangup";

static const char systemd_process[] =
	"arch_prctl capget clone clone3 execveat fork getrusage kill pidfd_open pidfd_send_signal prctl "
	"rt_sigqueueinfo rt_tgsigqueueinfo setns swapcontext tgkill times tkill unshare vfork wait4 waitid "
	"waitpid";

static const char systemd_raw_io[] =
	"ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write";

static const struct wildcard {
	const char *name, *calls;
} wildcards[] = {
	{ "@appc.io/empty", "" },
	{ "@docker/default-whitelist", seccomp_set_rkt_whitelist },
	{ "@docker/default-blacklist", seccomp_set_rkt_blacklist },
	{ "@rkt/default-whitelist", seccomp_set_rkt_whitelist },
	{ "@rkt/default-blacklist", seccomp_set_rkt_blacklist },
	{ "@systemd/default-whitelist", seccomp_set_needed },
	{ "@systemd/clock", systemd_clock },
	{ "@systemd/mount", systemd_mount },
	{ "@systemd/network-io", systemd_network_io },
	{ "@systemd/obsolete", systemd_obsolete },
	{ "@systemd/privileged", systemd_privileged },
	{ "@systemd/process", systemd_process },
	{ "@systemd/raw-io", systemd_raw_io },
};

const char *seccomp_wildcard(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(wildcards); i++)
		if (str_eq(wildcards[i].name, name))
			return wildcards[i].calls;
	return NULL;
}
