#ifndef IMAGE_KIND_H
#define IMAGE_KIND_H
#include <stddef.h>

#include "base/err.h"
/*
 * Of what kind is a file that somebody calls an image? An ACI has members
 * "manifest" and "rootfs/…" and no others, so the first member tells.
 */
enum { KIND_HEAD = 256 << 10 };
#define KIND_ACI	"aci"
#define KIND_ARCHIVE	"archive"	/* of an OCI layout, or as `docker save` writes it */

/* By the beginning of the plain tar, up to KIND_HEAD bytes. NULL: of none that we know. */
const char *kind_of_head(const char *head, size_t len);

/* By a file, compressed or not, which is read from its start. -ERR_BAD_INPUT: no image. */
int kind_of_file(int fd, const char **ret, struct err *err);
#endif
