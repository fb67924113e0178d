#ifndef IMAGE_LAYOUT_H
#define IMAGE_LAYOUT_H
#include "image/pieces.h"
/*
 * An OCI image layout as a source: index.json names the images, the annotation
 * "org.opencontainers.image.ref.name" is a tag. Docker and containerd, which
 * write only the tag there, say the whole name beside it; it is found too, in
 * any form ("busybox", "docker.io/library/busybox:latest").
 */

/* What is wanted of it. Neither: the only image that there is. With a digest the tag does not count. */
struct layout_wish {
	const char *tag, *digest;
};

/*
 * rkt-fetch can open no file of its own, so it asks: path is "oci-layout", "index.json" or "blobs/ALG/HEX".
 * -ERR_NOT_FOUND. By several threads, once blobs are read.
 */
typedef int layout_open(void *arg, const char *path, int *ret_fd, struct err *err);

struct source *layout_new(layout_open *open, void *arg, const struct layout_wish *wish);

/* The same in files of any kind, which are the source's from here on. */
struct source *layout_in(struct pieces *files, const struct layout_wish *wish);
#endif
