#include "stage0/run_args.h"

#include "base/log.h"
#include "pod/contract.h"

enum {	/* the first interface version that knows it */
	KNOWS_HOSTNAME = 2, KNOWS_DISABLE = 3, KNOWS_DNS = 4, KNOWS_IPC = 6, KNOWS_PROFILE = 7,
};
enum { LISTEN_FDS_MAX = 512 };

static void add_disabled(char ***args, unsigned insecure, int version)
{
	static const struct { unsigned bit; const char *arg; } table[] = {
		{ INSECURE_CAPABILITIES, "--disable-capabilities-restriction" },
		{ INSECURE_PATHS, "--disable-paths" },
		{ INSECURE_SECCOMP, "--disable-seccomp" },
	};

	if (version < KNOWS_DISABLE) {
		if (insecure & INSECURE_ALL_RUN)
			log_warn("--insecure-options for running are not supported by stage1");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (insecure & table[i].bit)
			strv_add(args, table[i].arg);
}

static void add_dns(char ***args, const struct dns_conf *dns, int version)
{
	if (str_eq(dns->resolv, "default") && str_eq(dns->hosts, "default"))
		return;
	if (version < KNOWS_DNS)
		log_warn("--dns-conf-mode option not supported by stage1");
	else
		strv_take(args, xasprintf("--dns-conf-mode=resolv=%s,hosts=%s", dns->resolv, dns->hosts));
}

char **run_args(const struct engine *e, const struct run_request *r, const struct dns_conf *dns, int version,
		const char *argv0, const char *uuid)
{
	char **args = NULL;

	strv_add(&args, argv0);
	if (e->debug)
		strv_add(&args, "--debug");
	strv_take(&args, xasprintf("--net=%s", r->net && *r->net ? r->net : "default"));
	if (r->interactive)
		strv_add(&args, "--interactive");
	if (e->local_config)
		strv_take(&args, xasprintf("--local-config=%s", e->local_config));
	if (r->hostname && *r->hostname) {
		if (version < KNOWS_HOSTNAME)
			log_warn("--hostname option is not supported by stage1");
		else
			strv_take(&args, xasprintf("--hostname=%s", r->hostname));
	}
	add_disabled(&args, e->insecure, version);
	add_dns(&args, dns, version);
	if (r->ipc && *r->ipc) {
		if (version < KNOWS_IPC)
			log_warn("--ipc option is not supported by stage1");
		else
			strv_take(&args, xasprintf("--ipc=%s", r->ipc));
	}
	if (version >= KNOWS_PROFILE)
		strv_take(&args, xasprintf("--security-profile=%s", profile_name(r->profile)));
	else if (r->profile != PROFILE_RKT)
		log_warn("--security-profile option is not supported by stage1");
	strv_add(&args, uuid);
	return args;
}

char **run_env(int lock_fd)
{
	static const char *const kept[] = { "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "TERM" };
	char **env = NULL;

	strv_take(&env, xasprintf(ENV_LOCK_FD "=%d", lock_fd));
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (getenv(kept[i]))
			strv_take(&env, xasprintf("%s=%s", kept[i], getenv(kept[i])));
	return env;
}

unsigned run_listen_fds(const char *fds, const char *pid, pid_t self)
{
	unsigned long long n, owner;

	if (!fds || !pid || str_to_u64(pid, INT32_MAX, &owner) < 0 || (pid_t)owner != self ||
	    str_to_u64(fds, LISTEN_FDS_MAX, &n) < 0)
		return 0;
	return (unsigned)n;
}
