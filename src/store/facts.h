#ifndef STORE_FACTS_H
#define STORE_FACTS_H
#include "store/info.h"
/*
 * What is known of an image: one JSON file per image, cas/image/KEY; its mtime is when it was last used. The group
 * rkt may put any file there, so of the images that root added root reads it elsewhere (store/vouch.h).
 */

/*
 * -ERR_NOT_FOUND: no such image. -ERR_BAD_INPUT: the file makes no sense. What
 * root vouches for is taken from there, but for the tree and when the image was
 * used. Where root does not, a caller who is not root believes a file of their
 * own; who verified the image is then nobody to anybody else.
 */
int facts_load(struct store *s, const char *key, struct image_info *ret, struct err *err);

/* Puts the file in place, whole and lasting; used now. */
int facts_save(struct store *s, const struct image_info *info, struct err *err);

/* The same, but it was used when info says. */
int facts_amend(struct store *s, const struct image_info *info, struct err *err);

/*
 * The same for an image that was just imported: with times, and of an image that is already there what the
 * caller does not know. Then root vouches for it; manifest is its own in appc's words.
 */
int facts_add(struct store *s, struct image_info *info, const char *manifest, size_t len, struct err *err);

/* Takes the file away, after root's word, which is the end of the image. -ERR_NOT_FOUND. */
int facts_remove(struct store *s, const char *key, struct err *err);
#endif
