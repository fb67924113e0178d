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
 * Members are "manifest", "rootfs" and what is below rootfs; a leading "./" is
 * tolerated, "..", absolute names and empty parts are not. Device nodes and
 * the markers of overlay file systems are refused.
 */
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

/* Pointers belong to whoever read the archive and last until the next member. */
struct member {
	enum member_kind kind;
	const char *path;	/* relative to the rootfs, "" for the rootfs itself */
	const char *link;	/* a symlink's text, a hard link's target relative to the rootfs */
	mode_t mode;		/* permission bits */
	uid_t uid;
	gid_t gid;
	int64_t size;
	struct timespec mtime;
	struct member_xattr *xattrs;
	size_t n_xattrs;
};

/*
 * Strips a member name of its leading "./" and trailing "/" and checks the
 * rest. *ret points into a copy that the caller frees; "" is the archive's
 * top. -ERR_BAD_INPUT.
 */
int member_name_check(const char *name, char **ret, struct err *err);

/* What a checked name stands for: MEMBER_SKIP, MEMBER_MANIFEST, or a path below rootfs in *ret_path. */
int member_place(const char *name, bool *ret_manifest, const char **ret_path, struct err *err);

/* May this attribute be set? 1 yes, 0 passed over, -ERR_BAD_INPUT refused. */
int member_xattr_check(const char *name, bool regular, struct err *err);

/* The rules that concern the kind, the owner and the sizes. */
int member_check(const struct member *m, struct err *err);
#endif
