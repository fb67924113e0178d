#ifndef STORE_TEST_PLACE_H
#define STORE_TEST_PLACE_H
#include "store/store.h"
/* For tests: a store of its own for each, and rkt-unpack to fill it. */
struct place {
	char *path;
	struct store *store;
	int unpack_fd;
};

/* Setup and teardown for cmocka; *state is the place. */
int place_make(void **state);
int place_drop(void **state);

/* How many entries a directory below the place has, "." names aside; -1: there is no such directory. */
int place_count(const struct place *p, const char *path);
#endif
