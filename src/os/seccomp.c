#include "os/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <syscall_table.h>

#include "os/seccomp_sets.h"

enum {
	CALLS_MAX = 512,	/* numbers of calls are below */
	X32_BIT = 0x40000000,
	NAME_LEN = 64,
	JUMP_MAX = 255,		/* what a conditional jump reaches */
};

/* What a filter does with a call. From VERDICT_CHECK on the arguments decide: checks[]. */
enum verdict {
	VERDICT_OTHER,		/* what the filter does with calls that nobody named */
	VERDICT_ALLOW, VERDICT_EPERM, VERDICT_ENOSYS,
	VERDICT_CHECK,
	VERDICT_CLONE = VERDICT_CHECK, VERDICT_UNSHARE, VERDICT_IOCTL, VERDICT_PERSONALITY, VERDICT_SOCKET,
	VERDICTS,
};

#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))

struct policy {
	uint8_t calls[SECCOMP_ABIS][CALLS_MAX];
	uint32_t other;
	int newest[SECCOMP_ABIS];	/* calls numbered higher give ENOSYS; 0: they are like all others */
	caps_t caps;
};

/*
 * Ends with CHECK_ELSE. Arguments are 64 bits wide to the filter; the kernel
 * takes these as 32, so the upper half must not matter.
 */
enum check_op { CHECK_LOAD, CHECK_EQUAL, CHECK_UNEQUAL, CHECK_ANY, CHECK_EQUAL_WITH_CAP, CHECK_UNLESS_CAP, CHECK_ELSE };
struct check {
	enum check_op op;
	uint32_t k;		/* what it is compared to; CHECK_LOAD: which argument */
	uint32_t action;
	int cap;
};

#define NEW_NAMESPACES ((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
				   CLONE_NEWPID | CLONE_NEWNET))
/* CLONE_NEWTIME lies in the byte where clone() has its signal. */
static const struct check check_clone[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_ANY, NEW_NAMESPACES, ERRNO(EPERM) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
static const struct check check_unshare[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_ANY, NEW_NAMESPACES | 0x80 /* CLONE_NEWTIME */, ERRNO(EPERM) },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};
/* These type on, and read from, a terminal that may be somebody else's. */
static const struct check check_ioctl[] = {
	{ CHECK_LOAD, 1 },
	{ CHECK_EQUAL, 0x5412 /* TIOCSTI */, ERRNO(EPERM) },
	{ CHECK_EQUAL, 0x541C /* TIOCLINUX */, ERRNO(EPERM) },
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
	{ CHECK_ELSE, 0, ERRNO(EPERM) },
};
/* A family that is not named here (AF_ALG, AF_VSOCK, AF_KEY, AF_RDS …) is attack surface that no app misses. */
static const struct check check_socket[] = {
	{ CHECK_LOAD, 0 },
	{ CHECK_EQUAL, AF_UNIX, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, AF_INET, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL, AF_INET6, SECCOMP_RET_ALLOW },
	{ CHECK_EQUAL_WITH_CAP, AF_PACKET, SECCOMP_RET_ALLOW, CAP_NET_RAW },
	{ CHECK_UNEQUAL, AF_NETLINK, ERRNO(EAFNOSUPPORT) },
	{ CHECK_LOAD, 2 },
	{ CHECK_UNLESS_CAP, 9 /* NETLINK_AUDIT */, ERRNO(EPROTONOSUPPORT), CAP_AUDIT_WRITE },
	{ CHECK_ELSE, 0, SECCOMP_RET_ALLOW },
};

static const struct check *const checks[VERDICTS] = {
	[VERDICT_CLONE] = check_clone, [VERDICT_UNSHARE] = check_unshare, [VERDICT_IOCTL] = check_ioctl,
	[VERDICT_PERSONALITY] = check_personality, [VERDICT_SOCKET] = check_socket,
};

static const struct { const char *call; enum verdict verdict; } hardened_checks[] = {
	{ "clone", VERDICT_CLONE }, { "unshare", VERDICT_UNSHARE }, { "ioctl", VERDICT_IOCTL },
	{ "personality", VERDICT_PERSONALITY }, { "socket", VERDICT_SOCKET }, { "socketpair", VERDICT_SOCKET },
};

/* --- names --------------------------------------------------------------- */

static int table_find(const char *name, size_t len, size_t *ret)
{
	size_t lo = 0, hi = ARRAY_LEN(syscall_table);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const char *at = syscall_names + syscall_table[mid].name;
		int order = strncmp(at, name, len);

		if (!order && at[len])
			order = 1;
		if (!order) {
			*ret = mid;
			return 0;
		}
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -ERR_NOT_FOUND;
}

