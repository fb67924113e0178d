#ifndef IMAGE_SEARCH_H
#define IMAGE_SEARCH_H
#include "image/session.h"
/*
 * Meta discovery (image/discovery.h) over the network: asks the pages of the
 * request's name, from the name itself up to its host, until one has something
 * to offer.
 */

/* One place where image and signature may lie. */
struct endpoint { char *image, *signature; };

/* All of that page that can be filled in, in the page's order. -ERR_NOT_FOUND: there are none, and why. */
int search_images(struct session *s, struct endpoint **ret, size_t *ret_n, struct err *err);
void endpoints_free(struct endpoint *list, size_t n);

/* The URLs of keys, a strv. -ERR_NOT_FOUND. */
int search_keys(struct session *s, char ***ret, struct err *err);
#endif
