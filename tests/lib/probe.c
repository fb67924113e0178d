/*
 * probe VERB: looks around inside a pod and prints facts, one "key=value" a
 * line. Calls that would change something are made with arguments that cannot
 * succeed: EPERM or ENOSYS says that policy stopped them, EFAULT, EBADF, EINVAL
 * or ENOENT that they reached the kernel.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void print_file(const char *path, const char *const *keys)
{
	char line[4096];
	FILE *f = fopen(path, "r");

	if (!f) {
		printf("%s=%s\n", path, strerror(errno));
		return;
	}
	while (fgets(line, sizeof line, f)) {
		int wanted = !keys;

		for (int i = 0; keys && keys[i]; i++)
			wanted |= strncmp(line, keys[i], strlen(keys[i])) == 0;
		if (wanted)
			fputs(line, stdout);
	}
	fclose(f);
}

static void print_links(const char *dir, const char *const *names)
{
	char path[300], target[4096];

	for (int i = 0; names[i]; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		ssize_t n = readlink(path, target, sizeof target - 1);

		target[n < 0 ? 0 : n] = 0;
		printf("%s=%s\n", names[i], n < 0 ? strerror(errno) : target);
	}
}

/* Everything that says who a process is: the same through run and through enter. */
static int identity(void)
{
	static const char *const status[] = { "Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:",
		"CapAmb:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:", "SigBlk:", "SigIgn:", "Umask:", NULL };
	static const char *const spaces[] = { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts", NULL };
	static const int limits[] = { RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_CORE, RLIMIT_STACK };
	struct rlimit r;

	print_file("/proc/self/status", status);
	print_links("/proc/self/ns", spaces);
	print_file("/proc/self/cgroup", NULL);
	printf("oom_score_adj=");
	print_file("/proc/self/oom_score_adj", NULL);
	for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++)
		if (getrlimit(limits[i], &r) == 0)
			printf("limit%d=%llu:%llu\n", limits[i], (unsigned long long)r.rlim_cur, (unsigned long long)r.rlim_max);
	printf("dumpable=%d\n", prctl(PR_GET_DUMPABLE));
	return 0;
}

static int descriptors(void)
{
	char target[4096];
	struct dirent *e;
	DIR *d = opendir("/proc/self/fd");

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (int)strtol(e->d_name, NULL, 10) == dirfd(d))
			continue;
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);

		target[n < 0 ? 0 : n] = 0;
		/* Where a pipe or socket leads is of no interest, only that it is one. */
		target[strcspn(target, "[")] = 0;
		printf("fd%s=%s\n", e->d_name, target);
	}
	return d ? 0 : 1;
}

/* Is there a way out of the root through the working directory? */
static int escape(void)
{
	char path[4096] = "";
	struct stat root, here;

	if (!getcwd(path, sizeof path) || path[0] != '/')
		printf("cwd=OUTSIDE %s\n", path);
	else
		printf("cwd=%s\n", path);
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	if (stat("/", &root) == 0 && stat(".", &here) == 0)
		printf("top=%s\n", root.st_dev == here.st_dev && root.st_ino == here.st_ino ? "root" : "OUTSIDE");
	return 0;
}

/* The old way out of a chroot, for who may chroot. Then, is something there? */
static int climb(const char *path)
{
	int top = open("/", O_RDONLY | O_DIRECTORY);

	mkdir("/deeper", 0755);
	if (top < 0 || chroot("/deeper") < 0 || fchdir(top) < 0) {
		perror("chroot");
		return 1;
	}
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	printf("%s=%s\n", path, chroot(".") == 0 && access(path, F_OK) == 0 ? "OUTSIDE" : "unseen");
	return 0;
}

/* The executables of every process in sight, as dev:inode. */
static int executables(void)
{
	char path[300];
	struct dirent *e;
	struct stat s;
	DIR *d = opendir("/proc");

	while (d && (e = readdir(d))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%s/exe", e->d_name);
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		if (fd >= 0) {
			printf("exe%s=WRITABLE\n", e->d_name);
			close(fd);
		}
		if (stat(path, &s) == 0)
			printf("exe%s=%lu:%lu\n", e->d_name, (unsigned long)s.st_dev, (unsigned long)s.st_ino);
	}
	return 0;
}

static const char *const must_not_write[] = { "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
	"/proc/sys/kernel/sysrq", "/proc/sysrq-trigger", "/proc/sys/vm/panic_on_oom", "/proc/sys/net/ipv4/ip_forward",
	"/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/cgroup.procs",
	"/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent",
	"/sys/power/state", "/sys/kernel/mm/ksm/run", "/dev/mem", "/dev/kmsg", "/dev/vda", NULL };
static const char *const must_not_read[] = { "/proc/kcore", "/proc/keys", "/proc/kallsyms", "/proc/timer_list",
	"/proc/latency_stats", "/proc/sched_debug", "/proc/scsi/scsi", "/proc/acpi/wakeup", "/proc/asound/cards",
	"/proc/interrupts", "/proc/config.gz", "/proc/kmem", "/proc/mem", "/proc/kpagecount", "/proc/vmallocinfo",
	"/sys/firmware/acpi/tables/DSDT", "/sys/firmware/dmi/tables/DMI", "/sys/devices/virtual/powercap/uevent", NULL };
