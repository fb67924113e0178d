#ifndef STORE_COMPARE_H
#define STORE_COMPARE_H
#include "base/err.h"
/*
 * Are two trees the same? Names, kinds, modes, owners, sizes, contents, link
 * targets, which names are one file, and the attributes that an image may
 * set; not the times (inventory 4.3). -ERR_BAD_INPUT names the first
 * difference of the tree at is_fd from the one at should_fd.
 */
int compare_trees(int is_fd, int should_fd, struct err *err);
#endif
