#include "stage1/native/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/log.h"
#include "os/mount.h"
#include "os/process.h"
#include "os/tty.h"
#include "pod/contract.h"
#include "stage1/native/control.h"
#include "stage1/native/init.h"
#include "stage1/native/podfiles.h"
#include "stage1/native/supervisor.h"

/* We are spared when memory is gone: the pod's own processes, which start at 0, are not. */
enum { OOM_SCORE = -500, EXIT_REFUSED = 254 };

struct run {
	struct run_args args;
	struct pod_plan plan;
	struct cgroup_layout layout;
	struct cgroup_pod cgroup;
	struct cgroup_leaf init_leaf;
	struct stdio stdio;
	struct supervisor supervisor;
	int lock_fd, listen_fd, pts_fd, tty_fd, init_end;
};

/* --- ourselves ----------------------------------------------------------- */

/* Whatever the caller left open is no business of the pod's: only the lock stays. */
static int close_inherited(int lock_fd)
{
	if (lock_fd > 3 && syscall(SYS_close_range, 3u, (unsigned)lock_fd - 1, 0) < 0)
		return -errno;
	return syscall(SYS_close_range, (unsigned)lock_fd + 1, UINT_MAX, 0) < 0 ? -errno : 0;
}

static int find_lock(int *ret, struct err *err)
{
	const char *text = getenv(ENV_LOCK_FD);
	unsigned long long fd;
	int r;

	if (!text || str_to_u64(text, INT_MAX, &fd) < 0 || fd < 3 || fcntl((int)fd, F_GETFD) < 0)
		return err_set(err, -ERR_USAGE, ENV_LOCK_FD " does not name the pod's lock");
	*ret = (int)fd;
	r = fd_keep((int)fd, false);
	return r < 0 ? err_sys(err, r, "cannot keep the pod's lock to ourselves") : 0;
}

/* Returns what we had before: the apps have that, unless it spared them too. */
static int64_t spare_us(void)
{
	char text[16];
	AUTO(close) int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	long long now;

	if (n <= 0)
		return 0;
	text[n - 1] = 0;
	if (str_to_i64(text, -1000, 1000, &now) < 0)
		return 0;
	/* It needs a capability that we may lack; then we are as we are. */
	if (now > OOM_SCORE)
		(void)!pwrite(fd, "-500", 4, 0);
	return now > 0 ? now : 0;
}

static int prepare_ourselves(struct run *run, struct err *err)
{
	int r = find_lock(&run->lock_fd, err);

	if (r < 0)
		return r;
	r = close_inherited(run->lock_fd);
	/* No process of a pod may look into us, also where it has the capabilities to look into its own. */
	if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot shut the engine off from the pod");
	umask(022);
	return 0;
}

/* --- control groups ------------------------------------------------------ */

static void warn_missing(unsigned missing)
{
	static const char *const names[CGROUP_HIERARCHIES] = {
		[CGROUP_MEMORY] = "memory", [CGROUP_CPU] = "cpu", [CGROUP_PIDS] = "pids",
	};

	for (int h = 0; h < CGROUP_HIERARCHIES; h++)
		if (names[h] && (missing & (1u << h)))
			log_warn("resource/%s isolator set but support disabled in the kernel, skipping", names[h]);
}

static int make_cgroups(struct run *run, struct err *err)
{
	AUTO(free) char *name = xasprintf("rkt-%s", run->args.uuid);
	AUTO(free) char *record = NULL;
	unsigned need = 0;
	int r = cgroup_layout_read(&run->layout, err);

	for (size_t i = 0; i < run->plan.n_apps; i++)
		need |= cgroup_needs(&run->plan.apps[i].limits);
	/* Where there is no cgroup2, the old controller guards the devices. */
	if (r >= 0 && !run->layout.has[CGROUP_UNIFIED] && !run->args.disable_paths)
		need |= 1u << CGROUP_DEVICES;
	if (r >= 0)
		r = cgroup_pod_place(&run->layout, name, need, &run->cgroup, err);
	if (r < 0)
		return r;
	run->plan.cgroup2 = run->layout.pure;
	record = cgroup_pod_record(&run->cgroup);
	r = podfile_write(AT_FDCWD, POD_SUBCGROUP, record, 0640, err);
	if (r >= 0)
		r = cgroup_pod_make(&run->cgroup, err);
	warn_missing(run->cgroup.missing);
	if (r >= 0)
		r = cgroup_leaf_make(&run->cgroup, "_init", &(struct cgroup_limits){}, &run->init_leaf, err);
	for (size_t i = 0; i < run->plan.n_apps && r >= 0; i++)
		r = cgroup_leaf_make(&run->cgroup, run->plan.apps[i].name, &run->plan.apps[i].limits,
				     &run->plan.apps[i].leaf, err);
	return r;
}

static int guard_devices(struct run *run, struct err *err)
{
	int r;

	if (run->args.disable_paths)
		return 0;
	if (run->cgroup.fd[CGROUP_UNIFIED] >= 0)
		r = device_policy_attach(run->cgroup.fd[CGROUP_UNIFIED], run->plan.devices, run->plan.n_devices, err);
	else if (run->cgroup.fd[CGROUP_DEVICES] >= 0)
		r = device_policy_write(run->cgroup.fd[CGROUP_DEVICES], run->plan.devices, run->plan.n_devices, err);
	else
		r = err_set(err, -EOPNOTSUPP, "this machine has no cgroups for a device policy");
	return r < 0 ? err_wrap(err, r, "cannot limit devices (--insecure-options=paths does without)") : 0;
}

/* --- the terminal -------------------------------------------------------- */

