#include "os/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define KILL SECCOMP_RET_KILL_PROCESS
#define ALLOW SECCOMP_RET_ALLOW
#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))

/* What the kernel would do: the classic BPF that filters use, and nothing more. */
static uint32_t run(const struct seccomp_filter *f, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < f->n; pc++) {
		const struct seccomp_insn *i = &f->insns[pc];
		bool yes = false;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k % 4 == 0 && i->k < sizeof(*data));
			memcpy(&a, (const char *)data + i->k, 4);
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a & i->k;
			break;
		default:
			fail_msg("instruction %#x at %zu", i->code, pc);
		}
		pc += yes ? i->jt : i->jf;
	}
	fail_msg("ran off the end");
	return 0;
}

static uint32_t call(const struct seccomp_filter *f, enum seccomp_abi abi, const char *name, uint64_t a0, uint64_t a1,
		     uint64_t a2)
{
	struct seccomp_data data = { .arch = seccomp_audit_arch(abi), .args = { a0, a1, a2 } };

	assert_int_equal(seccomp_number(name, abi, &data.nr), 0);
	assert_true(data.nr >= 0);
	return run(f, &data);
}

static struct seccomp_filter compile(struct seccomp_request q)
{
	struct seccomp_filter f;

	assert_int_equal(seccomp_compile(&q, &f, NULL), 0);
	return f;
}

#define expect(name, a0, a1, a2, want) assert_int_equal(call(&f, SECCOMP_X86_64, name, a0, a1, a2), want)
#define expect32(name, a0, a1, a2, want) assert_int_equal(call(&f, SECCOMP_I386, name, a0, a1, a2), want)

static void test_hardened(void **state)
{
	struct seccomp_filter f = compile((struct seccomp_request){});

	expect("read", 0, 0, 0, ALLOW);
	expect("execve", 0, 0, 0, ALLOW);
	expect("fchmodat2", 0, 0, 0, ALLOW);
	expect("mount", 0, 0, 0, ERRNO(EPERM));
	expect("ptrace", 0, 0, 0, ERRNO(EPERM));
	expect("keyctl", 0, 0, 0, ERRNO(EPERM));
	expect("chroot", 0, 0, 0, ERRNO(EPERM));
	expect("io_uring_setup", 0, 0, 0, ERRNO(ENOSYS));
	expect("clone3", 0, 0, 0, ERRNO(ENOSYS));
	expect32("read", 0, 0, 0, ALLOW);
	expect32("clock_gettime64", 0, 0, 0, ALLOW);
	expect32("mount", 0, 0, 0, ERRNO(EPERM));
	expect32("socketcall", 1, 0, 0, ERRNO(ENOSYS));
	seccomp_clear(&f);
}

static void test_arguments(void **state)
{
	struct seccomp_filter f = compile((struct seccomp_request){});
	const uint64_t high = 1ull << 32;

	expect("clone", 17, 0, 0, ALLOW);
	expect("clone", 0x10000000 | 17, 0, 0, ERRNO(EPERM));
	expect("clone", high | 0x10000000, 0, 0, ERRNO(EPERM));
	expect("clone", 0x80, 0, 0, ALLOW);
	expect("unshare", 0x400, 0, 0, ALLOW);
	expect("unshare", 0x20000, 0, 0, ERRNO(EPERM));
	expect("unshare", 0x80, 0, 0, ERRNO(EPERM));
	expect("ioctl", 0, 0x5401, 0, ALLOW);
	expect("ioctl", 0, 0x5412, 0, ERRNO(EPERM));
	expect("ioctl", 0, high | 0x5412, 0, ERRNO(EPERM));
	expect("ioctl", 0, 0x541c, 0, ERRNO(EPERM));
	expect("personality", 0, 0, 0, ALLOW);
	expect("personality", 0xffffffff, 0, 0, ALLOW);
	expect("personality", 0x40000, 0, 0, ERRNO(EPERM));
	expect("personality", 0x48, 0, 0, ERRNO(EPERM));
	expect("socket", 1, 1, 0, ALLOW);
	expect("socket", 10, 1, 0, ALLOW);
	expect("socket", 16, 3, 0, ALLOW);
	expect("socket", 16, 3, 9, ERRNO(EPROTONOSUPPORT));
	expect("socket", 17, 3, 0, ERRNO(EAFNOSUPPORT));
	expect("socket", 38, 5, 0, ERRNO(EAFNOSUPPORT));
	expect("socket", high | 40, 1, 0, ERRNO(EAFNOSUPPORT));
	expect("socketpair", 30, 1, 0, ERRNO(EAFNOSUPPORT));
	expect32("clone", 0x20000, 0, 0, ERRNO(EPERM));
	expect32("socket", 38, 5, 0, ERRNO(EAFNOSUPPORT));
	expect32("ioctl", 0, 0x5412, 0, ERRNO(EPERM));
	seccomp_clear(&f);
}

