#ifndef OS_MOUNT_H
#define OS_MOUNT_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
/*
 * Mounts by the new API (fsopen, fsmount, open_tree, move_mount,
 * mount_setattr; Linux 5.12+, overlay layers as fds 6.5+ with a fallback to
 * /proc/self/fd paths). A mount is made detached, checked, and only then put in
 * place, at a directory held as an fd: no path is resolved by the kernel on our
 * behalf, and no option string is glued together.
 */

/* A private mount namespace whose mounts receive from the host and give nothing back (MS_SLAVE, recursive). */
int mount_namespace_new(struct err *err);

struct mount_option { const char *key, *value; };	/* value NULL: a flag */

/*
 * A new file system as a detached mount. options ends with a NULL key and may
 * be NULL. attr: MOUNT_ATTR_*. *ret_fd is the mount's root.
 */
int mount_new(const char *type, const char *source, const struct mount_option *options, uint64_t attr,
	      int *ret_fd, struct err *err);

/*
 * An overlay of one lower tree. upper_fd and work_fd lie on one file system.
 * It is mounted "volatile": nothing of it is synced on unmounting, and after a
 * power cut it cannot be mounted again (its pod is over then anyway).
 */
int mount_overlay(int lower_fd, int upper_fd, int work_fd, uint64_t attr, int *ret_fd, struct err *err);

/* Is overlay there? The kernel loads its module when root asks. That we cannot ask now is no "no". */
bool mount_overlay_supported(void);

/* A copy of what is mounted at the fd or (path not "") below it, detached. */
int mount_clone(int dir_fd, const char *path, bool recursive, int *ret_fd, struct err *err);

/* Sets and clears MOUNT_ATTR_* flags of a detached or attached mount, recursively or not. */
int mount_set(int mount_fd, uint64_t set, uint64_t clear, bool recursive, struct err *err);

/* From now on no mount that the host makes below shows up here. */
int mount_private(int mount_fd, bool recursive, struct err *err);

/* Makes the mount at new_root_fd this namespace's root and the working directory, and lets go of the old root. */
int mount_pivot(int new_root_fd, struct err *err);

/* Puts a detached mount onto the directory or file behind target_fd (O_PATH is fine). */
int mount_attach(int mount_fd, int target_fd, struct err *err);

/* Takes away what is mounted on a path of ours, and all below; it goes when its last user does. -EINVAL: nothing is. */
int mount_detach(const char *path);
#endif
