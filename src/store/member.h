#ifndef STORE_MEMBER_H
#define STORE_MEMBER_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
/*
 * One member of an image archive, after the rules: what it may be called, what
 * it may be, what it may carry. No file is touched here.
 *
 * Members of an ACI are "manifest", "rootfs" and what is below rootfs; a
 * leading "./" is tolerated, "..", absolute names and empty parts are not.
 * A layer of an OCI image holds the root itself. Writers of layers are many,
 * so "/a//b/./c" is read as "a/b/c" there; ".." is refused all the same.
 * Device nodes and the markers of overlay file systems are refused.
 */
enum tar_format { TAR_ACI, TAR_OCI };

enum member_kind {
	MEMBER_SKIP,		/* the archive's own "./" */
	MEMBER_MANIFEST,
	MEMBER_DIRECTORY,
	MEMBER_FILE,
	MEMBER_HARDLINK,
	MEMBER_SYMLINK,
	MEMBER_FIFO,
};

struct member_xattr {
	const char *name;
	const void *value;
	size_t len;
};

/* Bytes of a file that lie together in the archive. */
struct extent {
	int64_t at;		/* in the file */
	int64_t len;
	int64_t offset;		/* in the archive */
};

/* Pointers belong to whoever read the archive and last until the next member. */
struct member {
	enum member_kind kind;
	const char *path;	/* relative to the root, "" for the root itself */
	const char *link;	/* a symlink's text, a hard link's target relative to the root */
	mode_t mode;		/* permission bits */
	uid_t uid;
	gid_t gid;
	int64_t size;
	struct timespec mtime;
	struct member_xattr *xattrs;	/* no name twice */
	size_t n_xattrs;
	/* Where a file's bytes are, in order; what lies between is a hole. Known only when it was read to its end. */
	const struct extent *extents;
	size_t n_extents;
	bool tail_zero;		/* what follows its last byte in that block of the archive was seen to be zeros */
};

/*
 * Strips a member name of what may be stripped and checks the rest. *ret is a
 * copy that the caller frees; "" is the archive's top. -ERR_BAD_INPUT.
 */
int member_name_check(enum tar_format format, const char *name, char **ret, struct err *err);

/* What a checked name stands for: MEMBER_SKIP, MEMBER_MANIFEST, or a path below the root in *ret_path. */
int member_place(enum tar_format format, const char *name, bool *ret_manifest, const char **ret_path,
		 struct err *err);

/* May this attribute be set? 1 yes, 0 passed over, -ERR_BAD_INPUT refused. */
int member_xattr_check(enum tar_format format, enum member_kind kind, const char *name, struct err *err);

/* The rules that concern the kind, the owner and the sizes. */
int member_check(const struct member *m, struct err *err);
#endif
