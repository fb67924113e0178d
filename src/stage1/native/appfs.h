#ifndef STAGE1_NATIVE_APPFS_H
#define STAGE1_NATIVE_APPFS_H
#include "stage1/native/podfs.h"

/*
 * In a mount namespace of the app's own, a copy of the pod's: puts its root, what
 * the pod has for it and its volumes together and makes that the root. No inode
 * of the image is ever taken for a device, a mask or a console. console_fd: the
 * app's terminal, -1 for none. app->root_fd is the root.
 */
int appfs_enter(const struct pod_plan *plan, const struct app_plan *app, const struct podfs *pod, int console_fd,
		struct err *err);
#endif
