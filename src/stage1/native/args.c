#include "stage1/native/args.h"

#include <string.h>

#include "base/opt.h"

enum { HOSTNAME_MAX_LEN = 64 };

#define AT(member) offsetof(struct run_args, member)
static const struct opt run_opts[] = {
	{ "debug", 0, OPT_FLAG, AT(debug), NULL, "tell more" },
	{ "net", 0, OPT_STRING, AT(net), "none|host", "network of the pod", "none", "default" },
	{ "interactive", 0, OPT_FLAG, AT(interactive), NULL, "give the app a terminal" },
	{ "private-users", 0, OPT_STRING, AT(private_users), "SHIFT:COUNT", "user namespace" },
	{ "mds-token", 0, OPT_STRING, AT(mds_token), "TOKEN", "for the metadata service" },
	{ "local-config", 0, OPT_STRING, AT(local_config), "DIR", "configuration" },
	{ "hostname", 0, OPT_STRING, AT(hostname), "NAME", "of the pod" },
	{ "disable-capabilities-restriction", 0, OPT_FLAG, AT(disable_caps), NULL, "keep all capabilities" },
	{ "disable-paths", 0, OPT_FLAG, AT(disable_paths), NULL, "neither hide nor protect paths" },
	{ "disable-seccomp", 0, OPT_FLAG, AT(disable_seccomp), NULL, "no filter of system calls" },
	{ "dns-conf-mode", 0, OPT_STRING, AT(dns), "resolv=MODE,hosts=MODE", "where these files come from" },
	{ "mutable", 0, OPT_FLAG, AT(is_mutable), NULL, "apps come and go" },
	{ "ipc", 0, OPT_STRING, AT(ipc), "auto|private|parent", "IPC namespace", "auto" },
	{ "security-profile", 0, OPT_STRING, AT(profile), "hardened|rkt", "set of defaults", "hardened" },
	{}
};
#undef AT

#define AT(member) offsetof(struct enter_args, member)
static const struct opt enter_opts[] = {
	{ "pid", 0, OPT_STRING, AT(pid), "PID", "of the pod" },
	{ "appname", 0, OPT_STRING, AT(app), "NAME", "app to enter" },
	{}
};
#undef AT

#define AT(member) offsetof(struct pod_args, member)
static const struct opt pod_opts[] = {
	{ "debug", 0, OPT_FLAG, AT(debug), NULL, "tell more" },
	{ "force", 0, OPT_FLAG, AT(force), NULL, "kill it" },
	{ "local-config", 0, OPT_STRING, AT(local_config), "DIR", "configuration" },
	{}
};
#undef AT

/* Takes the options from the front and returns what is left, which points into argv. */
static int take_options(const struct opt *opts, void *args, char *const *argv, char *const **ret_rest, struct err *err)
{
	const struct opt *const tables[] = { opts, NULL };
	const struct opt_set set = { tables, args };

	opt_defaults(&set);
	for (argv++; *argv;) {
		int n = opt_take(&set, 1, argv, err);

		if (n < 0)
			return n;
		if (!n)
			break;
		argv += n;
	}
	if (*argv && str_eq(*argv, "--"))
		argv++;
	*ret_rest = argv;
	return 0;
}

bool uuid_ok(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == 'x' ? !s[i] || !strchr("0123456789abcdef", s[i]) : s[i] != form[i])
			return false;
	return true;
}

static int take_uuid(char *const *rest, const char **ret, struct err *err)
{
	if (strv_len(rest) != 1)
		return err_set(err, -ERR_USAGE, "stage1 wants exactly one UUID");
	if (!uuid_ok(*rest))
		return err_set(err, -ERR_USAGE, "'%s' is not the UUID of a pod", *rest);
	*ret = *rest;
	return 0;
}

