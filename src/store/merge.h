#ifndef STORE_MERGE_H
#define STORE_MERGE_H
#include "store/tarread.h"
/*
 * The files of an image, put together from its archives in memory: what an
 * index (store/erofs.h) is written from and a tree is unpacked from. Whiteouts,
 * opaque directories, hard links across archives, path whitelists and
 * directories that no archive names are dealt with here and nowhere else.
 *
 * Contents stay where they are: a node knows in which archive its bytes lie
 * and at which offset.
 */
enum merge_format {
	MERGE_ACI,	/* "manifest" and "rootfs/…"; no whiteouts */
	MERGE_OCI,	/* the root itself; ".wh.NAME", ".wh..wh..opq" (OCI image-spec, layer.md) */
};

/* Bytes of a file that lie together in an archive. */
struct extent {
	int64_t at;		/* in the file */
	int64_t len;
	int64_t offset;		/* in the archive; a multiple of 512 unless the file is sparse */
};

struct node {
	const char *name;	/* one component; "" for the root */
	enum member_kind kind;	/* MEMBER_DIRECTORY, _FILE, _SYMLINK, _FIFO; a hard link is one inode with two nodes */
	struct inode *inode;
	struct node *parent, *next;	/* next: the sibling that comes after in byte order of names */
	struct node *children;		/* of a directory, sorted once merge_finish() was called */
};

/* What several names can share. */
struct inode {
	uint32_t number;	/* 1 and up in order of appearance; the root is 1 */
	uint32_t nlink;
	mode_t mode;		/* type and permission bits */
	uid_t uid;
	gid_t gid;
	int64_t size;
	struct timespec mtime;
	const char *link;	/* a symlink's text */
	struct member_xattr *xattrs; size_t n_xattrs;
	unsigned archive;	/* whose bytes: the number that merge_add() was given */
	struct extent *extents; size_t n_extents;	/* none: empty, or all hole */
};

struct merge;
struct merge *merge_new(void);
void merge_free(struct merge *m);
DEFINE_AUTO(struct merge *, merge_free)

struct merge_layer {
	enum merge_format format;
	unsigned archive;		/* what its inodes are to say */
	char *const *whitelist;		/* absolute paths below the root; NULL: all. Exact (inventory 2.9) */
	bool below;			/* what is there already wins (dependencies of appc); else this layer does */
};

/*
 * The sink that takes one archive's members (tar_read(); data is not wanted, offsets are). Layers are added
 * one after the other. What the whitelist leaves out is passed over.
 */
int merge_begin(struct merge *m, const struct merge_layer *layer, struct tar_sink *ret, struct err *err);

/* The archive was read to its end. Hard links whose target was not found are an error here. */
int merge_end(struct merge *m, struct err *err);

/* Sorts, counts links. Afterwards the root and all below can be read. */
int merge_finish(struct merge *m, struct err *err);
struct node *merge_root(struct merge *m);
uint32_t merge_inodes(const struct merge *m);	/* how many */
int64_t merge_content(const struct merge *m);	/* bytes of all files, hard links once, holes included */

/*
 * Tells all nodes to a sink as an archive without surprises would: parents first, each inode's first name
 * with its bytes, the others as hard links. read() gives bytes of an archive. So a tree is unpacked.
 */
int merge_replay(struct merge *m, int (*read)(void *arg, unsigned archive, int64_t offset, size_t len,
					      const void **ret, struct err *err),
		 void *arg, const struct tar_sink *sink, struct err *err);
#endif
