#ifndef STAGE1_NATIVE_SUPERVISOR_H
#define STAGE1_NATIVE_SUPERVISOR_H
#include <signal.h>

#include "stage1/native/plan.h"
#include "stage1/native/relay.h"
/*
 * The process that the user started, outside the pod: it holds the pod's lock,
 * writes what becomes of the apps, passes signals and the terminal on, and ends
 * with the pod's exit code.
 */
struct supervisor {
	const struct pod_plan *plan;
	struct stdio *stdio;
	int init_fd;		/* messages from and to the pod's init */
	int signal_fd;
	int status_fd;		/* directory STAGE1_STATUS */
	pid_t init_pid;
	size_t started, ended;
	unsigned stops;		/* how often we were asked to end */
	int code;		/* of the first app that failed */
	bool init_gone;
};

/* Blocks the signals that supervisor_run() takes care of. */
int supervisor_signals(int *ret_fd, struct err *err);

/* Until the pod's init says that all apps are set up. */
int supervisor_await_ready(struct supervisor *s, struct err *err);

/* Lets the apps run and stays until the pod is over. */
int supervisor_run(struct supervisor *s, struct err *err);

/* Ends the pod, if it has not ended, and reaps its init: no process of the pod is left then. */
void supervisor_end(struct supervisor *s);
#endif
