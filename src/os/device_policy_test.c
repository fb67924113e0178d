#include "os/device_policy.h"

#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum access { READ = BPF_DEVCG_ACC_READ, WRITE = BPF_DEVCG_ACC_WRITE, MKNOD = BPF_DEVCG_ACC_MKNOD };
enum type { BLOCK = BPF_DEVCG_DEV_BLOCK, CHAR = BPF_DEVCG_DEV_CHAR };

/* What the kernel would do: the few instructions that the program is made of. */
static bool run(const struct bpf_code *code, size_t len, enum type type, unsigned access, uint32_t major, uint32_t minor)
{
	const struct bpf_cgroup_dev_ctx context = { .access_type = access << 16 | type, .major = major, .minor = minor };
	uint64_t r[11] = {};

	for (size_t pc = 0; pc < len; pc++) {
		struct bpf_insn i;
		uint32_t word;

		memcpy(&i, &code[pc], sizeof(i));
		switch (i.code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i.src_reg, BPF_REG_1);
			assert_true(i.off >= 0 && (size_t)i.off + 4 <= sizeof(context));
			memcpy(&word, (const char *)&context + i.off, 4);
			r[i.dst_reg] = word;
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			r[i.dst_reg] = r[i.src_reg];
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[i.dst_reg] = (uint64_t)i.imm;
			continue;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			r[i.dst_reg] >>= i.imm;
			continue;
		case BPF_ALU64 | BPF_AND | BPF_K:
			r[i.dst_reg] &= (uint64_t)i.imm;
			continue;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += r[i.dst_reg] != (uint64_t)i.imm ? (size_t)i.off : 0;
			continue;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += r[i.dst_reg] & (uint64_t)i.imm ? (size_t)i.off : 0;
			continue;
		case BPF_JMP | BPF_EXIT:
			return r[0];
		default:
			fail_msg("instruction %#x at %zu", i.code, pc);
		}
	}
	fail_msg("ran off the end");
	return false;
}

static void test_program(void **state)
{
	static const struct device_rule rules[] = { { true, false, 8, 16 }, { false, true, 10, 200 } };
	size_t len;
	AUTO(free) struct bpf_code *code = device_policy_program(rules, ARRAY_LEN(rules), &len);
	static const struct { enum type type; unsigned access; uint32_t major, minor; bool allowed; } cases[] = {
		{ CHAR, READ | WRITE, 1, 3, true },
		{ CHAR, MKNOD, 1, 3, true },
		{ CHAR, READ | WRITE, 1, 1, false },	/* mem */
		{ CHAR, READ, 1, 4, false },		/* port */
		{ CHAR, READ, 1, 11, false },		/* kmsg */
		{ CHAR, READ | WRITE, 5, 2, true },
		{ CHAR, READ | WRITE, 136, 0, true },
		{ CHAR, READ | WRITE, 136, 4000, true },
		{ CHAR, READ, 4, 1, false },
		{ BLOCK, READ, 1, 3, false },
		{ BLOCK, MKNOD, 254, 0, false },
		{ BLOCK, READ, 8, 16, true },
		{ BLOCK, READ | WRITE, 8, 16, false },
		{ BLOCK, MKNOD, 8, 16, false },
		{ CHAR, READ, 8, 16, false },
		{ BLOCK, READ, 8, 0, false },
		{ CHAR, READ | WRITE, 10, 200, true },
		{ CHAR, READ, 10, 201, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (run(code, len, cases[i].type, cases[i].access, cases[i].major, cases[i].minor) != cases[i].allowed)
			fail_msg("case %zu: %u:%u", i, cases[i].major, cases[i].minor);
}

static void test_without_rules(void **state)
{
	size_t len;
	AUTO(free) struct bpf_code *code = device_policy_program(NULL, 0, &len);

	assert_true(run(code, len, CHAR, READ, 1, 9));
	assert_false(run(code, len, BLOCK, READ, 8, 16));
}

static void test_failure_is_told(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	assert_true(device_policy_write(-1, NULL, 0, &err) < 0);
	text = err_text(&err);
	assert_non_null(strstr(text, "cannot write 'a' to the cgroup's 'devices.deny'"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_without_rules),
		cmocka_unit_test(test_failure_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
