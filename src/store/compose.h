#ifndef STORE_COMPOSE_H
#define STORE_COMPOSE_H
#include <stddef.h>

#include "base/json.h"
/*
 * Making a tree of archives: rkt asks, rkt-unpack reads the blobs, puts their
 * files together (store/merge.h) and writes them as an index or as files.
 *
 * Each blob is hashed against its key while that is done. What was written
 * counts only after success.
 */
struct compose_layer {
	char *key;			/* of its blob: "sha256-…" or "sha512-…" with 64 digits at least */
	bool oci;			/* with whiteouts, without "rootfs/"; else an ACI */
	bool hashed;			/* the bytes are known to be the key's: they are not hashed again */
	/*
	 * appc's pathWhitelist, absolute and exact: which layers' paths count (the first is 1; 0: all do). The image's
	 * own spares directories, that of the outermost image above it that has one does not (inventory 2.9).
	 */
	char **paths;
	int64_t whitelist, outer_whitelist;
};

/*
 * In the order in which they are put together: of ACIs the one that wins first
 * (an image, then its dependencies), of an OCI image's layers the lowest first.
 * The index knows the blob of layers[i] as its device i + 1.
 */
struct compose_request {
	char *name;			/* what the tree's name is a hash of; NULL: the keys, joined with commas */
	struct compose_layer *layers; size_t n_layers;
	/*
	 * COMPOSE_ACI, of OCI layers: what the ACI's manifest is. With top it has only what the last layer brings; if
	 * that layer takes away something of those below, all that is left goes into the manifest's pathWhitelist. With
	 * dev_links /dev gets the links that programs in Docker's containers find there.
	 */
	char *manifest;
	bool top, dev_links;
};
extern const struct json_field compose_request_fields[];
void compose_request_clear(struct compose_request *r);
static inline void compose_request_clear_auto(struct compose_request *r) { compose_request_clear(r); }

enum compose_mode {
	COMPOSE_INDEX,			/* out_fd: an empty file, open to read and write, that becomes the index */
	COMPOSE_TREE,			/* out_fd: an empty directory in which "rootfs" is made */
	COMPOSE_ROOTFS,			/* out_fd: an empty directory that becomes the rootfs */
	COMPOSE_COMPARE,		/* out_fd: an empty directory to unpack into; tree_fd's "rootfs" is compared with that */
	COMPOSE_ACI,			/* out_fd: as for an index, but it becomes an ACI, not compressed */
};

struct compose_result {
	char *tree;			/* what the tree is called: "deps-sha512-…" */
	char *id;			/* all digits of the first layer's SHA-512, or of the ACI's; NULL: it was not hashed so */
	char *index;			/* "sha256-…" of the index; NULL: none was made */
	int64_t index_size;
	int64_t content;		/* bytes of all files, hard links once, holes included */
	char *manifest; size_t manifest_len;	/* of the first layer, if that is an ACI */
};
void compose_result_clear(struct compose_result *r);
static inline void compose_result_clear_auto(struct compose_result *r) { compose_result_clear(r); }

/*
 * blob_fds: one for each layer, open to read; all fds stay the caller's. tree_fd: -1 but for COMPOSE_COMPARE.
 * -ERR_BAD_INPUT: an archive breaks its rules, a blob is not its key's, or the tree differs; err says which.
 */
int compose(int unpack_exe_fd, enum compose_mode mode, const struct compose_request *request, const int *blob_fds,
	    int out_fd, int tree_fd, struct compose_result *ret, struct err *err);
#endif
