#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pod_arg.h"

struct stop_args {
	bool force;
	const char *uuid_file;
};

#define AT(member) offsetof(struct stop_args, member)
static const struct opt stop_opts[] = {
	{ "force", 0, OPT_FLAG, AT(force), NULL, "forced stopping" },
	UUID_FILE_OPT(AT(uuid_file)),
	{}
};

#define OVER (POD_MASK(POD_EXITED) | POD_MASK(POD_EXITED_GARBAGE) | POD_MASK(POD_EXITED_DELETING) | \
	      POD_MASK(POD_DELETING) | POD_MASK(POD_GARBAGE))

static int stop_one(struct cli *cli, struct pods *pods, struct pod *pod, void *arg, struct err *err)
{
	const struct stop_args *a = arg;
	int r;

	if (POD_MASK(pod->state) & OVER) {
		out_line("pod \"%s\" is already stopped", pod->uuid);
		return 0;
	}
	if (pod->state != POD_RUNNING)
		return err_set(err, -ERR_STATE, "pod \"%s\" is not running", pod->uuid);
	r = pod_stop(&cli->engine, pods, pod, a->force, err);
	if (r < 0)
		return err_wrap(err, r, "error stopping \"%s\"", pod->uuid);
	out_line("\"%s\"", pod->uuid);
	return 0;
}

static int stop_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct stop_args *a = args;
	int r = pod_arg_each(cli, argv, a->uuid_file, stop_one, args, err);

	if (r == -ERR_EXIT)
		return EXIT_BAD_UUID_FILE;
	return r > 0 ? err_set(err, -ERR_STATE, "failed to stop %d pod(s)", r) : r;
}

const struct cmd cmd_stop = {
	.name = "stop", .args = "--uuid-file=FILE | UUID ...", .help = "stop a pod", .max = -1, .words = WORDS_PODS,
	.opts = { stop_opts }, .args_size = sizeof(struct stop_args), .run = stop_run,
};
