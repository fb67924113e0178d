#ifndef SPEC_CHECK_H
#define SPEC_CHECK_H
#include "spec/image.h"

/* Checks that image and pod manifests share. */

/* Some name that stands twice in a list of structs that begin with "char *name". NULL: there is none. */
const char *name_twice(const void *items, size_t n, size_t size);

int labels_check(const struct label *labels, size_t n, struct err *err);
int annotations_check(const struct label *annotations, size_t n, struct err *err);
int isolators_check(const struct isolator *list, size_t n, struct err *err);
int port_check(const struct port *port, struct err *err);

/* Absolute and no longer than the kernel takes; what names the path in the error. */
int path_check(const char *path, const char *what, struct err *err);
#endif
