#ifndef STORE_RENDER_H
#define STORE_RENDER_H
#include "store/temp.h"
#include "store/tree.h"
/* A tree that is being made: below a temporary name until all of it is there. */
struct tree_work {
	struct temp_tree dir;
	int index_fd;			/* an empty file for the index; -1: a tree of files */
	struct tree_record record;
};
#define TREE_WORK_NONE ((struct tree_work){ .dir.fd = -1, .index_fd = -1 })

int tree_work_open(struct store *s, enum tree_backend backend, struct tree_work *ret, struct err *err);

/* One that the tree is made of: the index's next device, a link to the blob or a copy where none can be made. */
int tree_work_add_blob(struct tree_work *w, const char *key, int blob_fd, struct err *err);

/* What rkt-unpack said of it. */
struct tree_said {
	const char *key;		/* of the image */
	const char *tree;		/* its name */
	const char *index;		/* "sha256-…" of the index; NULL: a tree of files */
};

/*
 * All of it is there, "manifest" too: mounts an index once to see that it can be, seals it, notes what it is, and
 * gives the tree its name, lasting. The blobs must be open to nobody to write.
 */
int tree_work_publish(struct store *s, struct tree_work *w, const struct tree_said *said, enum temp_replace replace,
		      struct err *err);

/* What it takes on disk, without the blobs; to be asked before publishing. */
int tree_work_size(const struct tree_work *w, int64_t *ret, struct err *err);

void tree_work_drop(struct store *s, struct tree_work *w);

/* How a tree shall be made. */
struct render_wish {
	enum tree_backend backend;
	const struct tree_layer *layers; size_t n_layers;	/* NULL: the image's own */
	const char *manifest;		/* of an OCI image */
};

/* Makes the tree and fills info->tree and tree_size; facts stay as they are. */
int render_tree(struct store *s, int unpack_exe_fd, struct image_info *info, const struct render_wish *wish,
		struct err *err);
#endif
