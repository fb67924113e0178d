#ifndef IMAGE_REGISTRY_H
#define IMAGE_REGISTRY_H
#include "image/source.h"
#include "image/talk.h"
/*
 * An image of a registry (image/endpoint.h), or of a mirror that is asked before it.
 *
 * Mirrors are asked in their order and then the registry, for each document and blob anew: one that is not there or
 * fails is passed over. What a digest names is held against it, wherever it came from. What a tag names is for the
 * first to say that has it, which is what mirrors are configured for. Signatures are looked for at each of them, as one
 * may have what another lacks; that the registry itself has none must be known.
 *
 * The places that a layer's "urls" name are never asked (CVE-2020-15157).
 */

/* request->oci says which; request and talk are the caller's. */
int registry_new(const struct wire_request *request, struct talk *talk, struct source **ret, struct err *err);
#endif
