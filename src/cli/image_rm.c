#include "base/log.h"
#include "cli/commands.h"
#include "cli/out.h"

static bool in_use(void *arg, const char *tree) { return pods_use_tree(arg, tree); }

static int rm_one(struct store *store, struct pods *pods, const char *text, struct err *err)
{
	AUTO(image_info_clear) struct image_info info = {};
	bool left = false;
	int r;

	r = store_find(store, text, &info, err);
	if (r >= 0)
		r = store_remove(store, &info, in_use, pods, &left, err);
	if (r < 0)
		return r;
	if (left)
		log_debug("the tree of image \"%s\" stays as long as a pod stands on it", info.id);
	out_line("successfully removed aci for image: \"%s\"", info.id);
	return 0;
}

static int image_rm_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(pods_close) struct pods *pods = NULL;
	int r, done = 0, failed = 0;

	if (!argv[0])
		return err_set(err, -EINVAL, "must provide at least one image ID");
	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = pods_open(cli->engine.data_dir, false, &pods, err);
	if (r < 0)
		return r;
	for (; *argv; argv++) {
		AUTO(err_clear) struct err why = {};

		r = rm_one(store, pods, *argv, &why);
		if (r < 0)
			out_failure(&why);
		*(r < 0 ? &failed : &done) += 1;
	}
	out_flush(NULL);
	if (done)
		log_info("%d image(s) successfully removed", done);
	if (!failed)
		return 0;
	log_info("%d image(s) cannot be removed", failed);
	return err_set(err, -ERR_STATE, "error(s) found while removing images");
}

const struct cmd cmd_image_rm = {
	.name = "image rm", .args = "IMAGE...",
	.help = "remove image(s) with the given ID(s) or name(s) from the local store",
	.max = -1, .words = WORDS_IMAGES, .run = image_rm_run,
};
