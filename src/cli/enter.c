#include "base/log.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pod_arg.h"

struct enter_args {
	const char *app;
};

static const struct opt enter_opts[] = {
	{ "app", 0, OPT_STRING, offsetof(struct enter_args, app), "NAME", "name of the app to enter within the pod" },
	{}
};

static int enter_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct enter_args *a = args;
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(strv_free) char **cmd = strv_copy(argv + 1);
	int r;

	r = pod_arg_find(cli, argv[0], NULL, &pods, &pod, err);
	if (r < 0)
		return r;
	if (pod.state != POD_RUNNING)
		return err_set(err, -ERR_STATE, "pod \"%s\" isn't currently running", pod.uuid);
	if (!strv_len(cmd)) {
		log_info("no command specified, assuming \"/bin/bash\"");
		strv_add(&cmd, "/bin/bash");
	}
	r = out_flush(err);
	if (r < 0)
		return r;
	r = pod_enter(&cli->engine, pods, &pod, a->app && *a->app ? a->app : NULL, cmd, err);
	return err_wrap(err, r, "enter failed");
}

const struct cmd cmd_enter = {
	.name = "enter", .args = "[--app=APPNAME] UUID [CMD [ARGS ...]]",
	.help = "enter the namespaces of an app within a rkt pod",
	.description = "By default runs /bin/bash; what follows UUID is the command, options included.",
	.min = 1, .max = -1, .first_ends = true, .superuser = true, .words = WORDS_PODS,
	.opts = { enter_opts }, .args_size = sizeof(struct enter_args), .run = enter_run,
};
