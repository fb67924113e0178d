#ifndef STAGE0_TREE_H
#define STAGE0_TREE_H
#include "stage0/stage0.h"
/*
 * Trees of images, as pods stand on them. Whoever is in group rkt may write
 * beside the trees, so a tree is what root made of the very bytes whose hash
 * the image's ID is, and only its manifest is to be believed.
 */
struct tree_need {
	const struct engine *e;
	struct store *store;
	int *unpack_fd;			/* rkt-unpack; -1: opened when it is needed */
	bool for_stage1;
	bool verify;			/* read all of it again, against what was stored */
	char *const *among;		/* keys of the images that dependencies mean; NULL: those that are meant now */
};

/*
 * The tree of an image: rendered now if there is none. Files are added to an index that this kernel cannot mount,
 * and to a stage1's if it could not be sealed: of files all pods share what is in memory. *ret_layers are the
 * archives of an image with dependencies, NULL for others. Fills info->tree.
 */
int tree_obtain(const struct tree_need *need, struct image_info *info, int *ret_fd, struct tree_layer **ret_layers,
		size_t *ret_n, struct err *err);

/*
 * The archives of an image with dependencies, as dependencies_layers() has them, by manifests that root vouches for:
 * before that, root reads those that others added.
 */
int tree_layers(const struct tree_need *need, struct image_info *info, struct tree_layer **ret, size_t *ret_n,
		struct err *err);

/*
 * For a pod that was prepared, maybe before this kernel was booted: can its tree be used as it is? Files are
 * added to one that this kernel cannot mount.
 */
int tree_check(const struct tree_need *need, const char *tree, struct err *err);

/*
 * The files of a tree; to mount: attached in this mount namespace, which is the caller's alone, so
 * that it can be a lower layer. Seals are looked at unless INSECURE_ONDISK is set.
 */
enum tree_way { TREE_TO_MOUNT, TREE_TO_READ };
int tree_open(const struct engine *e, struct store *store, const char *tree, enum tree_way way, int *ret_fd,
	      struct err *err);
#endif
