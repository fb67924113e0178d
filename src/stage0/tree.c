#include "stage0/tree.h"

#include <unistd.h>

/* The image that a tree is of, told by its name where that is known. */
static char *describe(struct store *store, int tree_fd)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *key = NULL;

	if (store_tree_image(tree_fd, &key, NULL) < 0)
		return xstrdup("an image");
	if (store_find_id(store, key, &info, NULL) < 0)
		return xasprintf("image \"%s\"", key);
	return xasprintf("image \"%s\" (%s)", info.name, key);
}

int tree_open(const struct engine *e, struct store *store, const char *tree, enum tree_way way, int *ret_fd,
	      struct err *err)
{
	unsigned flags = (way == TREE_TO_MOUNT ? TREE_ATTACH : 0) | (e->insecure & INSECURE_ONDISK ? TREE_UNCHECKED : 0);
	AUTO(close) int fd = -1;
	int r;

	r = store_open_tree(store, tree, &fd, err);
	if (r < 0)
		return r;
	r = store_mount_tree(fd, flags, ret_fd, err);
	if (r < 0) {
		AUTO(free) char *what = describe(store, fd);

		return err_wrap(err, r, "cannot use the files of %s", what);
	}
	return 0;
}
