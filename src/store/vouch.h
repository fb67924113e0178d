#ifndef STORE_VOUCH_H
#define STORE_VOUCH_H
#include "store/layout.h"
/*
 * What root vouches for: of each image that root added, its facts and its
 * manifest as root found them, below the data directory in vouched/KEY and
 * vouched/KEY.manifest.
 *
 * The directory lies beside cas, where members of the group rkt may neither
 * write nor rename, so what it holds is root's word, whatever happens to the
 * files below cas. Everybody who may read the store may read it. What was
 * unpacked of an image and when it was used is not noted here, since that
 * changes without anybody vouching for anything.
 */

/*
 * -ERR_NOT_FOUND: root says nothing of the image, or not so that it counts.
 * -ERR_BAD_INPUT: what is there makes no sense. ret is the caller's to clear.
 */
int vouch_load(struct store *s, const char *key, struct image_info *ret, struct err *err);

/* The image's manifest in root's words; the caller frees it. -ERR_NOT_FOUND: there is none. */
int vouch_manifest(struct store *s, const char *key, char **ret, size_t *ret_len, struct err *err);

/*
 * Root's alone to call, after the image is there: what root says last is the
 * first to go when the image does. manifest: NULL to leave it as it is. Lasting
 * when it returns; killed on the way, what root said before stands.
 */
int vouch_save(struct store *s, const struct image_info *info, const char *manifest, size_t len, struct err *err);

/* Before the image goes; lasting. Missing is fine, and so is that it is not ours to remove. */
int vouch_remove(struct store *s, const char *key, struct err *err);

/* Calls each() for every file there. Nothing is there for others than root. */
int vouch_each(struct store *s, int (*each)(void *arg, int dir_fd, const char *name), void *arg);

/* Of which image's key is a file of that name? The caller frees it; NULL: of none. */
char *vouch_key(const char *file);
#endif
