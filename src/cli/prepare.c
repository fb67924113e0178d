#include "cli/apps.h"
#include "cli/commands.h"
#include "cli/out.h"

static int prepare_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	struct pod_args *a = args;
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(pod_close) struct pod pod = POD_NONE;
	int r;

	r = pod_args_check_prepare(a, err);
	if (r >= 0)
		r = pods_open(cli->engine.data_dir, true, &pods, err);
	if (r >= 0)
		r = pod_prepare(&cli->engine, pods, &a->prepare, &pod, err);
	if (r >= 0)
		r = pod_to_prepared(pods, &pod, err);
	if (r < 0)
		return r;
	out_line("%s", pod.uuid);
	return 0;
}

#define AT(member) offsetof(struct pod_args, member)
static const struct opt quiet_opts[] = {
	{ "quiet", 0, OPT_FLAG, AT(quiet), NULL, "print nothing but the UUID on stdout" },
	{}
};

const struct cmd cmd_prepare = {
	.name = "prepare", .args = "[--volume=…] [--mount=…] IMAGE [-- image-args...[---]]...",
	.help = "prepare to run image(s) in a pod in rkt",
	.description = "Does all that \"rkt run\" does but running, and prints the UUID for \"rkt run-prepared\".",
	.max = -1, .superuser = true, .words = WORDS_IMAGES,
	.opts = { quiet_opts, prepare_opts, pull_new_opts, app_opts, signature_opts },
	.args_size = sizeof(struct pod_args), .parse = apps_parse, .run = prepare_run, .clear = pod_args_clear,
};
