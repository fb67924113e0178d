#ifndef STORE_MERGE_H
#define STORE_MERGE_H
#include "store/tarread.h"
/*
 * The files of an image, put together from its archives in memory: what an
 * index (store/erofs.h) is written from and a tree is unpacked from. Whiteouts,
 * opaque directories, hard links across archives, path whitelists and
 * directories that no archive names are dealt with here and nowhere else.
 *
 * Contents stay where they are: an inode knows in which archive its bytes lie
 * and at which offset.
 */

/* What several names can share. */
struct inode {
	uint32_t number;	/* 1 and up, in the order of a walk that meets parents first; the root is 1 */
	uint32_t nlink;
	mode_t mode;		/* type and permission bits: a directory, file, symlink or FIFO */
	uid_t uid;
	gid_t gid;
	unsigned archive;	/* whose bytes: the number that merge_begin() was given */
	int64_t size;
	struct timespec mtime;
	const char *link;	/* a symlink's text */
	struct extent *extents;	/* of a file; none: empty, or all hole */
	struct member_xattr *xattrs;
	uint32_t n_extents, n_xattrs;
	bool tail_zero;		/* as in struct member */
};

/* A name. */
struct node {
	struct inode *inode;
	struct node *parent;		/* NULL: the root */
	struct node *children;		/* of a directory, in byte order of their names */
	struct node *next;		/* the sibling that comes after */
	/* Of merge.c alone: siblings are a tree too, so that names are found in it. */
	struct node *left, *right;
	uint32_t weight;
	uint32_t layer, hidden;		/* the last one that named it, and that hid what lower ones have below it */
	bool implied;			/* a directory that was only ever part of a longer name */
	uint8_t len;			/* of the name */
	char name[];			/* one component; "" for the root */
};

struct merge;
struct merge *merge_new(void);
void merge_free(struct merge *m);
DEFINE_AUTO(struct merge *, merge_free)

struct merge_layer {
	enum tar_format format;
	unsigned archive;		/* what its inodes are to say */
	/*
	 * appc's pathWhitelist, the image's own and that of the outermost image above it that has one: absolute
	 * and exact; NULL: all. The own one spares directories. What is left out is passed over, but can still
	 * be what a hard link names.
	 */
	char *const *whitelist, *const *outer_whitelist;
	bool below;			/* what is there already wins (dependencies of appc); else this layer does */
};

/*
 * The sink that takes one archive's members (tar_read(); data is not wanted).
 * Layers are added one after the other.
 *
 * Of an OCI layer, ".wh.NAME" and ".wh..wh..opq" take away what lower layers
 * have, never what their own layer adds, wherever in the archive they stand;
 * no name that begins with ".wh." is ever in the result. A hard link names a
 * file that came before it: of its own archive, or of any lower OCI layer.
 */
struct tar_sink merge_begin(struct merge *m, const struct merge_layer *layer);

/* Sorts, numbers, counts links. Afterwards the root and all below can be read, and no layer can be added. */
void merge_finish(struct merge *m);
struct node *merge_root(const struct merge *m);
const struct node *merge_find(const struct merge *m, const char *path);	/* "" for the root; NULL: nothing */
uint32_t merge_inodes(const struct merge *m);	/* how many */
int64_t merge_content(const struct merge *m);	/* bytes of all files, hard links once, holes included */

/*
 * How many names were passed to put the archives together: about as many as there are names and members, times
 * the logarithm of that, whatever the archives are. Tests hold it against them.
 */
uint64_t merge_steps(const struct merge *m);

/* Where the bytes are taken from. */
struct merge_source {
	int (*read)(void *arg, unsigned archive, int64_t offset, void *data, size_t len, struct err *err);
	void *arg;
};

/*
 * Tells all nodes to a sink as an archive without surprises would: parents
 * first, each inode's first name with its bytes, the others as hard links. So a
 * tree is unpacked.
 */
int merge_replay(const struct merge *m, const struct merge_source *source, const struct tar_sink *sink,
		 struct err *err);
#endif
