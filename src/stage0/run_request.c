#include <string.h>

#include "stage0/dns.h"

enum { HOSTNAME_MAX_BYTES = 64 };	/* what the kernel takes */

static int check_net(const struct run_request *r, struct err *err)
{
	const char *net = r->net && *r->net ? r->net : "default";
	const char *colon = strchr(net, ':');

	if (r->mds_register && str_eq(net, "none"))
		return err_set(err, -ERR_USAGE,
			       "--mds-register flag does not work with --net=none. Please use 'host', 'default' or "
			       "an equivalent network");
	if (colon && (str_starts(net, "host:") || str_starts(net, "all:")) && !strchr(net, ','))
		return err_set(err, -ERR_USAGE, "arguments are not supported by special netname \"%.*s\"",
			       (int)(colon - net), net);
	if (!str_eq(net, "none") && !str_eq(net, "host"))
		return err_set(err, -ERR_USAGE,
			       "network '%s' is not available: this version knows --net=none and --net=host", net);
	if (r->mds_register)
		return err_set(err, -EHOSTUNREACH, "could not reach the metadata service");
	return 0;
}

static int check_ipc(const char *ipc, struct err *err)
{
	if (!ipc || !*ipc || str_eq(ipc, "auto") || str_eq(ipc, "private") || str_eq(ipc, "parent"))
		return 0;
	return err_set(err, -ERR_USAGE, "unknown value for --ipc parameter: %s", ipc);
}

int run_request_check(const struct run_request *r, struct err *err)
{
	AUTO(dns_conf_clear) struct dns_conf dns = {};
	int ret;

	ret = check_net(r, err);
	if (ret < 0)
		return ret;
	if (r->hostname && *r->hostname && !hostname_ok(r->hostname, HOSTNAME_MAX_BYTES))
		return err_set(err, -ERR_USAGE,
			       "invalid hostname \"%s\": it has letters, digits, \"-\" and \".\", 64 at most", r->hostname);
	ret = check_ipc(r->ipc, err);
	if (ret < 0)
		return ret;
	return dns_conf_read(r, &dns, err);
}
