#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H
#include "store/hash.h"
#include "store/store.h"
#include "store/tarread.h"

/* Gets the library ready, so that it needs no file later. */
int digest_init(struct err *err);

/* "deps-sha512-" and 64 digits: the tree's name for a chain of images, here always one (inventory 4.3). */
int digest_tree_name(const char *key, char **ret, struct err *err);

struct digest_result {
	char id[HASH_NAME_MAX + 1];	/* "sha512-…" */
	int64_t size;
	struct tar_result tar;		/* of the archive; the caller frees tar.manifest */
};

/*
 * Reads an archive from in_fd to its end: copies it to out_fd (-1: nowhere),
 * hashes it and walks it into the sink, side by side in three threads with a
 * few MB between them. A failure of one ends all.
 */
int digest_archive(int in_fd, int out_fd, const struct tar_sink *sink, struct digest_result *ret,
		   struct err *err);

/* The same without looking at what the bytes are. kinds: a bit (1 << HASH_…) for each hash to make. */
int digest_stream(int in_fd, int out_fd, unsigned kinds, struct blob_digests *ret, struct err *err);
#endif
