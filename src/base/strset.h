#ifndef BASE_STRSET_H
#define BASE_STRSET_H
#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
/* A set of strings, large ones too: filled first, then asked. Zeroed is empty. */
struct strset {
	char **list;
	size_t n, room;
	bool sorted;
};

void strset_add(struct strset *set, const char *s);	/* copies s */
void strset_take(struct strset *set, char *s);		/* owns s from here on */
bool strset_has(struct strset *set, const char *s);	/* sorts what was added since */
void strset_clear(struct strset *set);
static inline void strset_clear_auto(struct strset *set) { strset_clear(set); }
#endif
