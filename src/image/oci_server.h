#ifndef IMAGE_OCI_SERVER_H
#define IMAGE_OCI_SERVER_H
#include "image/wire.h"
/*
 * What rkt-fetch does for an OCI image, wherever it comes from (docs/devel/images.md): finds the manifest for the
 * machine, verifies digests and signatures, tells the documents, and then gets the layers that rkt asks for, each
 * downloaded and decompressed at the same time (image/layers.h).
 */

/* The actions of these names. After a failure the process must end. */
int oci_serve_registry(int control_fd, const struct wire_request *request, struct err *err);
int oci_serve_layout(int control_fd, const struct wire_request *request, struct err *err);
int oci_serve_archive(int control_fd, const struct wire_request *request, struct err *err);
#endif
