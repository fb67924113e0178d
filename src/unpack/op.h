#ifndef UNPACK_OP_H
#define UNPACK_OP_H
#include "store/merge.h"
#include "store/unpack.h"
/*
 * What the operations of rkt-unpack (store/unpack.h) share: files that were
 * put together in memory become an index or a tree.
 */
enum flag {
	WITH_BLOB = 1 << 0, WITH_TREE = 1 << 1, WITH_INDEX = 1 << 2, ROOTFS_ONLY = 1 << 3, COMPARE = 1 << 4,
	WITH_SHA256 = 1 << 5, WITH_SHA512 = 1 << 6,
};

/* The archives, by the number that inodes have. */
struct archives {
	const int *fds;
	int64_t *sizes;
	size_t n;
};

/*
 * Makes what the flags say of m (merge_finish() was called): the index in
 * UNPACK_FD_INDEX, or files below UNPACK_FD_DIR, which are compared with those
 * of UNPACK_FD_TREE if they say that. Fills in what the reply says of it.
 */
int output(unsigned flags, const struct merge *m, const struct archives *a, struct unpack_reply *reply,
	   struct err *err);

/* The operation "compose". */
int compose_op(unsigned flags, struct unpack_reply *reply, struct err *err);

/* How many blobs it was given. */
size_t compose_blobs(void);
#endif
