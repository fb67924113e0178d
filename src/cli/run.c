#include "cli/apps.h"
#include "cli/commands.h"
#include "cli/out.h"

static int run_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	struct pod_args *a = args;
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(pod_close) struct pod pod = POD_NONE;
	int r;

	r = pod_args_check_prepare(a, err);
	if (r >= 0)
		r = pod_args_check_run(a, err);
	if (r >= 0)
		r = pods_open(cli->engine.data_dir, true, &pods, err);
	if (r >= 0)
		r = pod_prepare(&cli->engine, pods, &a->prepare, &pod, err);
	if (r >= 0)
		r = out_flush(err);
	if (r < 0)
		return r;
	return pod_run(&cli->engine, pods, &pod, &a->run, err);
}

#define AT(member) offsetof(struct pod_args, member)
static const struct opt run_opts[] = {
	{ "uuid-file-save", 0, OPT_STRING, AT(prepare.uuid_file_save), "FILE", "write the pod's UUID to this file" },
	{}
};

const struct cmd cmd_run = {
	.name = "run", .args = "[--volume=…] [--mount=…] IMAGE [-- image-args...[---]]...",
	.help = "run image(s) in a pod in rkt",
	.description = "An IMAGE is a name (example.com/app:1.0), an ID (sha512-…), a file or a URL. Options behind an\n"
		       "image belong to it. \"--\" begins arguments of its app, \"---\" ends them.",
	.max = -1, .superuser = true, .words = WORDS_IMAGES,
	.opts = { run_opts, prepare_opts, pull_new_opts, network_opts, app_opts, signature_opts },
	.args_size = sizeof(struct pod_args), .parse = apps_parse, .run = run_run, .clear = pod_args_clear,
};
