#include "cli/commands.h"
#include "cli/format.h"
#include "cli/out.h"
#include "cli/pod_arg.h"

struct cat_args {
	bool pretty;
	const char *uuid_file;
};

static const struct opt cat_manifest_opts[] = {
	PRETTY_OPT(offsetof(struct cat_args, pretty)),
	UUID_FILE_OPT(offsetof(struct cat_args, uuid_file)),
	{}
};

static int cat_manifest_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct cat_args *a = args;
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(pod_manifest_clear) struct pod_manifest manifest = {};
	AUTO(free) char *text = NULL;
	int r;

	r = pod_arg_find(cli, argv[0], a->uuid_file, &pods, &pod, err);
	if (r)
		return r < 0 ? r : EXIT_FAILED;
	r = pod_read_manifest(&pod, &manifest, err);
	if (r < 0)
		return err_wrap(err, r, "cannot load pod manifest");
	text = pod_manifest_text(&manifest, a->pretty);
	out_text(text);
	out_text("\n");
	return 0;
}

const struct cmd cmd_cat_manifest = {
	.name = "cat-manifest", .args = "--uuid-file=FILE | UUID ...", .help = "inspect and print the pod manifest",
	.max = 1, .words = WORDS_PODS, .opts = { cat_manifest_opts }, .args_size = sizeof(struct cat_args),
	.run = cat_manifest_run,
};
