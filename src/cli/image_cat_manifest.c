#include <string.h>

#include "cli/commands.h"
#include "cli/format.h"
#include "cli/out.h"

static const struct opt image_cat_manifest_opts[] = {
	PRETTY_OPT,
	{}
};

static int image_cat_manifest_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct pretty_args *a = args;
	AUTO(store_close) struct store *store = NULL;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(json_free) struct json *json = NULL;
	AUTO(free) char *text = NULL, *shown = NULL;
	struct json_writer *w;
	int r;

	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = store_find(store, argv[0], &info, err);
	if (r >= 0)
		r = store_read_manifest_text(store, &info, &text, err);
	/* Written anew, so that no control byte of the image gets to a terminal. */
	if (r >= 0)
		r = json_parse(text, strlen(text), &json, err);
	if (r < 0)
		return r;
	w = json_writer_new(a->pretty);
	json_write_value(w, NULL, json_root(json));
	shown = json_writer_finish(w);
	out_text(shown);
	out_text("\n");
	return 0;
}

const struct cmd cmd_image_cat_manifest = {
	.name = "image cat-manifest", .args = "IMAGE",
	.help = "inspect and print the image manifest", .min = 1, .max = 1,
	.words = WORDS_IMAGES, .opts = { image_cat_manifest_opts }, .args_size = sizeof(struct pretty_args),
	.run = image_cat_manifest_run,
};