static const char *const must_be_empty[] = { "/sys/firmware", "/sys/module", "/sys/hypervisor", "/sys/power",
	"/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security", "/proc/acpi", "/proc/scsi", "/proc/asound", NULL };

static int kernel(void)
{
	char byte;
	struct dirent *e;

	for (const char *const *p = must_not_write; *p; p++) {
		int fd = open(*p, O_WRONLY | O_CLOEXEC | O_NOCTTY);

		printf("write %s=%s\n", *p, fd >= 0 ? "OPEN" : strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	for (const char *const *p = must_not_read; *p; p++) {
		int fd = open(*p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		ssize_t n = fd < 0 ? -1 : read(fd, &byte, 1);

		printf("read %s=%s\n", *p, fd < 0 ? strerror(errno) : n > 0 ? "OPEN" : "empty");
		if (fd >= 0)
			close(fd);
	}
	for (const char *const *p = must_be_empty; *p; p++) {
		DIR *d = opendir(*p);
		int n = 0;

		while (d && (e = readdir(d)))
			n += e->d_name[0] != '.';
		printf("list %s=%s\n", *p, n ? "OPEN" : "empty");
		if (d)
			closedir(d);
	}
	return 0;
}

/* One call in a child, which a filter may kill. */
#define CALL(name, expression) \
	do { \
		int status_ = 0; \
		fflush(stdout); \
		pid_t child_ = fork(); \
		if (child_ == 0) { \
			errno = 0; \
			long r_ = (long)(expression); \
			printf("%s=%s\n", name, r_ >= 0 ? "ALLOWED" : strerrorname(errno)); \
			fflush(stdout); \
			_exit(0); \
		} \
		waitpid(child_, &status_, 0); \
		if (WIFSIGNALED(status_)) \
			printf("%s=SIG%d\n", name, WTERMSIG(status_)); \
	} while (0)

static const char *strerrorname(int e)
{
	switch (e) {
	case EPERM: return "EPERM";
	case ENOSYS: return "ENOSYS";
	case EACCES: return "EACCES";
	case EINVAL: return "EINVAL";
	case EFAULT: return "EFAULT";
	case EBADF: return "EBADF";
	case ENOENT: return "ENOENT";
	case EAFNOSUPPORT: return "EAFNOSUPPORT";
	default: return strerror(e);
	}
}

static int calls(void)
{
	CALL("unshare-user", unshare(CLONE_NEWUSER));
	CALL("unshare-mount", unshare(CLONE_NEWNS));
	CALL("clone-user", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
	CALL("mount", mount("x", "/nonexistent", "tmpfs", 0, NULL));
	CALL("umount", umount2("/nonexistent", 0));
	CALL("fsopen", syscall(430, "tmpfs", 0));
	CALL("open_tree", syscall(428, AT_FDCWD, "/", 1));
	CALL("move_mount", syscall(429, -1, "", -1, "", 0));
	CALL("mount_setattr", syscall(442, -1, "", 0, NULL, 0));
	CALL("pivot_root", syscall(SYS_pivot_root, "/nonexistent", "/nonexistent"));
	CALL("setns", setns(-1, 0));
	CALL("mknod", mknod("/tmp/probe-node", S_IFCHR | 0600, makedev(1, 1)));
	CALL("bpf", syscall(SYS_bpf, 5, NULL, 0));
	CALL("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	CALL("keyctl", syscall(SYS_keyctl, 0, -3, 0));
	CALL("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, -2));
	CALL("io_uring_setup", syscall(425, 1, NULL));
	CALL("userfaultfd", syscall(SYS_userfaultfd, 0));
	CALL("ptrace", syscall(SYS_ptrace, 16, 1, 0, 0));
	CALL("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0));
	CALL("kexec_load", syscall(SYS_kexec_load, 0, 100000, NULL, 0));
	CALL("init_module", syscall(SYS_init_module, NULL, 0, ""));
	CALL("swapon", syscall(SYS_swapon, "/nonexistent", 0));
	CALL("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
	CALL("settimeofday", syscall(SYS_settimeofday, 1, NULL));
	CALL("acct", syscall(SYS_acct, "/nonexistent"));
	CALL("quotactl", syscall(SYS_quotactl, 0, NULL, 0, NULL));
	CALL("socket-raw", socket(AF_INET, SOCK_RAW, 1));
	CALL("socket-packet", socket(AF_PACKET, SOCK_RAW, 0));
	CALL("socket-alg", socket(38, SOCK_SEQPACKET, 0));
	CALL("socket-vsock", socket(40, SOCK_STREAM, 0));
	return 0;
}

static int ordinary_calls(void)
{
	CALL("getpid", getpid());
	CALL("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
	CALL("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
	CALL("chown", chown("/tmp", 0, 0));
	CALL("thread", syscall(SYS_futex, NULL, 1, 0, NULL, NULL, 0));
	CALL("chroot", chroot("/"));
	return 0;
}

/* The 32-bit table of the same kernel must be guarded as well. */
static int calls32(void)
{
#ifdef __x86_64__
#define INT80(name, nr, a, b, c) \
	CALL(name, ({ long r_; __asm__ volatile("int $0x80" : "=a"(r_) : "a"(nr), "b"(a), "c"(b), "d"(c) \
		: "r8", "r9", "r10", "r11", "memory"); r_ = (int)r_; if (r_ < 0) { errno = -(int)r_; r_ = -1; } r_; }))
	INT80("unshare-user", 310L, (long)CLONE_NEWUSER, 0L, 0L);
	INT80("mount", 21L, 0L, 0L, 0L);
	INT80("keyctl", 288L, 0L, -3L, 0L);
	INT80("bpf", 357L, 5L, 0L, 0L);
	INT80("socket-alg", 359L, 38L, (long)SOCK_SEQPACKET, 0L);
	INT80("init_module", 128L, 0L, 0L, 0L);
#endif
	return 0;
}

static int terminal(void)
{
	struct winsize w;
	char c = '\n';
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		printf("tty%d=%s\n", i, isatty(i) ? ttyname(i) ? ttyname(i) : "unnamed" : "no");
	printf("controlling=%s\n", fd >= 0 ? "yes" : "no");
	if (ioctl(0, TIOCGWINSZ, &w) == 0)
		printf("size=%dx%d\n", w.ws_row, w.ws_col);
	printf("tiocsti=%s\n", ioctl(fd >= 0 ? fd : 0, TIOCSTI, &c) == 0 ? "ALLOWED" : strerrorname(errno));
	return 0;
}

static int environment(void)
{
	extern char **environ;

	for (char **e = environ; *e; e++) {
		for (char *c = *e; *c; c++)
			putchar((unsigned char)*c < 32 ? '~' : *c);
		putchar('\n');
	}
	return 0;
}

static int nodes(char **paths)
{
	struct stat s;

	for (; *paths; paths++) {
		int fd = open(*paths, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		printf("%s=%s\n", *paths, fd >= 0 ? "OPEN" : strerrorname(errno));
		if (lstat(*paths, &s) == 0)
			printf("%s is %o %u:%u\n", *paths, s.st_mode, major(s.st_rdev), minor(s.st_rdev));
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

static volatile sig_atomic_t got;
static void on_signal(int n) { got = n; }

/* Says "ready", then the first signal it gets, and exits with its number plus 50. */
static int await_signal(void)
{
	struct sigaction a = { .sa_handler = on_signal };
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGWINCH };

	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &a, NULL);
	puts("ready");
	fflush(stdout);
	for (int i = 0; !got && i < 60; i++)
		poll(NULL, 0, 1000);
	printf("signal=%d\n", (int)got);
	return 50 + got;
}

static int forks(long max)
{
	long n = 0;

	while (n < max) {
		pid_t child = fork();

		if (child == 0) {
			pause();
			_exit(0);
		}
		if (child < 0)
			break;
		n++;
	}
	printf("forks=%ld\n", n);
	fflush(stdout);
	signal(SIGTERM, SIG_IGN);
	kill(-1, SIGKILL);
	return 0;
}

static int eat(long mib)
{
	long n = 0;

	for (; n < mib; n++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			break;
		memset(p, 1, 1 << 20);
	}
	printf("ate=%ld\n", n);
	return 0;
}

/* A child in a session of its own that outlives its parent. */
static int daemonize(void)
{
	if (fork() == 0) {
		setsid();
		sleep(3600);
		_exit(0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	static const struct { const char *verb; int (*run)(void); } verbs[] = {
		{ "identity", identity }, { "descriptors", descriptors }, { "escape", escape },
		{ "executables", executables }, { "kernel", kernel }, { "calls", calls }, { "calls32", calls32 },
		{ "ordinary-calls", ordinary_calls }, { "terminal", terminal }, { "environment", environment },
		{ "await-signal", await_signal }, { "daemonize", daemonize },
	};

	for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verb, verbs[i].verb) == 0)
			return verbs[i].run();
	if (strcmp(verb, "climb") == 0 && argc == 3)
		return climb(argv[2]);
	if (strcmp(verb, "nodes") == 0)
		return nodes(argv + 2);
	if (strcmp(verb, "forks") == 0)
		return forks(n);
	if (strcmp(verb, "eat") == 0)
		return eat(n);
	if (strcmp(verb, "exit") == 0)
		return (int)n;
	if (strcmp(verb, "die") == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal((int)n, SIG_DFL);
		return raise((int)n);
	}
	if (strcmp(verb, "sleep") == 0)
		return (int)sleep((unsigned)n);
	if (strcmp(verb, "argv") == 0) {
		for (int i = 0; i < argc; i++)
			puts(argv[i]);
		return 0;
	}
	fprintf(stderr, "probe: unknown verb '%s'\n", verb);
	return 2;
}
