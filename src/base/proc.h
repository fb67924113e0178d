#ifndef BASE_PROC_H
#define BASE_PROC_H
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* What a child process is given. Zeroed means: nothing. */
struct proc {
	int exe_fd;			/* what to run, opened by us before any privilege is dropped (O_PATH is fine) */
	char *const *argv;		/* argv[0] included */
	char *const *env;		/* its whole environment; NULL: empty */
	const int *fds;			/* fds[i] becomes fd i of the child; -1: /dev/null. Everything else is closed. */
	size_t n_fds;			/* at least 3 */
	/*
	 * Runs in the child just before exec, with its fds in place: drops
	 * privilege and the like. A failure here is proc_start()'s failure.
	 */
	int (*before_exec)(void *arg, struct err *err);
	void *arg;
};

/* Starts it. What goes wrong up to and in exec comes back here. The caller owns *ret_pidfd and must reap. */
int proc_start(const struct proc *proc, pid_t *ret_pid, int *ret_pidfd, struct err *err);

/* Waits for its end. 0..255: its exit code. -EINTR never. Death by signal N: 128 + N. */
int proc_wait(int pidfd);

/* Kills it if it still runs, and reaps it; for clean-up after a failure. */
void proc_kill(int pidfd);

/*
 * Takes all privilege away from the calling process for good: groups, gid, uid,
 * every capability set, and no_new_privs. uid 0 is refused.
 */
int proc_drop(uid_t uid, gid_t gid, struct err *err);
#endif
