#ifndef STORE_USAGE_H
#define STORE_USAGE_H
#include <stdint.h>
/*
 * What a file or directory takes on disk with all that is below it, added to *size, as du(1) counts it. A file of
 * several names counts its part for each. Fails with -errno.
 */
int usage_add(int dir_fd, const char *name, int64_t *size);
#endif
