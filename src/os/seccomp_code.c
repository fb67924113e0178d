#include "os/seccomp_code.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include <syscall_table.h>

enum {
	X32_BIT = 0x40000000,
	JUMP_MAX = 255,		/* what a conditional jump reaches */
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

int policy_set(struct policy *p, const char *name, size_t len, enum verdict verdict)
{
	size_t i;
	int r = table_find(name, len, &i);

	if (r < 0)
		return r;
	for (int abi = 0; abi < SECCOMP_ABIS; abi++) {
		int n = syscall_table[i].number[abi];

		if (n >= 0 && n < SECCOMP_CALLS_MAX)
			p->calls[abi][n] = (uint8_t)verdict;
	}
	return 0;
}

void policy_set_list(struct policy *p, const char *list, enum verdict verdict)
{
	while (*list) {
		size_t len = strcspn(list, " ");

		(void)policy_set(p, list, len, verdict);
		list += len + (list[len] == ' ');
	}
}

void policy_check_list(struct policy *p, const char *list, const struct check *check)
{
	assert(p->n_checks < SECCOMP_CHECKS_MAX);
	p->checks[p->n_checks] = check;
	policy_set_list(p, list, (enum verdict)(VERDICT_CHECK + p->n_checks));
	p->n_checks++;
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
		case CHECK_MASK:
			emit(c, BPF_ALU | BPF_AND | BPF_K, check->k, 0, 0);
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

static void emit_verdict(struct code *c, const struct policy *p, unsigned v)
{
	static const uint32_t actions[] = {
		[VERDICT_ALLOW] = SECCOMP_RET_ALLOW, [VERDICT_EPERM] = SECCOMP_ERRNO(EPERM),
		[VERDICT_ENOSYS] = SECCOMP_ERRNO(ENOSYS), [VERDICT_KILL] = SECCOMP_RET_KILL_PROCESS,
	};

	if (v >= VERDICT_CHECK)
		emit_check(c, p->checks[v - VERDICT_CHECK], p->caps);
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
	struct range ranges[SECCOMP_CALLS_MAX + 1] = {};
	uint32_t beyond = p->newest[abi] ? (uint32_t)p->newest[abi] + 1 : SECCOMP_CALLS_MAX;
	size_t n = 0;

	for (uint32_t i = 0; i < SECCOMP_CALLS_MAX; i++) {
		uint8_t v = p->calls[abi][i];

		if (i >= beyond && v == VERDICT_OTHER)
			v = VERDICT_ENOSYS;
		if (!n || ranges[n - 1].verdict != v)
			ranges[n++] = (struct range){ i, v };
	}
	ranges[n++] = (struct range){ SECCOMP_CALLS_MAX, p->newest[abi] ? VERDICT_ENOSYS : VERDICT_OTHER };
	emit_tree(c, p, ranges, n);
}

/* Both trees expect the call's number to be loaded. */
static void emit_filter(struct code *c, const struct policy *p)
{
	struct code other = {};

	if (p->native_only)
		emit_return(&other, SECCOMP_RET_KILL_PROCESS);
	else
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

int policy_compile(const struct policy *p, struct seccomp_filter *ret, struct err *err)
{
	struct code c = {};

	emit_filter(&c, p);
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
