#ifndef OS_SECCOMP_H
#define OS_SECCOMP_H
#include "os/caps.h"
#include "os/seccomp_code.h"
/*
 * The system call filters of apps.
 *
 * The profiles:
 *   hardened  an allow-list; what is dangerous gives EPERM, what we do not know ENOSYS. A capability of the app
 *             allows again the calls that are of no use without it.
 *   rkt       the list of rkt 1.30; another call ends the process with SIGSYS. Calls younger than that list give
 *             ENOSYS, as the kernels of its time did, or no program built today would start.
 *
 * A retain set allows its own calls and nothing else but what every program needs to start and to end. A remove set
 * takes its calls from what is allowed otherwise: in the hardened profile from that, in the rkt profile, as rkt does,
 * from everything.
 */
enum seccomp_profile { SECCOMP_HARDENED, SECCOMP_RKT };
enum seccomp_mode { SECCOMP_DEFAULT, SECCOMP_RETAIN, SECCOMP_REMOVE };

struct seccomp_request {
	enum seccomp_profile profile;
	enum seccomp_mode mode;
	char *const *names;		/* calls and @wildcards of the set */
	const char *errno_name;		/* what a call outside the set gives; NULL: SIGSYS */
	caps_t caps;			/* of the app */
};

/* A name that is no call, no errno or no wildcard is -ERR_BAD_INPUT. */
int seccomp_compile(const struct seccomp_request *request, struct seccomp_filter *ret, struct err *err);
#endif
