#ifndef IMAGE_LAYERS_H
#define IMAGE_LAYERS_H
#include "image/source.h"
#include "image/talk.h"
/*
 * The second half of the conversation about an OCI image: rkt's commands, one per
 * layer, each carried out by two threads. One downloads, the other decompresses
 * what has come yet. As many may be under way as the limit parallel-downloads says.
 */
/*
 * Takes image's layers over. Returns 0 after "done". The first failure ends it, and then threads may still be at work
 * with talk and source, which therefore have to stay until the process ends. They say nothing any more, and
 * the pipes of layers that are not done stay open: their readers must not take a failure for the end.
 */
int layers_serve(struct talk *talk, struct source *source, struct oci_document *image, struct err *err);
#endif
