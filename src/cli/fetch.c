#include "cli/apps.h"
#include "cli/commands.h"
#include "cli/out.h"

enum { SHORT_HASH = 7 + 32 };

static int fetch_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	struct pod_args *a = args;
	AUTO(store_close) struct store *store = NULL;
	int r;

	if (!a->prepare.n_apps)
		return err_set(err, -EINVAL, "must provide at least one image");
	config_tell_unread(&cli->engine.config);
	r = pod_args_check_pull(a, err);
	if (r >= 0)
		r = store_open(cli->engine.data_dir, STORE_WRITE, &store, err);
	for (size_t i = 0; i < a->prepare.n_apps && r >= 0; i++) {
		const struct app_request *app = &a->prepare.apps[i];
		AUTO(image_info_clear) struct image_info info = {};

		r = image_obtain(&cli->engine, store, app->image, app->signature, a->prepare.policy, &info, err);
		if (r >= 0)
			out_line("%.*s", a->full ? (int)IMAGE_ID_LEN : SHORT_HASH, info.id);
	}
	return r < 0 ? r : 0;
}

#define AT(member) offsetof(struct pod_args, member)
static const struct opt fetch_opts[] = {
	{ "full", 0, OPT_FLAG, AT(full), NULL, "print the whole image IDs" },
	{}
};

#define FETCH                                                                                               \
	.args = "IMAGE...", .help = "fetch image(s) and store them in the local store",                      \
	.description = "Finds each image by its name, file or URL, verifies its signature, and prints its ID.", \
	.max = -1, .words = WORDS_FILES, .opts = { fetch_opts, pull_update_opts, signature_opts },            \
	.args_size = sizeof(struct pod_args), .parse = apps_parse_images, .run = fetch_run, .clear = pod_args_clear

const struct cmd cmd_fetch = { .name = "fetch", FETCH };
const struct cmd cmd_image_fetch = { .name = "image fetch", .hidden = true, FETCH };
