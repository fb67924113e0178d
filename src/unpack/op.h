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
	WITH_SHA256 = 1 << 5, WITH_SHA512 = 1 << 6, WITH_ACI = 1 << 7,
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

/* Bytes of one of the archives, as merge_replay() wants them. */
struct merge_source archives_source(const struct archives *a);

/*
 * Makes UNPACK_FD_INDEX an ACI of all files (merge_finish() was called) with that manifest, as it stands.
 * *ret_id: "sha512-…" of it.
 */
int output_aci(const struct merge *m, const struct archives *a, const char *manifest, char **ret_id, struct err *err);

/*
 * The same of what one layer alone brings, where all is what it and those below it are together. takes_away:
 * the manifest gets a pathWhitelist of all.
 */
int output_layer_aci(const struct merge *layer, const struct merge *all, bool takes_away, const struct archives *a,
		     const char *manifest, char **ret_id, struct err *err);

/* Before merge_finish(). What the image has itself counts. */
int add_dev_links(struct merge *m, struct err *err);

/* After it. -ERR_BAD_INPUT: /dev is no directory, so the links are not there. */
int check_dev(const struct merge *m, struct err *err);

/* The operation "compose". */
int compose_op(unsigned flags, struct unpack_reply *reply, struct err *err);

/* How many blobs it was given. */
size_t compose_blobs(void);
#endif
