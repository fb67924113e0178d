#ifndef CLI_PLACE_H
#define CLI_PLACE_H
#include <stdbool.h>

#include "base/err.h"
/*
 * Output at a path that a person gave: it is written under a temporary name
 * beside it and appears in one rename, so nothing half done is ever there. Only
 * a file system that cannot exchange names has nothing there for a moment, when
 * a directory is replaced.
 */
struct place {
	int dir_fd;		/* of the directory that it lies in */
	char *name, *temporary;
};
#define PLACE_NONE ((struct place){ .dir_fd = -1 })

/* Opens the directory above path. "/" itself and paths that end in ".." are refused. */
int place_open(const char *path, struct place *ret, struct err *err);
int place_exists(const struct place *p);	/* 1, 0, or a failure; a dangling symlink exists */

/* Puts the temporary file or directory in place, on disk, with overwrite instead of what is there. Else -EEXIST. */
int place_commit(struct place *p, bool overwrite, struct err *err);

/* Removes what was not committed. */
void place_close(struct place *p);
static inline void place_close_auto(struct place *p) { place_close(p); }
#endif
