#ifndef STORE_TEST_PLACE_H
#define STORE_TEST_PLACE_H
#include "base/buf.h"
#include "store/store.h"
/* For tests: a store of its own for each, and rkt-unpack to fill it. */
struct place {
	char *path;
	struct store *store;
	int unpack_fd;
};

/* Setup and teardown for cmocka; *state is the place. On disk: where an index can be mounted from files. */
int place_make(void **state);
int place_make_on_disk(void **state);
int place_drop(void **state);

/* How many entries a directory below the place has, "." names aside; -1: there is no such directory. */
int place_count(const struct place *p, const char *path);
int place_trees(const struct place *p);		/* in cas/tree, whole or not */

/* Adds bytes as a blob; the digest as OCI writes it and all of its SHA-512 (NULL: not wanted) are the caller's. */
char *place_put(const struct place *p, const void *data, size_t len, char **ret_id);

/* An ACI with one file of that content, of version 1, as it would be fetched. ret is the caller's to clear. */
void place_import(const struct place *p, const char *name, const char *verified_by, const char *content,
		  struct image_info *ret);

/* An OCI image of these layers. ret is filled also on failure. */
int place_add_oci(const struct place *p, const char *name, const struct buf *layers, size_t n, bool render,
		  struct image_info *ret, struct err *err);
#endif
