#include "base/proc.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/mem.h"

/* Younger than the C libraries we build with; the same numbers on every architecture. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif
#define ID_PIDFD ((idtype_t)3)	/* P_PIDFD */

enum { FDS_MAX = 4200 };	/* an image may have 4096 layers */

/* Moves fd out of the way of the numbers below first. */
static int fd_move_up(int *fd, size_t first)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, (int)first);

	if (moved < 0)
		return -errno;
	*fd = moved;
	return 0;
}

/* Puts fds[i] at i and marks all the rest, which exec then closes. */
static int fds_arrange(const struct proc *proc)
{
	int from[FDS_MAX], r;

	for (size_t i = 0; i < proc->n_fds; i++) {
		from[i] = proc->fds[i] >= 0 ? proc->fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
		if (from[i] < 0)
			return -errno;
		r = fd_move_up(&from[i], proc->n_fds);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < proc->n_fds; i++)
		if (dup3(from[i], (int)i, 0) < 0)
			return -errno;
	if (syscall(SYS_close_range, (unsigned)proc->n_fds, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* Exec resets handlers, but keeps what is ignored and what is blocked. */
static void signals_reset(void)
{
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		signal(n, SIG_DFL);	/* fails for those that cannot change */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_run(const struct proc *proc, int exe_fd, struct err *err)
{
	static char *const empty[] = { NULL };
	int r;

	signals_reset();
	r = fds_arrange(proc);
	if (r < 0)
		return err_sys(err, r, "cannot arrange file descriptors");
	if (proc->before_exec) {
		r = proc->before_exec(proc->arg, err);
		if (r < 0)
			return r;
	}
	syscall(SYS_execveat, exe_fd, "", proc->argv, proc->env ? proc->env : empty, AT_EMPTY_PATH);
	return err_sys(err, -errno, "cannot execute '%s'", proc->argv[0]);
}

static _Noreturn void child_main(const struct proc *proc, int pipe_fd)
{
	AUTO(err_clear) struct err err = {};
	int exe_fd = proc->exe_fd, r;

	/* Both are needed until exec: keep them off the numbers that are given out. */
	r = fd_move_up(&pipe_fd, proc->n_fds);
	if (r >= 0)
		r = fd_move_up(&exe_fd, proc->n_fds);
	if (r >= 0)
		r = child_run(proc, exe_fd, &err);
	else
		err_sys(&err, r, "cannot arrange file descriptors");
	err_send(pipe_fd, r, &err);
	_exit(254);
}

int proc_start(const struct proc *proc, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
	AUTO(close) int read_fd = -1, write_fd = -1, pidfd = -1;
	int pipe_fds[2], r;
	pid_t pid;

	if (proc->n_fds < 3 || proc->n_fds > FDS_MAX)
		return err_set(err, -EINVAL, "a child needs between 3 and %d file descriptors", FDS_MAX);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot create a pipe");
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];

	pid = fork();
	if (pid < 0)
		return err_sys(err, -errno, "cannot start '%s'", proc->argv[0]);
	if (!pid)
		child_main(proc, write_fd);
	close(TAKE_FD(write_fd));

	/* Nobody but us reaps it, so the pid is still its own. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		r = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return err_sys(err, r, "cannot watch '%s'", proc->argv[0]);
	}
	r = err_recv(read_fd, err);
	if (r < 0) {
		proc_kill(pidfd);
		return r;
	}
	if (ret_pid)
		*ret_pid = pid;
	*ret_pidfd = TAKE_FD(pidfd);
	return 0;
}

int proc_wait(int pidfd)
{
	siginfo_t info;

	for (;;) {
		memset(&info, 0, sizeof(info));
		if (waitid(ID_PIDFD, (id_t)pidfd, &info, WEXITED) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	}
}

void proc_kill(int pidfd)
{
	if (pidfd < 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	(void)proc_wait(pidfd);
}

/* The bounding set can be cut only with CAP_SETPCAP; no_new_privs makes it moot for the rest. */
static void bounding_clear(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int caps_clear(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static bool caps_are_clear(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(data); i++)
		if (data[i].effective || data[i].permitted || data[i].inheritable)
			return false;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) != 0)
			return false;
	return true;
}

static bool ids_are(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return false;
	return u[0] == uid && u[1] == uid && u[2] == uid && g[0] == gid && g[1] == gid && g[2] == gid;
}

int proc_drop(uid_t uid, gid_t gid, struct err *err)
{
	bool already = ids_are(uid, gid), groups_left = false;
	int r;

	if (uid == 0 || (gid == 0 && !already))
		return err_set(err, -EINVAL, "refusing to keep root's identity");
	bounding_clear();
	if (setgroups(0, NULL) < 0) {
		/* An ordinary user cannot leave its groups, and gains nothing by staying in them. */
		if (errno != EPERM || !already)
			return err_sys(err, -errno, "cannot leave supplementary groups");
		groups_left = true;
	}
	if (setresgid(gid, gid, gid) < 0)
		return err_sys(err, -errno, "cannot become group %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return err_sys(err, -errno, "cannot become user %u", uid);
	r = caps_clear();
	if (r < 0)
		return err_sys(err, r, "cannot drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot give up new privileges");

	if (!ids_are(uid, gid) || !caps_are_clear() || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	    (!groups_left && getgroups(0, NULL) != 0) || setuid(0) == 0)
		return err_set(err, -EPERM, "privileges are still there after dropping them");
	return 0;
}
