#include "base/human.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pod_view.h"

struct list_args {
	bool full, no_legend;
	enum format format;
};

#define AT(member) offsetof(struct list_args, member)
static const struct opt list_opts[] = {
	FORMAT_OPT(AT(format)),
	{ "full", 0, OPT_FLAG, AT(full), NULL, "print long output format" },
	{ "no-legend", 0, OPT_FLAG, AT(no_legend), NULL, "suppress a legend with the list" },
	{}
};

static void print_json(const struct pod_view *views, size_t n, enum format format)
{
	struct json_writer *w = json_writer_new(format == FORMAT_JSON_PRETTY);
	AUTO(free) char *text = NULL;

	if (!n)
		json_write_text(w, NULL, NULL);
	else
		json_open_array(w, NULL);
	for (size_t i = 0; i < n; i++)
		pod_view_json(&views[i], w);
	if (n)
		json_close(w);
	text = json_writer_finish(w);
	out_text(text);
	out_text("\n");
}

static void print_table(const struct pod_view *views, size_t n, const struct list_args *a)
{
	static const char *const legend[] = {
		"UUID", "APP", "IMAGE NAME", "IMAGE ID", "STATE", "CREATED", "STARTED", "NETWORKS",
	};
	AUTO(table_clear) struct table t = {};
	AUTO(buf_clear) struct buf text = {};
	int64_t now = time_now();

	for (size_t i = 0; i < ARRAY_LEN(legend) && !a->no_legend; i++)
		if (a->full || !str_eq(legend[i], "IMAGE ID"))
			table_cell(&t, legend[i]);
	for (size_t i = 0; i < n; i++)
		pod_view_rows(&views[i], a->full, now, &t);
	table_write(&t, &text);
	if (text.data)
		out_text(text.data);
}

static int list_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct list_args *a = args;
	enum pod_depth depth = a->format == FORMAT_TABLE ? POD_VIEW_TABLE : POD_VIEW_ALL;
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(strv_free) char **errors = NULL;
	struct pod *list = NULL;
	struct pod_view *views;
	size_t n = 0;
	int r;

	r = pods_open(cli->engine.data_dir, false, &pods, err);
	if (r >= 0)
		r = pods_list(pods, POD_MASK_LISTED, &list, &n, err);
	if (r < 0)
		return err_wrap(err, r, "failed to get pod handles");
	views = xcalloc(n, sizeof(*views));
	for (size_t i = 0; i < n; i++) {
		AUTO(err_clear) struct err why = {};

		if (pod_view_read(&list[i], depth, &views[i], &why) < 0) {
			AUTO(free) char *words = err_text(&why);

			strv_take(&errors, xasprintf("%s: %s", list[i].uuid, words));
		}
	}
	if (a->format == FORMAT_TABLE)
		print_table(views, n, a);
	else
		print_json(views, n, a->format);
	out_errors("pods", errors);
	for (size_t i = 0; i < n; i++)
		pod_view_clear(&views[i]);
	free(views);
	pods_list_free(list, n);
	return 0;
}

const struct cmd cmd_list = {
	.name = "list", .args = "", .help = "list pods",
	.opts = { list_opts }, .args_size = sizeof(struct list_args), .looks = true, .run = list_run,
};
