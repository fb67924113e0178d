#ifndef STORE_LEFTOVER_H
#define STORE_LEFTOVER_H
#include "store/used.h"
/*
 * What nobody can need: work that nobody is at any more, and what no image and no pod names. A crash leaves such, and
 * so do images whose removal was cut short. Found here for store_sweep(), which takes it away, and for store_fsck(),
 * which tells of it.
 *
 * Only who holds the exclusive lock may look: what others are adding is named by nobody yet.
 */
struct leftover {
	const char *path;	/* below the data directory, for messages */
	const char *why;
	int dir_fd;		/* where it lies … */
	const char *name;	/* … and what it is called there */
	bool tree;		/* of a tree's name: it goes as trees go */
};

struct leftover_search {
	struct store *store;
	struct used *used;				/* of all images */
	bool (*in_use)(void *arg, const char *tree);	/* does a pod stand on it? NULL: none does */
	void *in_use_arg;
	int (*found)(void *arg, const struct leftover *l);	/* a failure ends the search */
	void *found_arg;
};

/* A directory that cannot be looked at is an error, but the search goes on over it; the first one is returned. */
int leftover_find(const struct leftover_search *search, struct err *err);
int leftover_remove(struct store *s, const struct leftover *l);

/* Renames the tree first: it is whole or is not there, also when we are killed on the way. */
int tree_drop(struct store *s, const char *tree, struct err *err);
#endif
