#ifndef IMAGE_DOCKER_ARCHIVE_H
#define IMAGE_DOCKER_ARCHIVE_H
#include "image/tar_index.h"
/*
 * What `docker save`, podman, skopeo and others write as "docker-archive": a
 * tar with manifest.json, which lists images, each by its names, a
 * configuration and layers. There is no manifest as registries have it, so
 * one is made: the same bytes for the same image every time. A layer that is
 * not compressed has its diff ID as digest and is verified as it is read.
 */

/*
 * tag: "NAME[:TAG]" in any form that means a name of the archive; NULL: the only image that there is. Takes the
 * tar over.
 */
struct source *docker_archive_new(struct tar_index *tar, const char *tag);
#endif
