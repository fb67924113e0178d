#ifndef IMAGE_OCI_ARCHIVE_H
#define IMAGE_OCI_ARCHIVE_H
#include "image/layout.h"
/*
 * A tar with images as a source: an OCI image layout, or what `docker save`
 * writes. Where it is both, as Docker writes it since version 25, the layout
 * counts, for that has the manifest as a registry would have it.
 */

/*
 * fd: the archive, a regular file that stays the caller's and open. scratch_fd: a file to read and write, where a
 * compressed archive is unpacked first; -1: such archives are refused. In an archive of Docker's the tag is a name,
 * "NAME[:TAG]", and there are no digests.
 */
int oci_archive_new(int fd, int scratch_fd, const struct layout_wish *wish, struct source **ret,
		    struct err *err);
#endif
