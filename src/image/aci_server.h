#ifndef IMAGE_ACI_SERVER_H
#define IMAGE_ACI_SERVER_H
#include "image/session.h"
/*
 * What rkt-fetch does for an ACI: gets it and its signature into
 * WIRE_FD_DOWNLOAD, verifies exactly those bytes, and only then decompresses
 * them into WIRE_FD_STREAM. Answers "image", or "unchanged" where the request
 * told what rkt has already.
 */
int aci_serve_name(struct session *s, struct err *err);
int aci_serve_url(struct session *s, struct err *err);
int aci_serve_file(struct session *s, struct err *err);
#endif
