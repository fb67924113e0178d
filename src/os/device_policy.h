#ifndef OS_DEVICE_POLICY_H
#define OS_DEVICE_POLICY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
/*
 * Which device nodes the processes of a control group may make and open: those
 * that every program may have (null, zero, full, random, urandom, tty, console,
 * ptmx and the pseudo-terminals), and the rules given. cgroup2 has it as a BPF
 * program, v1 as lines of its "devices" controller.
 */
struct device_rule {
	bool block, write;		/* readable always */
	uint32_t major, minor;
};

struct bpf_code { uint64_t insn; };	/* struct bpf_insn */

/* The program for cgroup2; the caller frees it. */
struct bpf_code *device_policy_program(const struct device_rule *rules, size_t n, size_t *ret_len);

/* Puts it on the group behind the fd, besides what its ancestors have. */
int device_policy_attach(int cgroup2_fd, const struct device_rule *rules, size_t n, struct err *err);

/* The same for a v1 group of the "devices" controller. */
int device_policy_write(int devices_fd, const struct device_rule *rules, size_t n, struct err *err);
#endif
