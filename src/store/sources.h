#ifndef STORE_SOURCES_H
#define STORE_SOURCES_H
#include "store/compose.h"
#include "store/layout.h"
/* The archives that the files of an image come from, opened, and what rkt-unpack is asked to make of them. */
struct tree_sources {
	struct compose_request request;
	int *fds; size_t n;
};

/*
 * layers: NULL for the image's own. All are files that nobody but us and root can change any more: rkt-unpack reads
 * an archive a second time after it hashed it, and an index refers to it for good.
 */
int tree_sources_open(struct store *s, int unpack_exe_fd, const struct image_info *info,
		      const struct tree_layer *layers, size_t n_layers, struct tree_sources *ret, struct err *err);

/* What this process hashed before is hashed again: it may have rotted since. */
void tree_sources_hash_again(struct tree_sources *q);

/* Is what came out of the image that info is of? -ERR_BAD_INPUT: the archive is another's. */
int tree_sources_check(const struct tree_sources *q, const struct image_info *info,
		       const struct compose_result *result, struct err *err);
void tree_sources_clear(struct tree_sources *q);
static inline void tree_sources_clear_auto(struct tree_sources *q) { tree_sources_clear(q); }
#endif
