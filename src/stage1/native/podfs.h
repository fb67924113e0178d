#ifndef STAGE1_NATIVE_PODFS_H
#define STAGE1_NATIVE_PODFS_H
#include "stage1/native/plan.h"
/*
 * The file systems that all apps of a pod have: made once by the pod's init in
 * a mount namespace of its own, whose root is a small tmpfs with nothing of the
 * host below it. Apps are born with a copy of that namespace and move from
 * there what belongs into their root.
 *
 *   /proc /sys   masked and protected
 *   /pts /shm /mqueue   for the apps' /dev
 *   /mask/       what covers hidden paths: our own inodes, nobody's device
 *   /app         where an app's root is put before it becomes the root
 */
struct podfs {
	int proc_fd;		/* the root of /proc: our way to it, whatever is mounted in an app */
	int pts_fd;
	int null_fd;		/* a null device of the pod's own: the host's is the host's to chmod */
	bool has_mqueue;
};

/* The pod's pseudo-terminals, detached. */
int podfs_make_pts(int *ret_fd, struct err *err);

/* pts_fd is that mount. The calling process is in the pod's namespaces already. */
int podfs_build(const struct pod_plan *plan, int pts_fd, struct podfs *ret, struct err *err);
#endif
