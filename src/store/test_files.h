#ifndef STORE_TEST_FILES_H
#define STORE_TEST_FILES_H
#include <stddef.h>
#include <sys/types.h>
/* For tests: what the kernel makes of an index, and whether two directories hold the same files. */

/*
 * Mounts the index with its archives, detached. -1: this machine cannot, which is said (no root, no EROFS, or
 * none from a file of this file system).
 */
int test_mount_index(int index_fd, const int *archive_fds, size_t n);

/*
 * Fails the test at the first difference: names, kinds, modes, owners, sizes, times to the nanosecond, contents,
 * texts of links, attributes, numbers of links, and which names are one file.
 */
void test_same_files(int a_fd, int b_fd);

/* Has the file below dir_fd that very attribute? */
void test_attribute(int dir_fd, const char *path, const char *name, const void *value, size_t len);
#endif
