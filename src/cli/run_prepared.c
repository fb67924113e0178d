#include "cli/apps.h"
#include "cli/commands.h"
#include "cli/out.h"

/* The pod must be prepared, must stay so (the lock), and with --interactive have one app. */
static int lock_prepared(struct pods *pods, struct pod *pod, const struct pod_args *a, struct err *err)
{
	AUTO(pod_manifest_clear) struct pod_manifest manifest = {};
	int r;

	if (pod->state != POD_PREPARED)
		return err_set(err, -ERR_STATE, "pod \"%s\" is not prepared", pod->uuid);
	if (a->run.interactive) {
		r = pod_read_manifest(pod, &manifest, err);
		if (r < 0)
			return r;
		if (manifest.n_apps != 1)
			return err_set(err, -EINVAL, "interactive option only supports pods with one app");
	}
	r = pod_lock(pods, pod, err);
	return r < 0 ? err_wrap(err, r, "cannot transition to run") : 0;
}

static int run_prepared_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	struct pod_args *a = args;
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(pod_close) struct pod pod = POD_NONE;
	int r;

	r = pod_args_check_run(a, err);
	if (r >= 0)
		r = pods_open(cli->engine.data_dir, false, &pods, err);
	if (r < 0)
		return r;
	r = pod_find(pods, argv[0], &pod, err);
	if (r < 0)
		return err_wrap(err, r, "problem retrieving pod");
	r = lock_prepared(pods, &pod, a, err);
	if (r >= 0)
		r = pod_check_trees(&cli->engine, &pod, &a->run, err);
	if (r >= 0)
		r = out_flush(err);
	if (r < 0)
		return r;
	return pod_run(&cli->engine, pods, &pod, &a->run, err);
}

const struct cmd cmd_run_prepared = {
	.name = "run-prepared", .args = "UUID", .help = "run a prepared application pod in rkt",
	.min = 1, .max = 1, .superuser = true, .words = WORDS_PODS,
	.opts = { network_opts, verify_opts }, .args_size = sizeof(struct pod_args), .run = run_prepared_run,
};
