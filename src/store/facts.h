#ifndef STORE_FACTS_H
#define STORE_FACTS_H
#include "store/layout.h"
/* What is known of an image: one JSON file per image, cas/image/KEY; its mtime is when it was last used. */

/*
 * -ERR_NOT_FOUND: no such image. -ERR_BAD_INPUT: the file makes no sense. Who
 * verified the image is believed only to a file of root's or our own.
 */
int facts_load(struct store *s, const char *key, struct image_info *ret, struct err *err);

/* Puts the file in place, whole and lasting; used now. */
int facts_save(struct store *s, const struct image_info *info, struct err *err);

/* The same, but it was used when info says. */
int facts_amend(struct store *s, const struct image_info *info, struct err *err);

/*
 * The same for an image that was just imported: with times, and of an image that is already there what the
 * caller does not know.
 */
int facts_add(struct store *s, struct image_info *info, struct err *err);

/* Takes the file away, which is the end of the image. -ERR_NOT_FOUND. */
int facts_remove(struct store *s, const char *key, struct err *err);

/* Do they make sense? key: of the image they are said to be of, NULL: of any. */
int facts_check(const struct image_info *i, const char *key, struct err *err);

/* The keys of the blobs that the image consists of, each once: never NULL. */
char **image_blobs(const struct image_info *info);

/* A full copy. */
struct image_info image_info_copy(const struct image_info *info);
#endif
