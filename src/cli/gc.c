#include "cli/commands.h"

#define AT(member) offsetof(struct gc_request, member)
static const struct opt gc_opts[] = {
	{ "expire-prepared", 0, OPT_DURATION, AT(expire_prepared_ns), "DURATION",
	  "duration to wait before expiring prepared pods", .def = "24h0m0s" },
	{ "grace-period", 0, OPT_DURATION, AT(grace_ns), "DURATION",
	  "duration to wait before discarding inactive pods from garbage", .def = "30m0s" },
	{ "mark-only", 0, OPT_FLAG, AT(mark_only), NULL, "only mark pods that have ended as garbage, remove nothing" },
	{}
};

static int gc_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	AUTO(pods_close) struct pods *pods = NULL;
	int r;

	r = pods_open(cli->engine.data_dir, false, &pods, err);
	return r < 0 ? r : pods_gc(&cli->engine, pods, args, err);
}

const struct cmd cmd_gc = {
	.name = "gc", .args = "[--grace-period=duration] [--expire-prepared=duration]",
	.help = "garbage collect rkt pods no longer in use", .superuser = true, .opts = { gc_opts },
	.args_size = sizeof(struct gc_request), .looks = true, .run = gc_run,
};
