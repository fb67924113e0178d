#include <fcntl.h>
#include <unistd.h>

#include "base/human.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pod_arg.h"
#include "cli/pod_view.h"
#include "pod/contract.h"

enum { NS_PER_MS = 1000000, READY_TICK_MS = 50 };

struct status_args {
	int64_t wait_ms, wait_ready_ms;		/* -1: without end */
	enum format format;
	const char *uuid_file;
	bool waits, waits_ready;
};

/* A boolean word or a duration; a negative one is without end. */
static int take_wait(const char *value, bool *ret_on, int64_t *ret_ms, struct err *err)
{
	int64_t ns;

	if (bool_parse(value, ret_on) >= 0) {
		*ret_ms = -1;
		return 0;
	}
	if (duration_parse(value, &ns) < 0)
		return err_set(err, -EINVAL, "neither a boolean nor a duration");
	*ret_on = true;
	*ret_ms = ns < 0 ? -1 : ns / NS_PER_MS;
	return 0;
}

static int take_wait_exit(void *args, const struct opt *opt, const char *value, struct err *err)
{
	struct status_args *a = args;

	return take_wait(value, &a->waits, &a->wait_ms, err);
}

static int take_wait_ready(void *args, const struct opt *opt, const char *value, struct err *err)
{
	struct status_args *a = args;

	return take_wait(value, &a->waits_ready, &a->wait_ready_ms, err);
}

#define AT(member) offsetof(struct status_args, member)
static const struct opt status_opts[] = {
	FORMAT_OPT(AT(format)),
	UUID_FILE_OPT(AT(uuid_file)),
	{ "wait", 0, OPT_CALL, 0, "BOOL|DURATION", "wait for the pod to exit, at most that long",
	  .def = "false", .bare = "true", .call = take_wait_exit },
	{ "wait-ready", 0, OPT_CALL, 0, "BOOL|DURATION", "wait until the pod is ready, at most that long",
	  .def = "false", .bare = "true", .call = take_wait_ready },
	{}
};

static bool is_ready(const struct pod *pod)
{
	AUTO(free) char *tree = pod_tree_id(pod, NULL);
	AUTO(free) char *path = tree ? xasprintf(POD_OVERLAY "/%s/upper/" STAGE1_READY, tree) :
				       xstrdup(POD_STAGE1_ROOTFS "/" STAGE1_READY);
	char target[8] = "";

	return readlinkat(pod->fd, path, target, sizeof(target) - 1) > 0 && str_eq(target, "ready");
}

/* The pod's end ends the waiting too: what is over will never be ready. */
static int wait_ready(struct pods *pods, struct pod *pod, int64_t timeout_ms, struct err *err)
{
	int64_t end = timeout_ms < 0 ? INT64_MAX : time_now() / NS_PER_MS + timeout_ms;
	int r;

	while (pod->state != POD_RUNNING || !is_ready(pod)) {
		if (time_now() / NS_PER_MS >= end)
			return err_set(err, -ETIMEDOUT, "pod \"%s\" is not ready in time", pod->uuid);
		r = pod_wait_exited(pods, pod, READY_TICK_MS, err);
		if (r >= 0)
			return err_set(err, -ERR_STATE, "pod \"%s\" has ended", pod->uuid);
		if (r != -ETIMEDOUT)
			return r;
	}
	return 0;
}

static int wait_as_asked(struct pods *pods, struct pod *pod, const struct status_args *a, struct err *err)
{
	int r;

	if (a->waits_ready) {
		r = wait_ready(pods, pod, a->wait_ready_ms, err);
		if (r < 0)
			return err_wrap(err, r, "error waiting for pod readiness");
	}
	if (a->waits) {
		r = pod_wait_exited(pods, pod, a->wait_ms, err);
		if (r < 0)
			return err_wrap(err, r, "error waiting for pod to finish");
	}
	return 0;
}

static void print(const struct pod_view *view, enum format format)
{
	AUTO(buf_clear) struct buf out = {};
	AUTO(free) char *text = NULL;
	struct json_writer *w;

	if (format == FORMAT_TABLE) {
		pod_view_lines(view, &out);
		out_text(out.data);
		return;
	}
	w = json_writer_new(format == FORMAT_JSON_PRETTY);
	pod_view_json(view, w);
	text = json_writer_finish(w);
	out_text(text);
	out_text("\n");
}

static int status_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct status_args *a = args;
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(pod_view_clear) struct pod_view view = {};
	int r;

	r = pod_arg_find(cli, argv[0], a->uuid_file, &pods, &pod, err);
	if (r == 0)
		r = wait_as_asked(pods, &pod, a, err);
	if (r)
		return r;
	r = pod_view_read(&pod, POD_VIEW_ALL, &view, err);
	if (r < 0)
		return err_wrap(err, r, "unable to print status");
	print(&view, a->format);
	return 0;
}

const struct cmd cmd_status = {
	.name = "status", .args = "[--wait=bool|timeout] [--wait-ready=bool|timeout] --uuid-file=FILE | UUID",
	.help = "check the status of a rkt pod",
	.description = "Prints state, times, process and exit codes of the pod's apps, one KEY=VALUE a line, and how\n"
		       "far the apps are confined.",
	.max = 1, .words = WORDS_PODS, .opts = { status_opts }, .args_size = sizeof(struct status_args),
	.run = status_run,
};