static int connect_stdio(struct run *run, struct err *err)
{
	int master, r;

	if (!run->args.interactive)
		return stdio_plain(false, &run->stdio, err);
	r = podfs_make_pts(&run->pts_fd, err);
	if (r >= 0)
		r = pty_open(run->pts_fd, &master, &run->tty_fd, err);
	return r < 0 ? r : stdio_terminal(master, run->tty_fd, &run->stdio, err);
}

/* --- the pod ------------------------------------------------------------- */

static int start_init(struct run *run, struct err *err)
{
	struct init_args args = {
		.plan = &run->plan, .lock_fd = run->lock_fd, .listen_fd = run->listen_fd, .pts_fd = run->pts_fd,
		.tty_fd = run->tty_fd, .fds = { run->stdio.fds[0], run->stdio.fds[1], run->stdio.fds[2] },
	};
	uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | (run->args.ipc_parent ? 0 : CLONE_NEWIPC);
	int pair[2], r = message_pair(pair);
	pid_t pid;

	if (r < 0)
		return err_sys(err, r, "cannot talk to the pod's init");
	pid = process_clone(flags, run->init_leaf.fd[CGROUP_UNIFIED]);
	if (!pid) {
		close(pair[0]);
		args.supervisor_fd = pair[1];
		init_main(&args);
	}
	close(pair[1]);
	run->supervisor.init_fd = pair[0];
	if (pid < 0)
		return err_sys(err, pid, "cannot start the pod's init");
	run->supervisor.init_pid = pid;
	return 0;
}

/* While init sets the pod up. */
static int write_files(struct run *run, struct err *err)
{
	AUTO(free) char *pid = xasprintf("%d", (int)getpid());
	int r = podfile_status_dir(&run->supervisor.status_fd, err);

	for (size_t i = 0; i < run->plan.n_apps && r >= 0; i++) {
		AUTO(free) char *name = xasprintf("%s-created", run->plan.apps[i].name);

		r = file_write(run->supervisor.status_fd, name, "", 0, 0644);
		if (r < 0)
			err_sys(err, r, "cannot write '%s'", name);
	}
	if (r >= 0)
		r = podfile_write_env(&run->plan, err);
	if (r >= 0)
		r = podfile_write_runtime(&run->args, run->plan.hostname, err);
	if (r >= 0)
		r = podfile_write(AT_FDCWD, POD_PPID, pid, 0640, err);
	return r;
}

static int set_up(struct run *run, struct err *err)
{
	int r = plan_open(&run->plan, err);

	if (r >= 0)
		r = supervisor_signals(&run->supervisor.signal_fd, err);
	if (r >= 0)
		r = control_listen(&run->listen_fd, err);
	if (r >= 0)
		r = connect_stdio(run, err);
	if (r >= 0)
		r = make_cgroups(run, err);
	if (r >= 0)
		r = start_init(run, err);
	stdio_close_pod_ends(&run->stdio);
	close(TAKE_FD(run->listen_fd));
	if (r >= 0)
		r = guard_devices(run, err);
	if (r >= 0)
		r = write_files(run, err);
	return r < 0 ? r : supervisor_await_ready(&run->supervisor, err);
}

/* What of the pod lies outside its directory goes with it; what cannot, gc removes. */
static void clean_up(struct run *run)
{
	AUTO(err_clear) struct err err = {};

	supervisor_end(&run->supervisor);
	if (cgroup_pod_remove(&run->cgroup, &err) < 0) {
		AUTO(free) char *text = err_text(&err);

		log_warn("%s", text);
	}
	(void)unlink(POD_CONTROL);
}

/*
 * A pod that is refused before any app ran has nothing to tell: it goes, as if
 * it had never been asked for. It leaves the listed directories first, so that
 * gc finishes what a crash interrupts. Mounts in it are our namespace's alone.
 */
static void discard_pod(const struct run *run)
{
	AUTO(free) char *path = xasprintf("garbage/%s", run->args.uuid);
	AUTO(close) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(close) int running = open("..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(close) int pods = open("../..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat at, named;

	(void)mount_detach(POD_STAGE1_ROOTFS);
	if (fstat(here, &at) < 0 || fstatat(running, run->args.uuid, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    at.st_ino != named.st_ino || at.st_dev != named.st_dev)
		return;	/* not where rkt keeps pods that run */
	if (renameat(running, run->args.uuid, pods, path) == 0)
		(void)tree_remove(pods, path);
}

int run_main(char *const *argv, struct err *err)
{
	static struct run run;
	int r;

	run = (struct run){
		.cgroup = CGROUP_POD_NONE, .init_leaf = CGROUP_LEAF_NONE, .stdio = STDIO_NONE,
		.lock_fd = -1, .listen_fd = -1, .pts_fd = -1, .tty_fd = -1,
		.supervisor = { .plan = &run.plan, .stdio = &run.stdio, .init_fd = -1, .status_fd = -1, .signal_fd = -1 },
	};
	log_set_prefix("run");
	r = run_args_parse(argv, &run.args, err);
	if (r < 0)
		return r;
	log_set_debug(run.args.debug);
	r = prepare_ourselves(&run, err);
	if (r >= 0)
		r = plan_read(&run.args, &run.plan, err);
	if (r >= 0) {
		run.plan.oom_score = spare_us();
		r = set_up(&run, err);
		if (r < 0)
			clean_up(&run);
	}
	if (r < 0) {
		discard_pod(&run);
		return r;
	}
	r = supervisor_run(&run.supervisor, err);
	clean_up(&run);
	return r < 0 ? r : run.supervisor.code;
}
