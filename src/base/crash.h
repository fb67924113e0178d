#ifndef BASE_CRASH_H
#define BASE_CRASH_H
/*
 * Named points at which a test build dies as if power or patience had run out:
 * RKT_CRASH_AT=NAME. Only built with -Dcrash_points=true; otherwise nothing.
 */
#ifdef CRASH_POINTS
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"

static inline void crash_at(const char *name)
{
	if (str_eq(getenv("RKT_CRASH_AT"), name))
		kill(getpid(), SIGKILL);
}
#else
static inline void crash_at(const char *name) { (void)name; }
#endif
#endif
