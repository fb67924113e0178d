#ifndef STORE_UNPACK_H
#define STORE_UNPACK_H
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
/*
 * The contract with rkt-unpack, the only program that reads archives: it is
 * root's where the caller is root, but sees nothing except the descriptors
 * that it is given.
 *
 *   rkt-unpack import [blob] [tree|index]  fd 0: the archive, to be read to its end; tree and index need blob
 *   rkt-unpack blob [sha256] [sha512]     fd 0: any bytes, to be read to their end; which hashes to tell
 *   rkt-unpack compose index              by store/compose.h
 *   rkt-unpack compose tree [rootfs-only|compare]
 *   rkt-unpack compose aci
 *
 *   fd 3  UNPACK_FD_BLOB      import, blob: an empty file that becomes the blob
 *   fd 4  UNPACK_FD_DIR       an empty directory to unpack into (compare: to compare with)
 *         UNPACK_FD_INDEX     index, aci: an empty file that becomes that
 *   fd 5  UNPACK_FD_REPLY     one JSON document, then it exits: 0, or 1 with {"code", "chain"}
 *   fd 6  UNPACK_FD_MANIFEST  import, compose: an empty file that becomes the manifest
 *   fd 7  UNPACK_FD_TREE      compare: the rendered tree
 *   fd 8  UNPACK_FD_REQUEST   compose: one JSON document
 *   fd 9… UNPACK_FD_LAYERS    compose: the blobs
 *
 * A last word "limits=…" (UNPACK_LIMITS) says what limits_hand_on() gave, where other limits than the default ones
 * are in force.
 *
 * What was unpacked counts only after a reply that names the ID expected: the
 * archive is hashed while it is unpacked.
 */
enum {
	UNPACK_FD_BLOB = 3, UNPACK_FD_DIR, UNPACK_FD_REPLY, UNPACK_FD_MANIFEST, UNPACK_FD_TREE, UNPACK_FDS,
	UNPACK_FD_INDEX = UNPACK_FD_DIR,
	UNPACK_FD_REQUEST = UNPACK_FDS, UNPACK_FD_LAYERS,
};
enum { UNPACK_REPLY_MAX = 64 << 10 };
#define UNPACK_LIMITS "limits="

struct unpack_reply {
	char *id;			/* "sha512-…" of the archive's bytes */
	char *tree;			/* what the image's tree is called */
	char *sha256, *sha512;		/* "sha256-…", "sha512-…": those that were asked for */
	char *index;			/* "sha256-…" of the index */
	int64_t size, tree_size;	/* bytes of the archive, of the files in it */
	int64_t index_size;
	int64_t code;			/* a failure: negative */
	char **chain;			/* and its words, outermost first */
};
extern const struct json_field unpack_reply_fields[];
void unpack_reply_clear(struct unpack_reply *r);
static inline void unpack_reply_clear_auto(struct unpack_reply *r) { unpack_reply_clear(r); }

/* The program at work, seen by the caller. */
struct unpack;

/* argv after the program's name, NULL-terminated; fds as above, -1 for none. They stay the caller's. */
int unpack_start(int exe_fd, char *const *args, const int fds[UNPACK_FDS], struct unpack **ret, struct err *err);

/* For what it reads to its end: with room enough that neither side waits for the other more than it must. */
int unpack_pipe(int *ret_read_fd, int *ret_write_fd, struct err *err);

/* With more descriptors, from UNPACK_FDS on. */
int unpack_start_with(int exe_fd, char *const *args, const int fds[UNPACK_FDS], const int *more, size_t n_more,
		      struct unpack **ret, struct err *err);

/* Waits for its end. Its failure becomes ours. */
int unpack_wait(struct unpack *u, struct unpack_reply *ret, struct err *err);

/* Kills it if it still runs. */
void unpack_free(struct unpack *u);
DEFINE_AUTO(struct unpack *, unpack_free)
#endif
