#include "os/device_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/mem.h"

#define ANY_MINOR UINT32_MAX

static const struct { uint32_t major, minor; } common[] = {
	{ 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 },	/* null, zero, full, random, urandom */
	{ 5, 0 }, { 5, 1 }, { 5, 2 },				/* tty, console, ptmx */
	{ 136, ANY_MINOR },					/* pseudo-terminals */
};

enum { INSNS_START = 6, INSNS_RULE = 6, INSNS_END = 2 };

static struct bpf_code insn(uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	struct bpf_insn i = { .code = code, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = off, .imm = imm };
	struct bpf_code out;

	_Static_assert(sizeof(i) == sizeof(out), "an instruction has eight bytes");
	memcpy(&out, &i, sizeof(out));
	return out;
}

/* r2: block or char, r3: access asked for, r4: major, r5: minor. A rule that fits ends with 1, "allowed". */
static size_t emit_rule(struct bpf_code *p, const struct device_rule *rule)
{
	bool any_minor = rule->minor == ANY_MINOR;
	uint8_t denied = rule->write ? 0 : BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
	int16_t left = (int16_t)(2 + (any_minor ? 0 : 1) + (denied ? 1 : 0));
	size_t n = 0;

	p[n++] = insn(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, (int16_t)(left + 1),
		      rule->block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	p[n++] = insn(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, left--, (int32_t)rule->major);
	if (!any_minor)
		p[n++] = insn(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, left--, (int32_t)rule->minor);
	if (denied)
		p[n++] = insn(BPF_JMP | BPF_JSET | BPF_K, BPF_REG_3, 0, left, denied);
	p[n++] = insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
	p[n++] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return n;
}

struct bpf_code *device_policy_program(const struct device_rule *rules, size_t n, size_t *ret_len)
{
	struct bpf_code *p = xcalloc(INSNS_START + INSNS_END + INSNS_RULE * (n + ARRAY_LEN(common)), sizeof(*p));
	size_t at = 0;

	p[at++] = insn(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1,
		       offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	p[at++] = insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	p[at++] = insn(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	p[at++] = insn(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	p[at++] = insn(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	p[at++] = insn(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		at += emit_rule(p + at, &(struct device_rule){ false, true, common[i].major, common[i].minor });
	for (size_t i = 0; i < n; i++)
		at += emit_rule(p + at, &rules[i]);
	p[at++] = insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	p[at++] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	*ret_len = at;
	return p;
}

int device_policy_attach(int cgroup2_fd, const struct device_rule *rules, size_t n, struct err *err)
{
	size_t len;
	AUTO(free) struct bpf_code *program = device_policy_program(rules, n, &len);
	AUTO(close) int fd = -1;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = (uint32_t)len;
	attr.license = (uintptr_t)"Apache-2.0";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return err_sys(err, -errno, "cannot load the device policy");
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup2_fd;
	attr.attach_bpf_fd = (uint32_t)fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0)
		return err_sys(err, -errno, "cannot attach the device policy");
	return 0;
}

static int write_line(int dir_fd, const char *file, const char *line, struct err *err)
{
	AUTO(close) int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		return err_sys(err, -errno, "cannot write '%s' to the cgroup's '%s'", line, file);
	return 0;
}

int device_policy_write(int devices_fd, const struct device_rule *rules, size_t n, struct err *err)
{
	char line[64];
	int r = write_line(devices_fd, "devices.deny", "a", err);

	for (size_t i = 0; i < ARRAY_LEN(common) && r >= 0; i++) {
		if (common[i].minor == ANY_MINOR)
			snprintf(line, sizeof(line), "c %u:* rwm", common[i].major);
		else
			snprintf(line, sizeof(line), "c %u:%u rwm", common[i].major, common[i].minor);
		r = write_line(devices_fd, "devices.allow", line, err);
	}
	for (size_t i = 0; i < n && r >= 0; i++) {
		snprintf(line, sizeof(line), "%c %u:%u %s", rules[i].block ? 'b' : 'c', rules[i].major, rules[i].minor,
			 rules[i].write ? "rwm" : "r");
		r = write_line(devices_fd, "devices.allow", line, err);
	}
	return r;
}
