#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "pod/pods.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum { MS = 1000, NS_PER_MS = 1000000 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * MS + t.tv_nsec / NS_PER_MS;
}

/* 1: something came. 0: the deadline (ms, -1: none) passed. */
static int poll_until(int fd, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();
		int n;

		if (deadline >= 0 && left < 0)
			left = 0;
		n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n || left <= INT32_MAX)
			return n;
	}
}

/* In a child: the lock belongs to the open file, which both share, so the parent then has it. */
_Noreturn static void wait_for_lock(int fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	while (flock(fd, LOCK_SH) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

/*
 * The kernel wakes whoever waits for the lock, but knows no deadline for that:
 * so a child waits for the lock, and we for the child.
 */
static int wait_unlocked(const struct pod *pod, int64_t deadline)
{
	AUTO(close) int pidfd = -1;
	pid_t self = getpid(), child;
	int r;

	if (deadline < 0) {
		r = flock(pod->fd, LOCK_SH) < 0 && errno != EINTR ? -errno : 1;
		(void)flock(pod->fd, LOCK_UN);
		return r;
	}
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		wait_for_lock(pod->fd, self);
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	r = pidfd < 0 ? -errno : poll_until(pidfd, deadline);
	kill(child, SIGKILL);	/* not reaped yet, so the number is still its own */
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	(void)flock(pod->fd, LOCK_UN);
	return r;
}

/* Waits until the pod leaves its directory. */
static int wait_moved(struct pods *pods, const struct pod *pod, int64_t deadline)
{
	AUTO(close) int fd = inotify_init1(IN_CLOEXEC);
	AUTO(free) char *path = xasprintf("/proc/self/fd/%d", pod->fd);

	if (fd < 0 || inotify_add_watch(fd, path, IN_MOVE_SELF | IN_DELETE_SELF) < 0)
		return -errno;
	if (!pods_is_at(pods, pods_dir_of(pod->state), pod))
		return 1;	/* went before the watch stood */
	return poll_until(fd, deadline);
}

int pod_wait_exited(struct pods *pods, struct pod *pod, int64_t timeout_ms, struct err *err)
{
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	int r;

	for (;;) {
		r = pod_refresh(pods, pod, err);
		if (r == -ERR_NOT_FOUND)
			return 0;	/* collected already */
		if (r < 0)
			return r;
		if (pod->state == POD_RUNNING || pod->state == POD_PREPARING)
			r = wait_unlocked(pod, deadline);
		else if (pod->state == POD_PREPARED || pod->state == POD_EMBRYO)
			r = wait_moved(pods, pod, deadline);
		else
			return 0;
		if (r < 0)
			return err_sys(err, r, "cannot wait for pod \"%s\"", pod->uuid);
		if (r == 0)
			return err_set(err, -ETIMEDOUT, "pod \"%s\" has not finished in time", pod->uuid);
	}
}
