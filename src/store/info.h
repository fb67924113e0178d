#ifndef STORE_INFO_H
#define STORE_INFO_H
#include "store/layout.h"
/* What is known of an image, as a struct and as the text of a file. */

/* Do they make sense? key: of the image they are said to be of, NULL: of any. */
int facts_check(const struct image_info *i, const char *key, struct err *err);

/* The keys of the blobs that the image consists of, each once: never NULL. */
char **image_blobs(const struct image_info *info);

/* One file of them, by itself: times and who wrote it are not looked at. Codes as for facts_load(). */
int facts_parse(int fd, const char *key, struct image_info *ret, struct err *err);
char *facts_format(const struct image_info *info);	/* the caller frees it */

/*
 * Names, by number: 0 is the one in front, by which the image is known in struct image_info itself, then the others.
 * find: the one that like is by, which of an ACI is its only one; -1: there is none. swap: that one comes to the front, in exchange. drop: it goes, and
 * it is not the only one. add: what is known of the image by of's name becomes a further one, copied; of very many the
 * oldest goes.
 */
int image_name_find(const struct image_info *i, const struct image_info *like);
void image_name_swap(struct image_info *i, int name);
void image_name_drop(struct image_info *i, int name);
void image_name_add(struct image_info *i, const struct image_info *of);

/* A full copy. */
struct image_info image_info_copy(const struct image_info *info);
#endif