int seccomp_number(const char *name, enum seccomp_abi abi, int *ret)
{
	size_t i;
	int r = table_find(name, strlen(name), &i);

	if (r < 0)
		return r;
	*ret = syscall_table[i].number[abi];
	return 0;
}

const char *seccomp_call_name(size_t i)
{
	return i < ARRAY_LEN(syscall_table) ? syscall_names + syscall_table[i].name : NULL;
}

int seccomp_errno(const char *name, int *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(errno_table); i++) {
		if (str_eq(errno_names + errno_table[i].name, name)) {
			*ret = errno_table[i].number[0];
			return 0;
		}
	}
	return -EINVAL;
}

uint32_t seccomp_audit_arch(enum seccomp_abi abi)
{
	return abi == SECCOMP_X86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386;
}

/* --- policy -------------------------------------------------------------- */

static int policy_set(struct policy *p, const char *name, size_t len, enum verdict verdict)
{
	size_t i;
	int r = table_find(name, len, &i);

	if (r < 0)
		return r;
	for (int abi = 0; abi < SECCOMP_ABIS; abi++) {
		int n = syscall_table[i].number[abi];

		if (n >= 0 && n < CALLS_MAX)
			p->calls[abi][n] = (uint8_t)verdict;
	}
	return 0;
}

/* One of our own lists. What no ABI of this machine has is passed over. */
static void policy_set_list(struct policy *p, const char *list, enum verdict verdict)
{
	while (*list) {
		size_t len = strcspn(list, " ");

		(void)policy_set(p, list, len, verdict);
		list += len + (list[len] == ' ');
	}
}

static void policy_hardened(struct policy *p)
{
	p->other = ERRNO(ENOSYS);
	policy_set_list(p, seccomp_set_dangerous, VERDICT_EPERM);
	policy_set_list(p, seccomp_set_hardened, VERDICT_ALLOW);
	for (size_t i = 0; i < ARRAY_LEN(hardened_checks); i++)
		policy_set_list(p, hardened_checks[i].call, hardened_checks[i].verdict);
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
	*ret = ERRNO((uint32_t)number);
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
	for (int abi = 0; abi < SECCOMP_ABIS; abi++) {
		for (int n = 0; n < CALLS_MAX; n++) {
			uint8_t v = base.calls[abi][n];
			enum verdict unnamed = q->profile == SECCOMP_HARDENED ? VERDICT_ENOSYS : VERDICT_ALLOW;

			p->calls[abi][n] = v == VERDICT_OTHER ? (uint8_t)unnamed : v;
		}
		p->newest[abi] = CALLS_MAX - 1;
	}
	p->other = action;
	return policy_names(p, q->names, VERDICT_OTHER, err);
}

/* --- code ---------------------------------------------------------------- */

struct code {
	struct seccomp_insn *insns;
	size_t n, room;
};

static void emit(struct code *c, uint16_t code, uint32_t k, size_t jt, size_t jf)
{
	if (c->n == c->room) {
		c->room = c->room ? 2 * c->room : 256;
		c->insns = xreallocarray(c->insns, c->room, sizeof(*c->insns));
	}
	c->insns[c->n++] = (struct seccomp_insn){ code, (uint8_t)jt, (uint8_t)jf, k };
}

static void emit_return(struct code *c, uint32_t action) { emit(c, BPF_RET | BPF_K, action, 0, 0); }
static void emit_load(struct code *c, size_t at) { emit(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0); }

static void emit_check(struct code *c, const struct check *check, caps_t caps)
{
	for (; check->op != CHECK_ELSE; check++) {
		bool has = caps & CAPS_BIT(check->cap);

		switch (check->op) {
		case CHECK_LOAD:
			/* The low half: the machine is little-endian. */
			emit_load(c, offsetof(struct seccomp_data, args) + check->k * sizeof(uint64_t));
			continue;
		case CHECK_EQUAL_WITH_CAP:
			if (!has)
				continue;
			break;
		case CHECK_UNLESS_CAP:
			if (has)
				continue;
			break;
		default:
			break;
		}
		if (check->op == CHECK_ANY)
			emit(c, BPF_JMP | BPF_JSET | BPF_K, check->k, 0, 1);
		else if (check->op == CHECK_UNEQUAL)
			emit(c, BPF_JMP | BPF_JEQ | BPF_K, check->k, 1, 0);
		else
			emit(c, BPF_JMP | BPF_JEQ | BPF_K, check->k, 0, 1);
		emit_return(c, check->action);
	}
	emit_return(c, check->action);
}

