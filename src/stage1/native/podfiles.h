#ifndef STAGE1_NATIVE_PODFILES_H
#define STAGE1_NATIVE_PODFILES_H
#include <sys/types.h>

#include "stage1/native/plan.h"
/*
 * What a running pod leaves to be read. A file appears whole or not at all; it
 * need not last over a power cut, which ends the pod too.
 */
int podfile_write(int dir_fd, const char *name, const char *text, mode_t mode, struct err *err);

int podfile_status_dir(int *ret_fd, struct err *err);	/* STAGE1_STATUS, made where it is missing */

/* rkt/env/APP, for people to read: nothing reads it back, so a value's line break is shown, not meant. */
int podfile_write_env(const struct pod_plan *plan, struct err *err);

/* POD_RUNTIME_CONFIG: what the pod runs under. */
int podfile_write_runtime(const struct run_args *args, const char *hostname, struct err *err);
#endif
