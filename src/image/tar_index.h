#ifndef IMAGE_TAR_INDEX_H
#define IMAGE_TAR_INDEX_H
#include "image/pieces.h"
/*
 * Where the files of a tar lie in it, by a walk over its headers: ustar, pax
 * and GNU's long names. What a member means must be beyond doubt: sparse files,
 * members of unknown types and two files of one name are errors, as is a tar
 * that ends early. Names are only compared, nothing is unpacked; links among
 * the members are followed.
 */
enum {
	TAR_INDEX_MEMBERS_MAX = 20000,
	TAR_INDEX_NAME_MAX = 1024,
	TAR_INDEX_HEADER_MAX = 1 << 20,	/* bytes of one that speaks of the next member */
	TAR_INDEX_LINKS_MAX = 16,
};

struct tar_index;

/* fd stays the caller's and open. -ERR_BAD_INPUT names the offset. */
int tar_index_new(int fd, struct tar_index **ret, struct err *err);
void tar_index_free(struct tar_index *t);
DEFINE_AUTO(struct tar_index *, tar_index_free)

/* "a/b" finds the members "a/b", "./a/b" and "/a/b". -ERR_NOT_FOUND. May be called by several threads. */
int tar_index_find(const struct tar_index *t, const char *path, struct piece *ret, struct err *err);
#endif