static void emit_verdict(struct code *c, const struct policy *p, enum verdict v)
{
	static const uint32_t actions[] = {
		[VERDICT_ALLOW] = SECCOMP_RET_ALLOW, [VERDICT_EPERM] = ERRNO(EPERM), [VERDICT_ENOSYS] = ERRNO(ENOSYS),
	};

	if (v >= VERDICT_CHECK)
		emit_check(c, checks[v], p->caps);
	else
		emit_return(c, v == VERDICT_OTHER ? p->other : actions[v]);
}

/* Calls first to the next one's first - 1 share a verdict. */
struct range {
	uint32_t first;
	uint8_t verdict;
};

/* Halves the ranges; the lower half comes first, so every jump goes forward over it. */
static void emit_tree(struct code *c, const struct policy *p, const struct range *ranges, size_t n)
{
	size_t at, len, half = n / 2;

	if (n == 1) {
		emit_verdict(c, p, ranges[0].verdict);
		return;
	}
	at = c->n;
	emit(c, BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0, 0);
	emit_tree(c, p, ranges, half);
	len = c->n - at - 1;
	if (len <= JUMP_MAX) {
		c->insns[at].jt = (uint8_t)len;
	} else {
		emit(c, 0, 0, 0, 0);	/* room for a jump that reaches far */
		memmove(&c->insns[at + 2], &c->insns[at + 1], len * sizeof(*c->insns));
		c->insns[at].jf = 1;
		c->insns[at + 1] = (struct seccomp_insn){ BPF_JMP | BPF_JA, 0, 0, (uint32_t)len };
	}
	emit_tree(c, p, ranges + half, n - half);
}

static void emit_abi(struct code *c, const struct policy *p, enum seccomp_abi abi)
{
	struct range ranges[CALLS_MAX + 1];
	uint32_t beyond = p->newest[abi] ? (uint32_t)p->newest[abi] + 1 : CALLS_MAX;
	size_t n = 0;

	for (uint32_t i = 0; i < CALLS_MAX; i++) {
		uint8_t v = p->calls[abi][i];

		if (i >= beyond && v == VERDICT_OTHER)
			v = VERDICT_ENOSYS;
		if (!n || ranges[n - 1].verdict != v)
			ranges[n++] = (struct range){ i, v };
	}
	ranges[n++] = (struct range){ CALLS_MAX, p->newest[abi] ? VERDICT_ENOSYS : VERDICT_OTHER };
	emit_tree(c, p, ranges, n);
}

static void emit_filter(struct code *c, const struct policy *p)
{
	struct code other = {};

	emit_abi(&other, p, SECCOMP_I386);
	emit_load(c, offsetof(struct seccomp_data, arch));
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 2);
	emit_load(c, offsetof(struct seccomp_data, nr));
	emit(c, BPF_JMP | BPF_JA, 4, 0, 0);	/* over what follows, to the i386 tree; set below */
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit_return(c, SECCOMP_RET_KILL_PROCESS);
	emit_load(c, offsetof(struct seccomp_data, nr));
	emit(c, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	emit_return(c, SECCOMP_RET_KILL_PROCESS);
	emit_abi(c, p, SECCOMP_X86_64);
	c->insns[3].k = (uint32_t)(c->n - 4);
	for (size_t i = 0; i < other.n; i++)
		emit(c, other.insns[i].code, other.insns[i].k, other.insns[i].jt, other.insns[i].jf);
	free(other.insns);
}

int seccomp_compile(const struct seccomp_request *q, struct seccomp_filter *ret, struct err *err)
{
	struct policy p = { .caps = q->caps };
	struct code c = {};
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
	if (r < 0)
		return r;
	emit_filter(&c, &p);
	if (c.n > BPF_MAXINSNS) {
		free(c.insns);
		return err_set(err, -E2BIG, "a seccomp set makes too long a filter");
	}
	*ret = (struct seccomp_filter){ c.insns, c.n };
	return 0;
}

void seccomp_clear(struct seccomp_filter *f)
{
	free(f->insns);
	*f = (struct seccomp_filter){};
}

int seccomp_apply(const struct seccomp_filter *f)
{
	struct sock_fprog program = { .len = (unsigned short)f->n, .filter = (struct sock_filter *)f->insns };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
