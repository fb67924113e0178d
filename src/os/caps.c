#include "os/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define NAME(cap) [CAP_##cap] = "CAP_" #cap
static const char *const names[] = {
	NAME(CHOWN), NAME(DAC_OVERRIDE), NAME(DAC_READ_SEARCH), NAME(FOWNER), NAME(FSETID), NAME(KILL),
	NAME(SETGID), NAME(SETUID), NAME(SETPCAP), NAME(LINUX_IMMUTABLE), NAME(NET_BIND_SERVICE),
	NAME(NET_BROADCAST), NAME(NET_ADMIN), NAME(NET_RAW), NAME(IPC_LOCK), NAME(IPC_OWNER), NAME(SYS_MODULE),
	NAME(SYS_RAWIO), NAME(SYS_CHROOT), NAME(SYS_PTRACE), NAME(SYS_PACCT), NAME(SYS_ADMIN), NAME(SYS_BOOT),
	NAME(SYS_NICE), NAME(SYS_RESOURCE), NAME(SYS_TIME), NAME(SYS_TTY_CONFIG), NAME(MKNOD), NAME(LEASE),
	NAME(AUDIT_WRITE), NAME(AUDIT_CONTROL), NAME(SETFCAP), NAME(MAC_OVERRIDE), NAME(MAC_ADMIN), NAME(SYSLOG),
	NAME(WAKE_ALARM), NAME(BLOCK_SUSPEND), NAME(AUDIT_READ), NAME(PERFMON), NAME(BPF),
	NAME(CHECKPOINT_RESTORE),
};

enum { LAST_POSSIBLE = 63 };

int caps_number(const char *name, int *ret, struct err *err)
{
	const char *word = strncasecmp(name, "CAP_", 4) ? name : name + 4;

	for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
		if (names[i] && strcasecmp(names[i] + 4, word) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set(err, -ERR_BAD_INPUT, "unknown capability '%s'", name);
}

const char *caps_name(int number)
{
	return number >= 0 && number < (int)ARRAY_LEN(names) ? names[number] : NULL;
}

int caps_parse(char *const *list, caps_t *set, struct err *err)
{
	int n, r;

	for (; list && *list; list++) {
		r = caps_number(*list, &n, err);
		if (r < 0)
			return r;
		*set |= CAPS_BIT(n);
	}
	return 0;
}

int caps_bounding(caps_t *ret)
{
	*ret = 0;
	for (int i = 0; i <= LAST_POSSIBLE; i++) {
		int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

		if (has < 0)
			return errno == EINVAL && i ? 0 : -errno;	/* past the kernel's last one */
		if (has)
			*ret |= CAPS_BIT(i);
	}
	return 0;
}

int caps_bound(caps_t keep)
{
	for (int i = 0; i <= LAST_POSSIBLE; i++) {
		if (keep & CAPS_BIT(i))
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
			if (errno == EINVAL && i)
				break;
			return -errno;
		}
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int caps_set(caps_t permitted, caps_t effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .permitted = (uint32_t)permitted, .effective = (uint32_t)effective },
		{ .permitted = (uint32_t)(permitted >> 32), .effective = (uint32_t)(effective >> 32) },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
