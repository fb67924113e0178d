#ifndef STAGE0_RUN_ARGS_H
#define STAGE0_RUN_ARGS_H
#include "stage0/dns.h"

/* The arguments and the environment of stage1's run (inventory 6.2): words alone, nothing is touched. */

/* argv0 first. What the stage1's interface version does not know is left out, with a warning where it matters. */
char **run_args(const struct engine *e, const struct run_request *r, const struct dns_conf *dns, int version,
		const char *argv0, const char *uuid);

/* What of the caller's environment the contract lets through, and the lock's number. */
char **run_env(int lock_fd);

/*
 * How many sockets the service manager passed to this very process, from fd 3
 * on (LISTEN_FDS, LISTEN_PID). 0: none, or not for us.
 */
unsigned run_listen_fds(const char *fds, const char *pid, pid_t self);
#endif
