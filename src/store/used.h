#ifndef STORE_USED_H
#define STORE_USED_H
#include "base/strset.h"
#include "store/layout.h"

/* What the images of a store consist of. */
struct used {
	struct strset keys, names;	/* of the images; names as in cas/name: "example.com,app/KEY" */
	struct strset trees, blobs;
	bool unknown;		/* the facts of one cannot be read, and with them what it consists of */
};

int used_collect(struct store *s, struct used *ret, struct err *err);
void used_add(struct used *u, const struct image_info *info);
void used_clear(struct used *u);
static inline void used_clear_auto(struct used *u) { used_clear(u); }
#endif
