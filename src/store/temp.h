#ifndef STORE_TEMP_H
#define STORE_TEMP_H
#include "store/layout.h"
/*
 * Work in progress. Files have no name where the file system can do that;
 * whatever has one is flocked, so that a sweep knows it from what a crash left.
 */
struct temp_file {
	int fd;			/* to read and write; -1: none */
	char *name;		/* below cas, NULL: it has none */
};
#define TEMP_FILE_NONE { .fd = -1 }

int temp_file_open(struct store *s, struct temp_file *ret, struct err *err);

/* Gives it a path below cas, in place of what is there. What it holds must be on disk already. */
int temp_file_publish(struct store *s, struct temp_file *t, const char *path, struct err *err);

/* The same under its key among its kind ("blob", "imageManifest"), lasting. */
int temp_file_keep(struct store *s, struct temp_file *t, const char *kind, const char *key, struct err *err);
void temp_file_drop(struct store *s, struct temp_file *t);

/* A directory below cas/tree that will become a tree: root's alone. */
struct temp_tree {
	int fd;			/* -1: none */
	char *name;
};

int temp_tree_make(struct store *s, struct temp_tree *ret, struct err *err);

/* Writes what lies beside the rootfs: whose tree it is, and that it is whole. */
int temp_tree_mark(struct temp_tree *t, const char *key, struct err *err);

/*
 * Gives it its name. replace: in place of a tree that is there, which goes with
 * a sweep once no pod stands on it; otherwise that one stays and ours goes.
 */
enum temp_replace { TEMP_KEEP_OLD, TEMP_REPLACE };
int temp_tree_publish(struct store *s, struct temp_tree *t, const char *tree, enum temp_replace replace,
		      struct err *err);
/* Puts it into another directory instead, if nothing has that name there; otherwise ours goes. */
int temp_tree_move(struct store *s, struct temp_tree *t, int dir_fd, const char *name, struct err *err);
void temp_tree_drop(struct store *s, struct temp_tree *t);

/* Is nobody working on this entry any more? */
bool temp_abandoned(int dir_fd, const char *name);
#endif
