#ifndef STAGE0_ENTRY_H
#define STAGE0_ENTRY_H
#include "stage0/stage0.h"
/*
 * Entry points of a pod's stage1: where its manifest says they are, and how
 * they are opened so that nothing that ran in the pod had a hand in them.
 */
struct stage1 {
	struct json *manifest;
	int version;			/* of its interface */
};

/* Reads stage1/manifest of the pod. */
int stage1_read(const struct pod *pod, struct stage1 *ret, struct err *err);
void stage1_clear(struct stage1 *s);
static inline void stage1_clear_auto(struct stage1 *s) { stage1_clear(s); }

/* The path that an annotation (STAGE1_ENTRY_*) names; it lives as long as s. -ERR_NOT_FOUND: there is none. */
int stage1_entry(const struct stage1 *s, const char *annotation, const char **ret, struct err *err);

/*
 * The root file system that entry points are executed from: the store's tree.
 * A pod that names none (an older rkt made it, without overlay) has a copy of
 * its own, which its apps cannot reach.
 */
int stage1_open_root(const struct engine *e, const struct pod *pod, int *ret_fd, struct err *err);

/* The same, but never the pod's own copy: for collecting it (D7). -ERR_NOT_FOUND: none in the store. */
int stage1_open_stored_root(const struct engine *e, const struct pod *pod, int *ret_fd, struct err *err);

/*
 * Opens a program below root_fd to be executed: through a read-only mount of
 * its own, so that /proc/PID/exe of the running program leads to no writable
 * file, whatever the pod may do.
 */
int stage1_open_exe(int root_fd, const char *path, int *ret_fd, struct err *err);

/* The environment of an entry point: nothing of the caller's but TERM. */
char **entry_env(void);

/* Runs one of stop and gc in the pod's directory and waits. A code other than 0 is a failure. */
int entry_run(int root_fd, const char *path, const struct pod *pod, char *const *args, struct err *err);
#endif
