#ifndef STAGE0_IMAGE_H
#define STAGE0_IMAGE_H
#include "stage0/stage0.h"
/* What finding an app's image and finding a stage1 have in common. */

/*
 * Decision D1: who signed a stored image is asked anew whenever it is used. An
 * image counts as verified while the key that signed it is trusted for its
 * name, or when this very program names its hash (the default stage1). An OCI
 * image that was fetched unsigned counts while that is accepted for its name.
 */
bool image_is_verified(const struct engine *e, const struct image_info *image);

/* Does a key vouch for it, rather than that nobody need? Only then may it ask for more than others (D5). */
bool image_is_signed(const struct engine *e, const struct image_info *image);

/* An image that was named by its hash may have several names: puts one in front by which it is verified, if it can. */
void image_prefer_verified(const struct engine *e, struct image_info *image);

/* Refuses an image that is not verified, unless INSECURE_IMAGE is set; says why. */
int image_check_verified(const struct engine *e, const struct image_info *image, struct err *err);

/* In the store only, newest first, taking only images that may be used. -ERR_NOT_FOUND: none. */
int image_find_name(const struct engine *e, struct store *store, const char *name, const struct label *labels,
		    size_t n_labels, struct image_info *ret, struct err *err);

/*
 * As image_obtain(), without the images that it depends on. signature: a file, NULL: none is named. With one the image is
 * always fetched, so that it is this signature that was verified; -EINVAL where it can't be.
 */
int image_obtain_one(const struct engine *e, struct store *store, const char *text, const char *signature,
		     enum pull_policy policy, struct image_info *ret, struct err *err);

/* fetch_image() as the engine is set up. */
int image_fetch(const struct engine *e, struct store *store, const struct fetch_image *image,
		struct image_info *ret, struct err *err);
#endif
