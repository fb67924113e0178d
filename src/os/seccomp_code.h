#ifndef OS_SECCOMP_CODE_H
#define OS_SECCOMP_CODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "os/caps.h"
/*
 * System call filters, compiled by ourselves in some ten microseconds: a
 * binary search over the call's number for each of the machine's ABIs. The x32
 * ABI, which nobody needs, always ends the process. What the filters of apps
 * hold is in os/seccomp.h, those of our own programs are made by os/confine.h.
 */
struct seccomp_insn {			/* struct sock_filter */
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct seccomp_filter {
	struct seccomp_insn *insns;
	size_t n;			/* 0: no filter at all was asked for */
};

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

/* --- what a filter is made of ------------------------------------------------ */

enum {
	SECCOMP_CALLS_MAX = 512,	/* numbers of calls are below */
	SECCOMP_CHECKS_MAX = 16,
};

enum verdict {
	VERDICT_OTHER,		/* what the filter does with calls that nobody named */
	VERDICT_ALLOW, VERDICT_EPERM, VERDICT_ENOSYS, VERDICT_KILL,
	VERDICT_CHECK,		/* and up: checks[verdict - VERDICT_CHECK] looks at the arguments */
};

#define SECCOMP_ERRNO(e) (SECCOMP_RET_ERRNO | (e))

/*
 * A row looks at the argument that was loaded last, and returns its action or goes on with the next one.
 * Arguments are 64 bits wide to the filter; the kernel takes these as 32, so the upper half must not matter.
 */
enum check_op {
	CHECK_LOAD,		/* k: which argument */
	CHECK_MASK,		/* keeps the bits of k alone */
	CHECK_EQUAL, CHECK_UNEQUAL,
	CHECK_ANY,		/* any bit of k */
	CHECK_EQUAL_WITH_CAP, CHECK_UNLESS_CAP,
	CHECK_ELSE,		/* the last row */
};
struct check {
	enum check_op op;
	uint32_t k;
	uint32_t action;
	int cap;
};

struct policy {
	uint8_t calls[SECCOMP_ABIS][SECCOMP_CALLS_MAX];	/* verdicts */
	uint32_t other;
	int newest[SECCOMP_ABIS];	/* calls numbered higher give ENOSYS; 0: they are like all others */
	caps_t caps;
	const struct check *checks[SECCOMP_CHECKS_MAX];
	size_t n_checks;
	bool native_only;		/* the 32-bit ABI ends the process */
};

/* len: the name may be followed by more. -ERR_NOT_FOUND: no ABI has such a call. */
int policy_set(struct policy *p, const char *name, size_t len, enum verdict verdict);

/* Names divided by one space. What no ABI of this machine has is passed over. */
void policy_set_list(struct policy *p, const char *list, enum verdict verdict);
void policy_check_list(struct policy *p, const char *list, const struct check *check);

/* -E2BIG: longer than a filter may be. */
int policy_compile(const struct policy *p, struct seccomp_filter *ret, struct err *err);
#endif
