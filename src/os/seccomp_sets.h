#ifndef OS_SECCOMP_SETS_H
#define OS_SECCOMP_SETS_H
#include <stddef.h>
/* Which calls the profiles and wildcards hold: names divided by one space, so that they cost no relocation. */

/* What a program needs to be started, to run and to end; part of every retain set. */
extern const char seccomp_set_needed[];

extern const char seccomp_set_hardened[], seccomp_set_dangerous[];
extern const char seccomp_set_rkt_whitelist[], seccomp_set_rkt_blacklist[];

/* Calls that are of no use without a capability: allowed to apps that have it. */
struct seccomp_cap_set {
	int cap;
	const char *calls;
};
extern const struct seccomp_cap_set seccomp_cap_sets[];	/* ends with NULL calls */

/* The calls of "@group/name"; NULL: no such wildcard. */
const char *seccomp_wildcard(const char *name);
#endif
