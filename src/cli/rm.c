#include "base/log.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pod_arg.h"

struct rm_args {
	const char *uuid_file;
};

static const struct opt rm_opts[] = {
	UUID_FILE_OPT(offsetof(struct rm_args, uuid_file)),
	{}
};

/* What a state means for removing: why not, or what is said and done first. */
static const struct step {
	const char *refusal, *notice;
	int (*move)(struct pods *pods, struct pod *pod, struct err *err);
} steps[POD_STATES] = {
	[POD_EMBRYO] = { .refusal = "currently being prepared" },
	[POD_PREPARING] = { .refusal = "currently being prepared" },
	[POD_ABORTED_PREPARE] = { .notice = "moving failed prepare", .move = pod_to_garbage },
	[POD_PREPARED] = { .notice = "moving expired prepared pod", .move = pod_to_garbage },
	[POD_RUNNING] = { .refusal = "currently running" },
	[POD_EXITED] = { .move = pod_to_exited_garbage },
	[POD_EXITED_DELETING] = { .refusal = "currently being deleted" },
	[POD_DELETING] = { .refusal = "currently being deleted" },
};

static int rm_one(struct cli *cli, struct pods *pods, struct pod *pod, void *arg, struct err *err)
{
	const struct step *step = &steps[pod->state];
	AUTO(free) char *uuid = xstrdup(pod->uuid);	/* a removed pod has none */
	int r;

	if (step->refusal)
		return err_set(err, -ERR_STATE, "pod \"%s\" is %s", pod->uuid, step->refusal);
	r = pod_lock(pods, pod, err);
	if (r < 0)
		return r;
	if (step->notice)
		log_info("%s \"%s\" to garbage", step->notice, pod->uuid);
	if (step->move)
		r = step->move(pods, pod, err);
	if (r >= 0)
		r = pod_collect(&cli->engine, pods, pod, err);
	if (r < 0)
		return err_wrap(err, r, "unable to remove pod \"%s\"", uuid);
	out_line("\"%s\"", uuid);
	return 0;
}

static int rm_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct rm_args *a = args;
	int r = pod_arg_each(cli, argv, a->uuid_file, rm_one, NULL, err);

	if (r == -ERR_EXIT)
		return EXIT_FAILED;
	return r > 0 ? err_set(err, -ERR_STATE, "failed to remove one or more pods") : r;
}

const struct cmd cmd_rm = {
	.name = "rm", .args = "--uuid-file=FILE | UUID ...",
	.help = "remove all files and directories associated with a pod",
	.max = -1, .superuser = true, .words = WORDS_PODS, .opts = { rm_opts },
	.args_size = sizeof(struct rm_args), .run = rm_run,
};
