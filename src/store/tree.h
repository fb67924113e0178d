#ifndef STORE_TREE_H
#define STORE_TREE_H
#include "store/layout.h"
/*
 * The directory of a tree, cas/tree/deps-…, beside its "manifest", "image" and "rendered":
 *
 *   rootfs    the image's files; of an index an empty directory, which has mode and owner of the image's root
 *   index     of an index: its names and metadata (store/erofs.h)
 *   0, 1, …   links to the blobs that the index takes bytes from
 *   files     of an index: "rootfs" in it has the same files unpacked, which are used instead (store_add_files())
 *   layers    what it was made of: a struct tree_record as JSON
 *
 * Only root writes there, so what is noted there is root's word.
 */
struct tree_record {
	char *index;		/* "sha256-…" of the index; NULL: a tree of files */
	char **layers;		/* keys of the blobs, in the order of the index's devices */
	char **seals;		/* what they were sealed with: of the index, then of each blob; NULL: they are not */
};
void tree_record_clear(struct tree_record *r);
static inline void tree_record_clear_auto(struct tree_record *r) { tree_record_clear(r); }

bool tree_is_index(int tree_fd);
bool tree_has_files(int tree_fd);	/* beside its index */
int tree_record_read(int tree_fd, struct tree_record *ret, struct err *err);
int tree_record_write(int tree_fd, const struct tree_record *r, struct err *err);

/* Opens the index (0) or a blob (1 and up) to read. */
int tree_part_open(int tree_fd, size_t part, int *ret_fd, struct err *err);

/* The index as a detached mount, by whichever way this kernel has. */
int tree_mount(int tree_fd, const struct tree_record *r, int *ret_fd, struct err *err);

/* Seals index and blobs with fs-verity and notes it in r; where the file system has none, notes that. */
int tree_seal(int tree_fd, struct tree_record *r, struct err *err);

/* Are they what was sealed? Nothing to do where they were not. -ERR_BAD_INPUT: one is not. */
int tree_check_seals(int tree_fd, const struct tree_record *r, struct err *err);
#endif