static void test_capabilities_allow_again(void **state)
{
	struct seccomp_filter f = compile((struct seccomp_request){
		.caps = CAPS_BIT(CAP_SYS_ADMIN) | CAPS_BIT(CAP_NET_RAW) | CAPS_BIT(CAP_AUDIT_WRITE) |
			CAPS_BIT(CAP_SYS_CHROOT) });

	expect("mount", 0, 0, 0, ALLOW);
	expect("unshare", 0x10000000, 0, 0, ALLOW);
	expect("clone3", 0, 0, 0, ALLOW);
	expect("chroot", 0, 0, 0, ALLOW);
	expect("socket", 17, 3, 0, ALLOW);
	expect("socket", 16, 3, 9, ALLOW);
	expect("socket", 38, 5, 0, ERRNO(EAFNOSUPPORT));
	expect("ptrace", 0, 0, 0, ERRNO(EPERM));
	expect("ioctl", 0, 0x5412, 0, ERRNO(EPERM));
	seccomp_clear(&f);
}

static void test_foreign_abis_die(void **state)
{
	struct seccomp_filter f = compile((struct seccomp_request){});
	struct seccomp_data x32 = { .arch = AUDIT_ARCH_X86_64, .nr = 0x40000000 };
	struct seccomp_data arm = { .arch = AUDIT_ARCH_AARCH64, .nr = 0 };
	struct seccomp_data minus = { .arch = AUDIT_ARCH_X86_64, .nr = -1 };
	struct seccomp_data beyond = { .arch = AUDIT_ARCH_X86_64, .nr = 600 };

	assert_int_equal(run(&f, &x32), KILL);
	assert_int_equal(run(&f, &arm), KILL);
	assert_int_equal(run(&f, &minus), KILL);
	assert_int_equal(run(&f, &beyond), ERRNO(ENOSYS));
	seccomp_clear(&f);
}

static void test_rkt_profile(void **state)
{
	struct seccomp_filter f = compile((struct seccomp_request){ .profile = SECCOMP_RKT });

	expect("read", 0, 0, 0, ALLOW);
	expect("chroot", 0, 0, 0, ALLOW);
	expect("socket", 38, 5, 0, ALLOW);
	expect("mount", 0, 0, 0, KILL);
	expect("ptrace", 0, 0, 0, KILL);
	expect("statx", 0, 0, 0, ERRNO(ENOSYS));
	expect("clone3", 0, 0, 0, ERRNO(ENOSYS));
	expect("rseq", 0, 0, 0, ALLOW);
	expect32("mount", 0, 0, 0, KILL);
	expect32("socketcall", 0, 0, 0, ALLOW);
	seccomp_clear(&f);
}

static void test_retain(void **state)
{
	char *names[] = { (char *)"read", (char *)"@systemd/clock", NULL };
	struct seccomp_filter f = compile((struct seccomp_request){ .mode = SECCOMP_RETAIN, .names = names });

	expect("read", 0, 0, 0, ALLOW);
	expect("settimeofday", 0, 0, 0, ALLOW);
	expect("exit_group", 0, 0, 0, ALLOW);
	expect("write", 0, 0, 0, KILL);
	expect("clone3", 0, 0, 0, KILL);
	seccomp_clear(&f);

	f = compile((struct seccomp_request){ .mode = SECCOMP_RETAIN, .names = names, .errno_name = "EACCES" });
	expect("write", 0, 0, 0, ERRNO(EACCES));
	seccomp_clear(&f);
}

static void test_remove(void **state)
{
	char *names[] = { (char *)"chmod", (char *)"fchmodat", NULL };
	struct seccomp_filter f = compile((struct seccomp_request){
		.mode = SECCOMP_REMOVE, .names = names, .errno_name = "EPERM" });

	expect("chmod", 0, 0, 0, ERRNO(EPERM));
	expect("read", 0, 0, 0, ALLOW);
	expect("mount", 0, 0, 0, ERRNO(EPERM));
	expect("io_uring_setup", 0, 0, 0, ERRNO(ENOSYS));
	expect("socket", 38, 5, 0, ERRNO(EAFNOSUPPORT));
	seccomp_clear(&f);

	f = compile((struct seccomp_request){ .profile = SECCOMP_RKT, .mode = SECCOMP_REMOVE, .names = names });
	expect("chmod", 0, 0, 0, KILL);
	expect32("chmod", 0, 0, 0, KILL);
	expect("mount", 0, 0, 0, ALLOW);
	seccomp_clear(&f);
}

