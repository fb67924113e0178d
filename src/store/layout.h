#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H
#include "store/cas.h"
#include "store/store.h"
/*
 * What the files of this folder share: where things lie, and the locks.
 *
 * The group rkt may write everywhere below cas but in cas/tree, and rename what
 * root wrote there, so whatever root is to believe later must not rest on a name
 * or an owner there: facts and manifests count as root's word only in a
 * directory of root's alone (store/vouch.h), trees are reached through another
 * (store_tree_dir), and a blob is hashed whenever it is unpacked.
 */
enum {
	STORE_DIR_MODE = 02770,
	STORE_TREE_MODE = 02700,
	STORE_FILE_MODE = 0640,			/* the group reads what root kept, and cannot change it */
	FACTS_MAX_BYTES = 1 << 20,
};

#define BACKEND_FILE ".backend"		/* below cas/tree: what store_backend() found out */

/* A blob that was hashed while this store was open. */
struct known_blob {
	char *key, *id;		/* id: all of its SHA-512; NULL: was not made */
	int fd;			/* to read */
};

struct store {
	char *path;		/* the data directory, for messages */
	int data_fd, cas_fd;	/* -1: no store is there yet */
	int vouch_fd;		/* -1: not opened yet */
	int tree_fd;		/* -1: not opened yet */
	int lock_fd;
	enum store_mode mode;
	bool group_known;
	gid_t group;		/* the group rkt; -1: there is none, or we cannot give to it */
	bool shared;		/* we hold the shared lock, or get it back after the exclusive one */
	unsigned exclusive;	/* how many times we hold the exclusive one */
	struct known_blob *known; size_t n_known;
};

/* The first IMAGE_KEY_LEN bytes of an ID; the caller frees it. */
char *store_key(const char *id);
bool store_key_valid(const char *name);		/* of an image: "sha512-" and 64 lower-case hex digits, no more */
bool store_blob_valid(const char *name);	/* the same, also with "sha256-" */
bool store_tree_valid(const char *name);	/* "deps-sha512-" and 64 of them */
const char *store_tree_replaced(const char *name);	/* of "old.RANDOM.TREE", which another took the place of: TREE */

/* "blob/sha512/XX/KEY" and its directory, below cas; the caller frees it. */
char *store_sharded(const char *kind, const char *key);
char *store_shard(const char *kind, const char *key);

/* Makes the directory that a sharded path lies in, and that lasting. */
int store_make_shard(struct store *s, const char *kind, const char *key, struct err *err);

/* Makes a directory whose parent is not within reach of the group, and gives it to the group. There already is fine. */
int store_make_top_dir(struct store *s, int dir_fd, const char *path, mode_t mode);

/* cas/tree, held against being exchanged by others. -ERR_NOT_FOUND, -EACCES. */
int store_tree_dir(struct store *s, int *ret_fd, struct err *err);

/* Calls each() for every entry of a directory below cas, which need not be there. A failure of it ends the walk. */
int store_each(int dir_fd, const char *path, int (*each)(void *arg, int dir_fd, const char *name), void *arg);

/*
 * flock(2) that waits. A wait that lasts is told about ("waiting for another rkt to WHAT"), and a signal that the
 * caller handles ends it (-EINTR).
 */
int store_wait_lock(int fd, int how, const char *what);
#endif
