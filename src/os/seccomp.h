#ifndef OS_SECCOMP_H
#define OS_SECCOMP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "os/caps.h"
/*
 * System call filters, compiled by ourselves in some ten microseconds: a
 * binary search over the call's number for each of the machine's ABIs. The x32
 * ABI, which no app needs, always ends the process.
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

struct seccomp_insn {			/* struct sock_filter */
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct seccomp_filter {
	struct seccomp_insn *insns;
	size_t n;			/* 0: no filter at all was asked for */
};

/* A name that is no call, no errno or no wildcard is -ERR_BAD_INPUT. */
int seccomp_compile(const struct seccomp_request *request, struct seccomp_filter *ret, struct err *err);
void seccomp_clear(struct seccomp_filter *f);

/* Puts the filter on the calling thread; needs no_new_privs or CAP_SYS_ADMIN. */
int seccomp_apply(const struct seccomp_filter *f);

/* The ABIs a filter knows. */
enum seccomp_abi { SECCOMP_X86_64, SECCOMP_I386, SECCOMP_ABIS };
uint32_t seccomp_audit_arch(enum seccomp_abi abi);

/* Number of a call, -1: the ABI has none of that name. -ERR_NOT_FOUND: nobody has. */
int seccomp_number(const char *name, enum seccomp_abi abi, int *ret);

/* Walks the table: the name at index i, NULL past the end. */
const char *seccomp_call_name(size_t i);

/* "EPERM" → 1. -EINVAL: no such errno. */
int seccomp_errno(const char *name, int *ret);
#endif
