#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H
#include "store/sha512.h"
#include "store/tarread.h"

/* Gets the library ready, so that it needs no file later. */
int digest_init(struct err *err);

/* "deps-sha512-" and 64 digits: the tree's name for a chain of images, here always one (inventory 4.3). */
int digest_tree_name(const char *key, char **ret, struct err *err);

struct digest_result {
	char id[7 + SHA512_HEX + 1];	/* "sha512-…" */
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

/* The hash alone, whatever the bytes are. */
int digest_file(int fd, char ret_id[7 + SHA512_HEX + 1], int64_t *ret_size, struct err *err);
#endif
