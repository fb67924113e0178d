#ifndef OS_CGROUP_H
#define OS_CGROUP_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
/*
 * Control groups, whichever way the machine has them: cgroup2 alone, cgroup2
 * without controllers beside the v1 hierarchies (hybrid), or v1 alone.
 *
 * A pod has one directory, named by its caller, in each hierarchy that it
 * needs; below it lies one leaf per app and one for the pod's init. The pod's
 * directory goes below the group that we were started in, so that limits on
 * that group hold for the pod. In cgroup2 with controllers a group may not have
 * both processes and limited children, so there it goes below a group that was
 * delegated to us, or else below "/rkt". Nothing is written to groups that are
 * neither ours nor delegated to us.
 *
 * cgroup2 is joined by being born into it (CLONE_INTO_CGROUP). A v1 hierarchy
 * is joined only when a limit asks for it, by a thread writing "0" to "tasks":
 * that moves nobody else, so the kernel need not wait for a grace period of
 * some 10 ms as it does for "cgroup.procs".
 */
enum cgroup_hierarchy {
	CGROUP_UNIFIED, CGROUP_MEMORY, CGROUP_CPU, CGROUP_PIDS, CGROUP_DEVICES,	/* all but the first are v1 */
	CGROUP_HIERARCHIES,
};

/* What the machine has. */
struct cgroup_layout {
	bool has[CGROUP_HIERARCHIES];
	bool pure;				/* cgroup2 has the controllers, v1 is not there */
	char *mount[CGROUP_HIERARCHIES];	/* "/sys/fs/cgroup/…" */
	char *own[CGROUP_HIERARCHIES];		/* the group we are in, "/…" */
};
int cgroup_layout_read(struct cgroup_layout *ret, struct err *err);
void cgroup_layout_clear(struct cgroup_layout *l);

/* The same of given texts, for tests: root is "/sys/fs/cgroup", text that of /proc/self/cgroup. */
void cgroup_layout_parse(const char *root, const char *text, bool pure, bool unified, struct cgroup_layout *ret);

/* Limits of one leaf; 0 is none. */
struct cgroup_limits {
	int64_t memory_bytes, cpu_milli, cpu_shares, pids;
};

/* Which hierarchies these limits need, a bit each: CGROUP_MEMORY, _CPU, _PIDS (also where cgroup2 has them). */
unsigned cgroup_needs(const struct cgroup_limits *limits);

struct cgroup_pod {
	const struct cgroup_layout *layout;
	char *path[CGROUP_HIERARCHIES];		/* below the mount; NULL: no directory there */
	int fd[CGROUP_HIERARCHIES], parent[CGROUP_HIERARCHIES];
	char *supervisor;			/* cgroup2's leaf that we moved to, NULL: we stayed; gc removes it */
	unsigned need, missing;			/* what is needed, and of that what this machine cannot do, a bit each */
};
#define CGROUP_POD_NONE ((struct cgroup_pod){ .fd = { -1, -1, -1, -1, -1 }, .parent = { -1, -1, -1, -1, -1 } })

/*
 * Says where the groups are to be and makes none: the record can be written
 * first, and so whoever dies in between leaves none that nobody knows of. name
 * is the directory's; need a bit per hierarchy, besides the unified one.
 */
int cgroup_pod_place(const struct cgroup_layout *layout, const char *name, unsigned need, struct cgroup_pod *ret,
		     struct err *err);

/* Makes them. After a failure some may be there, for cgroup_pod_remove(). */
int cgroup_pod_make(struct cgroup_pod *pod, struct err *err);

/* Where the pod's groups are, a line each, for cgroup_record_remove(): the caller frees it. */
char *cgroup_pod_record(const struct cgroup_pod *pod);

/* Removes the pod's groups. Nobody may be in them any more. */
int cgroup_pod_remove(struct cgroup_pod *pod, struct err *err);
void cgroup_pod_clear(struct cgroup_pod *pod);

struct cgroup_leaf {
	int fd[CGROUP_HIERARCHIES];
};
#define CGROUP_LEAF_NONE ((struct cgroup_leaf){ { -1, -1, -1, -1, -1 } })

/* Makes a leaf and sets its limits, but for those that pod->missing names. */
int cgroup_leaf_make(const struct cgroup_pod *pod, const char *name, const struct cgroup_limits *limits,
		     struct cgroup_leaf *ret, struct err *err);
void cgroup_leaf_clear(struct cgroup_leaf *leaf);

/* Moves the calling, single-threaded process into the leaf's v1 groups. */
int cgroup_leaf_join(const struct cgroup_leaf *leaf);

/*
 * Removes, or kills all of, the groups of a record, whose last part must be
 * name: a record that names anything else is refused. What is gone already is
 * passed over.
 */
int cgroup_record_remove(const char *record, const char *name, struct err *err);
int cgroup_record_kill(const char *record, const char *name, struct err *err);

/* What the leaf of a supervisor that moved is called, after the pod's name. */
#define CGROUP_SUPERVISOR "_supervisor"

/* One line of a record, which the caller frees. */
char *cgroup_record_line(enum cgroup_hierarchy h, const char *path, bool supervisor);

/* The same read. -EINVAL: not one of ours, or not a group called name. */
int cgroup_record_parse(const char *line, const char *name, enum cgroup_hierarchy *ret, const char **ret_path);
#endif
