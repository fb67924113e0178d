#ifndef STORE_NAMES_H
#define STORE_NAMES_H
#include "store/layout.h"
/*
 * Images by their names: cas/name/NAME/KEY, where "/" of the name is written as
 * ",". The links only say where to look; what counts is the facts.
 */

/* The directory of a name below cas; the caller frees it. -ERR_BAD_INPUT: no image name, or too long a one. */
int names_path(const char *name, char **ret, struct err *err);

int names_add(struct store *s, const char *name, const char *key, struct err *err);

/* Missing is fine. Takes the name's directory away with its last link. */
int names_remove(struct store *s, const char *name, const char *key);
#endif