static void test_no_filter_and_default(void **state)
{
	char *all[] = { (char *)"@appc.io/all", NULL }, *empty[] = { (char *)"@appc.io/empty", NULL };
	struct seccomp_filter f = compile((struct seccomp_request){ .mode = SECCOMP_RETAIN, .names = all });

	assert_int_equal(f.n, 0);
	f = compile((struct seccomp_request){ .mode = SECCOMP_REMOVE, .names = empty });
	expect("mount", 0, 0, 0, ERRNO(EPERM));
	expect("read", 0, 0, 0, ALLOW);
	seccomp_clear(&f);
}

static void expect_error(struct seccomp_request q, const char *words)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	struct seccomp_filter f;

	assert_int_equal(seccomp_compile(&q, &f, &err), -ERR_BAD_INPUT);
	text = err_text(&err);
	assert_string_equal(text, words);
	assert_int_equal(f.n, 0);
}

static void test_unknown_names(void **state)
{
	char *call_name[] = { (char *)"reed", NULL }, *wildcard[] = { (char *)"@no/such", NULL };
	char *all[] = { (char *)"@appc.io/all", NULL };

	expect_error((struct seccomp_request){ .mode = SECCOMP_RETAIN, .names = call_name },
		     "unknown system call 'reed' in a seccomp set");
	expect_error((struct seccomp_request){ .mode = SECCOMP_REMOVE, .names = wildcard },
		     "unknown seccomp wildcard '@no/such'");
	expect_error((struct seccomp_request){ .mode = SECCOMP_REMOVE, .names = all },
		     "unknown seccomp wildcard '@appc.io/all'");
	expect_error((struct seccomp_request){ .mode = SECCOMP_RETAIN, .names = call_name, .errno_name = "EWHAT" },
		     "unknown errno 'EWHAT' of a seccomp set");
}

/* Every name that both know has the number that libseccomp gives it. */
static void test_numbers_agree_with_libseccomp(void **state)
{
	static const uint32_t arches[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86 };
	int compared = 0;

	for (size_t i = 0; seccomp_call_name(i); i++) {
		for (int abi = 0; abi < SECCOMP_ABIS; abi++) {
			const char *name = seccomp_call_name(i);
			int theirs = seccomp_syscall_resolve_name_arch(arches[abi], name), ours;

			assert_int_equal(seccomp_number(name, (enum seccomp_abi)abi, &ours), 0);
			/* Below zero it only stands for the name: an ABI without it, or a call that it rewrites. */
			if (theirs < 0)
				continue;
			if (theirs != ours)
				fail_msg("%s of abi %d: %d, libseccomp has %d", name, abi, ours, theirs);
			compared++;
		}
	}
	assert_true(compared > 700);
}

/* Every number of every profile gives the same verdict as a walk over the lists would, whatever the tree looks like. */
static void test_whole_range(void **state)
{
	char *names[] = { (char *)"read", (char *)"getpid", (char *)"statx", (char *)"clone3", NULL };
	struct seccomp_filter f = compile((struct seccomp_request){
		.mode = SECCOMP_RETAIN, .names = names, .errno_name = "ENOENT" });
	int allowed = 0;

	for (int nr = 0; nr < 700; nr++) {
		struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64, .nr = nr };
		uint32_t action = run(&f, &data);

		assert_true(action == ALLOW || action == ERRNO(ENOENT));
		allowed += action == ALLOW;
	}
	/* The needed calls that x86-64 has, and these four of which getpid is needed already. */
	assert_in_range(allowed, 35, 60);
	expect("read", 0, 0, 0, ALLOW);
	expect("statx", 0, 0, 0, ALLOW);
	expect("clone3", 0, 0, 0, ALLOW);
	expect("fork", 0, 0, 0, ERRNO(ENOENT));
	seccomp_clear(&f);
}

static void test_errnos(void **state)
{
	int n = 0;

	assert_int_equal(seccomp_errno("EPERM", &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(seccomp_errno("EWOULDBLOCK", &n), 0);
	assert_int_equal(n, EAGAIN);
	assert_int_equal(seccomp_errno("eperm", &n), -EINVAL);
	assert_int_equal(seccomp_errno("1", &n), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hardened),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_capabilities_allow_again),
		cmocka_unit_test(test_foreign_abis_die),
		cmocka_unit_test(test_rkt_profile),
		cmocka_unit_test(test_retain),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_no_filter_and_default),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_numbers_agree_with_libseccomp),
		cmocka_unit_test(test_whole_range),
		cmocka_unit_test(test_errnos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
