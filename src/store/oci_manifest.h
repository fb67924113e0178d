#ifndef STORE_OCI_MANIFEST_H
#define STORE_OCI_MANIFEST_H
#include "store/layout.h"
/*
 * The manifest of an OCI image in appc's words, made anew of its two documents,
 * which are found to have the hashes that info names: by ID, digest and
 * configuration digest. Its layers must be info's.
 *
 * Only what the documents do not say is taken from claimed, the manifest that
 * somebody made before: the name, the version, and where the image came from.
 * -ERR_BAD_INPUT: something of that does not fit together.
 */
int oci_manifest_make(struct store *s, int unpack_exe_fd, const struct image_info *info, const char *claimed,
		      struct image_manifest *ret, struct err *err);

/* The same as text, for an image that is stored. */
int oci_manifest_text(struct store *s, int unpack_exe_fd, const struct image_info *info, char **ret, struct err *err);
#endif