static int choose(const char *option, const char *value, const char *const *words, int *ret, struct err *err)
{
	for (int i = 0; words[i]; i++) {
		if (str_eq(words[i], value)) {
			*ret = i;
			return 0;
		}
	}
	return err_set(err, -ERR_USAGE, "invalid value '%s' for --%s", value, option);
}

static int read_dns(struct run_args *a, struct err *err)
{
	static const char *const modes[] = {
		[DNS_DEFAULT] = "default", [DNS_HOST] = "host", [DNS_STAGE0] = "stage0", [DNS_NONE] = "none", NULL,
	};
	AUTO(strv_free) char **parts = strv_split(a->dns ? a->dns : "", ',');
	int mode = 0, r;

	for (char **part = parts; *part; part++) {
		bool resolv = str_starts(*part, "resolv="), hosts = str_starts(*part, "hosts=");

		if (!resolv && !hosts)
			return err_set(err, -ERR_USAGE, "invalid value '%s' for --dns-conf-mode", a->dns);
		r = choose("dns-conf-mode", strchr(*part, '=') + 1, modes, &mode, err);
		if (r < 0)
			return r;
		if (resolv)
			a->resolv = (enum dns_mode)mode;
		else
			a->hosts = (enum dns_mode)mode;
	}
	return 0;
}

static bool hostname_ok(const char *s)
{
	static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";

	return *s && strlen(s) <= HOSTNAME_MAX_LEN && !s[strspn(s, ok)];
}

static bool given(const char *s) { return s && *s; }

static int check_run(struct run_args *a, struct err *err)
{
	static const char *const nets[] = { "none", "host", NULL };
	static const char *const ipcs[] = { "auto", "private", "parent", NULL };
	static const char *const profiles[] = { "rkt", "hardened", NULL };
	int net, ipc, profile, r;

	if (choose("net", a->net, nets, &net, NULL) < 0)
		return err_set(err, -ERR_USAGE, "network '%s' is not supported by this stage1, only none and host are",
			       a->net);
	r = choose("ipc", a->ipc, ipcs, &ipc, err);
	if (r >= 0)
		r = choose("security-profile", a->profile, profiles, &profile, err);
	if (r >= 0)
		r = read_dns(a, err);
	if (r < 0)
		return r;
	a->net_host = net == 1;
	a->ipc_parent = ipc == 2;
	a->hardened = profile == 1;
	if (given(a->private_users))
		return err_set(err, -ERR_USAGE, "user namespaces are not supported by this stage1");
	if (a->is_mutable)
		return err_set(err, -ERR_USAGE, "stage1 does not support mutable pods");
	if (given(a->mds_token))
		return err_set(err, -ERR_USAGE, "the metadata service is not supported by this stage1");
	if (given(a->hostname) && !hostname_ok(a->hostname))
		return err_set(err, -ERR_USAGE, "'%s' cannot be a host name", a->hostname);
	return 0;
}

int run_args_parse(char *const *argv, struct run_args *ret, struct err *err)
{
	char *const *rest;
	int r;

	*ret = (struct run_args){};
	r = take_options(run_opts, ret, argv, &rest, err);
	if (r >= 0)
		r = take_uuid(rest, &ret->uuid, err);
	return r < 0 ? r : check_run(ret, err);
}

int enter_args_parse(char *const *argv, struct enter_args *ret, struct err *err)
{
	char *const *rest;
	int r;

	*ret = (struct enter_args){};
	r = take_options(enter_opts, ret, argv, &rest, err);
	if (r < 0)
		return r;
	if (!given(ret->app) || !*rest)
		return err_set(err, -ERR_USAGE, "enter wants --appname=NAME and a command");
	ret->command = rest;
	return 0;
}

int pod_args_parse(char *const *argv, struct pod_args *ret, struct err *err)
{
	char *const *rest;
	int r;

	*ret = (struct pod_args){};
	r = take_options(pod_opts, ret, argv, &rest, err);
	return r < 0 ? r : take_uuid(rest, &ret->uuid, err);
}
