#include "cli/commands.h"
#include "cli/out.h"
#include "stage0/dependencies.h"

/* What files are compared with is made of the image's dependencies too. */
static int verify_image(const struct engine *e, struct store *store, int unpack_fd, const struct image_info *info,
			bool *ret_had_tree, struct err *err)
{
	struct tree_layer *layers = NULL;
	size_t n = 0;
	int r;

	r = dependencies_layers(e, store, info, NULL, &layers, &n, err);
	if (r >= 0)
		r = store_verify(store, unpack_fd, info, layers, n, ret_had_tree, err);
	tree_layers_free(layers, n);
	return r;
}

static int verify_one(const struct engine *e, struct store *store, int unpack_fd, const char *text, struct err *err)
{
	AUTO(image_info_clear) struct image_info info = {};
	bool had_tree = false;
	int r;

	r = store_find(store, text, &info, err);
	if (r < 0)
		return err_wrap(err, r, "unable to resolve store key for image %s", text);
	r = verify_image(e, store, unpack_fd, &info, &had_tree, err);
	if (r < 0)
		return err_wrap(err, r, "verification failed for image %s", info.id);
	if (had_tree)
		out_line("successfully verified checksum for image: \"%s\" (\"%s\")", info.name, info.id);
	else
		out_line("successfully verified checksum for image: \"%s\" (\"%s\"), which is not rendered: it has no files yet",
			 info.name, info.id);
	return 0;
}

static int image_verify_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(close) int unpack_fd = -1;
	int r, failed = 0;

	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = store_use(store, err);
	if (r >= 0)
		r = helper_open(cli->engine.libexec_dir, "rkt-unpack", &unpack_fd, err);
	if (r < 0)
		return r;
	for (; *argv; argv++) {
		AUTO(err_clear) struct err why = {};

		if (verify_one(&cli->engine, store, unpack_fd, *argv, &why) >= 0)
			continue;
		out_failure(&why);
		failed++;
	}
	return failed ? err_set(err, -ERR_BAD_INPUT, "%d image(s) failed verification", failed) : 0;
}

const struct cmd cmd_image_verify = {
	.name = "image verify", .args = "IMAGE...", .help = "verify one or more images in the local store",
	.description = "Reads each image again: its bytes against its ID, its files against its bytes.",
	.min = 1, .max = -1, .words = WORDS_IMAGES, .run = image_verify_run,
};
