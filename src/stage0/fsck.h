#ifndef STAGE0_FSCK_H
#define STAGE0_FSCK_H
#include "stage0/stage0.h"
#include "store/fsck.h"

/*
 * store_fsck() for a data directory as a whole: also what pods left behind, mounts and control groups, and prepared
 * pods that cannot run any more. in_use of the request is filled in here.
 */
int engine_fsck(const struct engine *e, const struct fsck *request, bool *ret_partly, struct err *err);
#endif
