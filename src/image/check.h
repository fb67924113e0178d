#ifndef IMAGE_CHECK_H
#define IMAGE_CHECK_H
#include "spec/image.h"

/* Is a fetched image what was asked for (inventory 2.6.11)? Signed by the right hand it may still be another one. */

/* The name, and each label asked for. */
int image_check_asked(const struct image_manifest *m, const char *name, const struct label *labels, size_t n,
		      struct err *err);
#endif
