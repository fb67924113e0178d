#include "cli/commands.h"
#include "cli/format.h"
#include "cli/out.h"
#include "config.h"
#include "store/store.h"

struct config_args {
	bool pretty;
};

#define AT(member) offsetof(struct config_args, member)
static const struct opt config_opts[] = {
	PRETTY_OPT(AT(pretty)),
	{}
};

/* How images' files are kept is found out by root, in the store; without one nothing is. */
static void write_backend(struct json_writer *w, const char *data_dir)
{
	AUTO(free) char *cas = xasprintf("%s/cas", data_dir);
	AUTO(store_close) struct store *store = NULL;

	if (geteuid() == 0 && access(cas, F_OK) == 0 && store_open(data_dir, STORE_WRITE, &store, NULL) >= 0)
		json_write_text(w, "image-files", tree_backend_name(store_backend(store)));
}

/* Where the files above say nothing, or a flag says something else. */
static void write_in_force(struct json_writer *w, const struct engine *e)
{
	AUTO(free) char *insecure = insecure_format(e->insecure);

	json_open_object(w, "inForce");
	json_write_text(w, "data", e->data_dir);
	json_write_text(w, "stage1-images", e->config.stage1_images_dir ?: STAGE1_DIR);
	json_write_text(w, "system-config", e->system_config);
	json_write_text(w, "local-config", e->local_config);
	if (e->user_config)
		json_write_text(w, "user-config", e->user_config);
	json_write_text(w, "insecure-options", insecure);
	write_backend(w, e->data_dir);
	json_open_object(w, "limits");
	limits_write(w, limits());
	json_close(w);
	json_close(w);
}

static int config_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct config_args *a = args;
	struct json_writer *w = json_writer_new(a->pretty);
	AUTO(free) char *text = NULL;

	json_open_object(w, NULL);
	config_write(w, &cli->engine.config);
	write_in_force(w, &cli->engine);
	json_close(w);
	text = json_writer_finish(w);
	out_text(text);
	out_text("\n");
	return 0;
}

const struct cmd cmd_config = {
	.name = "config", .args = "", .help = "print configuration for each stage in JSON format",
	.description = "\"stage0\" is what the configuration files say, secrets included, in the form of those files; "
		       "\"inForce\" is what follows from them, the flags and the defaults; for root also how the files of images "
		       "are kept (\"image-files\").",
	.opts = { config_opts }, .args_size = sizeof(struct config_args), .run = config_run,
};
