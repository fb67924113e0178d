#ifndef POD_POD_H
#define POD_POD_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strset.h"
#include "spec/pod.h"
/*
 * Pods on disk (inventory §5). A pod is a directory pods/STATE-DIR/UUID; its
 * state is which directory it is in and whether somebody holds its lock (flock
 * on the directory itself). The kernel drops the lock however the holder dies,
 * so no state is ever wrong for longer than that. Every transition is one
 * rename, with an fsync of the destination's parent where a power cut in
 * between would tell an untruth: "prepared" holds, and is left only once.
 */
enum pod_state {
	POD_EMBRYO, POD_PREPARING, POD_ABORTED_PREPARE, POD_PREPARED, POD_RUNNING,
	POD_EXITED, POD_EXITED_GARBAGE, POD_EXITED_DELETING, POD_GARBAGE, POD_DELETING,
	POD_STATES,
};
const char *pod_state_name(enum pod_state state);	/* "aborted prepare", as rkt prints it */

enum { UUID_LEN = 36 };

struct pod {
	char uuid[UUID_LEN + 1];
	enum pod_state state;	/* when last looked at */
	int fd;			/* the directory; with the lock when pod_lock() succeeded */
	bool locked;
};
void pod_close(struct pod *pod);	/* closes fd, which drops the lock */
static inline void pod_close_auto(struct pod *pod) { pod_close(pod); }
#define POD_NONE ((struct pod){ .fd = -1 })

/* The pods of a data directory. */
struct pods;
int pods_open(const char *data_dir, bool make, struct pods **ret, struct err *err);	/* make: the six directories */
void pods_close(struct pods *pods);
DEFINE_AUTO(struct pods *, pods_close)
int pods_lock_prepare(struct pods *pods, bool exclusive, int *ret_fd, struct err *err);	/* locks/prepareLock */

/* A new pod: embryo, locked, with POD_CREATED in it, then moved to "preparing". */
int pod_create(struct pods *pods, struct pod *ret, struct err *err);

/* Transitions of a locked pod; on success pod->state is the new one. */
int pod_to_prepared(struct pods *pods, struct pod *pod, struct err *err);	/* and drops the lock */
int pod_to_run(struct pods *pods, struct pod *pod, struct err *err);		/* from preparing or prepared */
int pod_to_garbage(struct pods *pods, struct pod *pod, struct err *err);	/* aborted or expired prepare */
int pod_to_exited_garbage(struct pods *pods, struct pod *pod, struct err *err);

/* Finds by UUID or unambiguous prefix, lower-cased. Not locked. -ERR_NOT_FOUND, -ERR_AMBIGUOUS. */
int pod_find(struct pods *pods, const char *uuid_prefix, struct pod *ret, struct err *err);

/* Reads "UUID" from a --uuid-file. */
int uuid_file_read(const char *path, char **ret, struct err *err);

/*
 * Takes the lock without waiting. The state is then the one of a pod that
 * nobody else holds. -EWOULDBLOCK: somebody holds it. -ESTALE: the pod moved or
 * went meanwhile.
 */
int pod_lock(struct pods *pods, struct pod *pod, struct err *err);

/* Looks at the state afresh; the fd stays right wherever the pod moved. -ERR_NOT_FOUND: gone. */
int pod_refresh(struct pods *pods, struct pod *pod, struct err *err);

/*
 * Waits until the pod has ended (one that is not started yet: has been started
 * and ended, or was given up), or the timeout (ms, -1: none) is over:
 * -ETIMEDOUT. 0 as well for a pod that is collected by then.
 */
int pod_wait_exited(struct pods *pods, struct pod *pod, int64_t timeout_ms, struct err *err);

/* Which states to walk; a bit per enum pod_state. */
#define POD_MASK(state) (1u << (state))
#define POD_MASK_LISTED (POD_MASK(POD_PREPARING) | POD_MASK(POD_ABORTED_PREPARE) | POD_MASK(POD_PREPARED) | \
	POD_MASK(POD_RUNNING) | POD_MASK(POD_EXITED) | POD_MASK(POD_EXITED_GARBAGE) | POD_MASK(POD_EXITED_DELETING))
#define POD_MASK_ALL ((1u << POD_STATES) - 1)

/* All pods in those states, sorted by UUID, each open. The caller closes each and frees the array. */
int pods_list(struct pods *pods, unsigned mask, struct pod **ret, size_t *ret_n, struct err *err);
void pods_list_free(struct pod *list, size_t n);

/* What the files of a pod say. */
int pod_read_manifest(const struct pod *pod, struct pod_manifest *ret, struct err *err);
int64_t pod_created_at(const struct pod *pod);	/* ns; 0: unknown */
int64_t pod_started_at(const struct pod *pod);	/* ns; 0: not started */
int64_t pod_gc_marked_at(const struct pod *pod);	/* ns: ctime of the directory in a garbage state; else 0 */
pid_t pod_pid(const struct pod *pod);		/* of "pid", else "ppid"; 0: none known */

/*
 * Process 1 inside a running pod: "pid", or the only child of "ppid". A number
 * in a file may be another process's by now: this one, or one it descends from,
 * has the pod's lock open. -ERR_STATE: not started yet, or over.
 */
int pod_container_pid(const struct pod *pod, pid_t *ret, struct err *err);

/* Exit code of an app from rkt/status/APP, wherever the stage1 left it. -ERR_NOT_FOUND: none recorded. */
int pod_app_exit_code(const struct pod *pod, const char *app, int *ret, struct err *err);
int64_t pod_app_finished_at(const struct pod *pod, const char *app);	/* ns: mtime of that file; 0: unknown */

/* The tree an app or (app NULL) the stage1 comes from; the caller frees it. NULL: none known (apps with --no-overlay). */
char *pod_tree_id(const struct pod *pod, const char *app);

/* All trees that the pod, or that pods in pods/ stand on. A failure means that there may be more. */
int pod_trees(const struct pod *pod, struct strset *ret);
int pods_trees(struct pods *pods, struct strset *ret);

/* Does any of them stand on this tree, as far as can be known? For store_remove() and store_sweep(). */
bool pods_use_tree(struct pods *pods, const char *tree);

/*
 * Removes a locked pod in a garbage state, directory and all; never follows a
 * link, never crosses a mount.
 */
int pod_remove(struct pods *pods, struct pod *pod, struct err *err);
#endif
