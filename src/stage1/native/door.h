#ifndef STAGE1_NATIVE_DOOR_H
#define STAGE1_NATIVE_DOOR_H
#include "os/users.h"
#include "stage1/native/plan.h"
/*
 * The one door: every process of an app (its main one, an entered command, an
 * event handler) becomes what it is through here, in the app's root and control
 * group already. What is not said is not given: no fd but 0, 1 and 2, no
 * variable, no capability, no group of ours.
 */
struct door {
	const struct pod_plan *plan;
	const struct app_plan *app;
	struct identity_ids ids;	/* event handlers: root */
	char *const *argv;
	const char *working_dir;	/* NULL: "/" */
	char *const *extra_env;		/* in place of, or besides, the app's */
	int root_fd;			/* the app's root, ours as well by now */
	int proc_fd;			/* the pod's /proc */
	int fds[3];			/* what become 0, 1 and 2 */
	int tty_fd;			/* controlling terminal; -1: none */
	/* Found by door_check(). */
	char *exe;
	int dir_fd;
};

/* Looks for the working directory and the executable, and that it can be executed. */
int door_check(struct door *d, struct err *err);

/* Goes through. Returns only on failure; then the process can do nothing but end. */
int door_pass(struct door *d, struct err *err);
#endif
