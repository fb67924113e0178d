#ifndef IMAGE_OCI_CLIENT_H
#define IMAGE_OCI_CLIENT_H
#include "image/fetch.h"
#include "store/store.h"
/*
 * OCI and Docker images: rkt's side of the conversation in image/wire.h. rkt-fetch
 * resolves, downloads and verifies; rkt decides which layers it lacks, sees to it
 * that each is downloaded by one process only, and publishes a layer when what
 * rkt-unpack hashed is its diff ID.
 *
 * Layers are published one by one, the image last. What a killed fetch leaves
 * is gone on with by the next, or swept.
 */

/* As fetch_image(), for the kinds that it does not know: a registry, a layout, an archive. */
int fetch_oci(const struct fetch_config *config, struct store *store, const struct fetch_image *image,
	      struct image_info *ret, struct err *err);
#endif
