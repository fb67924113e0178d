#include "os/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "os/seccomp_code.h"
#include "os/seccomp_sets.h"

#define NEW_NAMESPACES ((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
				   CLONE_NEWPID | CLONE_NEWNET))
/* CLONE_NEWTIME lies in the byte where clone() has its signal. */
static const struct check check_clone[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_ANY, NEW_NAMESPACES, SECCOMP_ERRNO(EPERM) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
static const struct check check_unshare[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_ANY, NEW_NAMESPACES | 0x80 /* CLONE_NEWTIME */, SECCOMP_ERRNO(EPERM) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
/* These type on, and read from, a terminal that may be somebody else's. */
static const struct check check_ioctl[] = {
	{ CHECK_LOAD, 1 },
	{ CHECK_EQUAL, 0x5412 /* TIOCSTI */, SECCOMP_ERRNO(EPERM) },
	{ CHECK_EQUAL, 0x541C /* TIOCLINUX */, SECCOMP_ERRNO(EPERM) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
/* PER_LINUX and PER_LINUX32, with or without UNAME26, and asking. Others weaken address randomisation. */
static const struct check check_personality[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_EQUAL, 0, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, 0x8, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, 0x20000, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, 0x20008, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, 0xffffffff, SECCOMP_RET_ALLOW },
	{ CHECK_ELSE, 0, SECCOMP_ERRNO(EPERM) },
};
/* A family that is not named here (AF_ALG, AF_VSOCK, AF_KEY, AF_RDS …) is attack surface that no app misses. */
static const struct check check_socket[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_EQUAL, AF_UNIX, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, AF_INET, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, AF_INET6, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL_WITH_CAP, AF_PACKET, SECCOMP_RET_ALLOW, CAP_NET_RAW },
	{ CHECK_UNEQUAL, AF_NETLINK, SECCOMP_ERRNO(EAFNOSUPPORT) },
	{ CHECK_LOAD, 2 },
	{ CHECK_UNLESS_CAP, 9 /* NETLINK_AUDIT */, SECCOMP_ERRNO(EPROTONOSUPPORT), CAP_AUDIT_WRITE },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};

static const struct { const char *call; const struct check *check; } hardened_checks[] = {
	{ "clone", check_clone }, { "unshare", check_unshare }, { "ioctl", check_ioctl },
	{ "personality", check_personality }, { "socket", check_socket }, { "socketpair", check_socket },
};

static void policy_hardened(struct policy *p)
{
	p->other = SECCOMP_ERRNO(ENOSYS);
	policy_set_list(p, seccomp_set_dangerous, VERDICT_EPERM);
	policy_set_list(p, seccomp_set_hardened, VERDICT_ALLOW);
	for (size_t i = 0; i < ARRAY_LEN(hardened_checks); i++)
		policy_check_list(p, hardened_checks[i].call, hardened_checks[i].check);
	for (const struct seccomp_cap_set *s = seccomp_cap_sets; s->calls; s++)
		if (p->caps & CAPS_BIT(s->cap))
			policy_set_list(p, s->calls, VERDICT_ALLOW);
}

static void policy_rkt(struct policy *p)
{
	p->other = SECCOMP_RET_KILL_PROCESS;
	/* pkey_free: the last call of Linux 4.9, the kernel of that list's time. */
	(void)seccomp_number("pkey_free", SECCOMP_X86_64, &p->newest[SECCOMP_X86_64]);
	(void)seccomp_number("pkey_free", SECCOMP_I386, &p->newest[SECCOMP_I386]);
	policy_set_list(p, seccomp_set_rkt_whitelist, VERDICT_ALLOW);
	policy_set_list(p, seccomp_set_needed, VERDICT_ALLOW);
}

static void policy_default(struct policy *p, enum seccomp_profile profile)
{
	if (profile == SECCOMP_HARDENED)
		policy_hardened(p);
	else
		policy_rkt(p);
}

static int outside_action(const char *errno_name, uint32_t *ret, struct err *err)
{
	int number;

	*ret = SECCOMP_RET_KILL_PROCESS;
	if (!errno_name)
		return 0;
	if (seccomp_errno(errno_name, &number) < 0)
		return err_set(err, -ERR_BAD_INPUT, "unknown errno '%s' of a seccomp set", errno_name);
	*ret = SECCOMP_ERRNO((uint32_t)number);
	return 0;
}

static int policy_names(struct policy *p, char *const *names, enum verdict verdict, struct err *err)
{
	for (; names && *names; names++) {
		const char *calls = seccomp_wildcard(*names);

		if (calls)
			policy_set_list(p, calls, verdict);
		else if (**names == '@')
			return err_set(err, -ERR_BAD_INPUT, "unknown seccomp wildcard '%s'", *names);
		else if (policy_set(p, *names, strlen(*names), verdict) < 0)
			return err_set(err, -ERR_BAD_INPUT, "unknown system call '%s' in a seccomp set", *names);
	}
	return 0;
}

static int policy_retain(struct policy *p, const struct seccomp_request *q, struct err *err)
{
	int r = outside_action(q->errno_name, &p->other, err);

	if (r < 0)
		return r;
	policy_set_list(p, seccomp_set_needed, VERDICT_ALLOW);
	return policy_names(p, q->names, VERDICT_ALLOW, err);
}

/* Calls of a remove set have an action of their own, which takes VERDICT_OTHER: what else there is moves away from it. */
static int policy_remove(struct policy *p, const struct seccomp_request *q, struct err *err)
{
	struct policy base = { .caps = p->caps };
	uint32_t action;
	int r = outside_action(q->errno_name, &action, err);

	if (r < 0)
		return r;
	if (q->profile == SECCOMP_HARDENED)
		policy_hardened(&base);
	memcpy(p->checks, base.checks, sizeof(p->checks));
	p->n_checks = base.n_checks;
	for (int abi = 0; abi < SECCOMP_ABIS; abi++) {
		for (int n = 0; n < SECCOMP_CALLS_MAX; n++) {
			uint8_t v = base.calls[abi][n];
			enum verdict unnamed = q->profile == SECCOMP_HARDENED ? VERDICT_ENOSYS : VERDICT_ALLOW;

			p->calls[abi][n] = v == VERDICT_OTHER ? (uint8_t)unnamed : v;
		}
		p->newest[abi] = SECCOMP_CALLS_MAX - 1;
	}
	p->other = action;
	return policy_names(p, q->names, VERDICT_OTHER, err);
}

int seccomp_compile(const struct seccomp_request *q, struct seccomp_filter *ret, struct err *err)
{
	struct policy p = { .caps = q->caps };
	int r = 0;

	*ret = (struct seccomp_filter){};
	if (q->mode == SECCOMP_RETAIN && strv_has(q->names, "@appc.io/all"))
		return 0;
	if (q->mode == SECCOMP_DEFAULT || (q->mode == SECCOMP_REMOVE && strv_has(q->names, "@appc.io/empty")))
		policy_default(&p, q->profile);
	else if (q->mode == SECCOMP_RETAIN)
		r = policy_retain(&p, q, err);
	else
		r = policy_remove(&p, q, err);
	return r < 0 ? r : policy_compile(&p, ret, err);
}
