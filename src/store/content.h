#ifndef STORE_CONTENT_H
#define STORE_CONTENT_H
#include "store/layout.h"

/* The manifest as it was stored with the image, which the group rkt may have changed. */
int content_stored_manifest(struct store *s, const struct image_info *i, char **ret, size_t *ret_len,
			    struct err *err);

/* The copy beside the tree, which only root could have changed, comes first where we may read it. */
int content_manifest(struct store *s, const struct image_info *i, char **ret, size_t *ret_len, struct err *err);
#endif
