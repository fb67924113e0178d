#ifndef OS_CAPS_H
#define OS_CAPS_H
#include <stdint.h>

#include "base/err.h"
/*
 * Capabilities, as a bit per CAP_* number. The kernel's numbers go up to 40
 * today; a name beyond what this was built with is told as unknown.
 */
typedef uint64_t caps_t;

#define CAPS_BIT(n) ((caps_t)1 << (n))

/* "CAP_NET_RAW" (any case, the prefix may be missing) → its number. -ERR_BAD_INPUT: no such capability. */
int caps_number(const char *name, int *ret, struct err *err);
const char *caps_name(int number);	/* "CAP_…", NULL: none of ours */

/* Adds every name of the list to *set. */
int caps_parse(char *const *names, caps_t *set, struct err *err);

/* What this process may hand on: its bounding set. */
int caps_bounding(caps_t *ret);

/* Cuts the bounding set to what is in keep and empties the ambient set. */
int caps_bound(caps_t keep);

/* Sets the permitted and effective sets; the inheritable one becomes empty. */
int caps_set(caps_t permitted, caps_t effective);
#endif
