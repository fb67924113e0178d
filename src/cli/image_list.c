#include "base/human.h"
#include "cli/commands.h"
#include "cli/image_view.h"
#include "cli/out.h"

static void image_list_clear(void *args)
{
	struct image_list_args *a = args;

	strv_free(a->fields);
	strv_free(a->sort);
}

static int image_list_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	struct image_list_args *a = args;
	AUTO(store_close) struct store *store = NULL;
	AUTO(free) char *text = NULL;
	struct image_info *list = NULL;
	AUTO(strv_free) char **bad = NULL;
	size_t n = 0;
	int r;

	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = store_list_all(store, &list, &n, &bad, err);
	if (r < 0)
		return r;
	a->engine = &cli->engine;
	store_measure(store, list, n);
	image_list_sort(list, n, a);
	if (a->format == FORMAT_TABLE)
		text = image_list_table(list, n, a, time_now());
	else
		text = image_list_json(list, n, a);
	image_infos_free(list, n);
	out_text(text);
	if (a->format != FORMAT_TABLE)
		out_text("\n");
	out_errors("images", bad);
	return bad ? EXIT_FAILED : 0;
}

const struct cmd cmd_image_list = {
	.name = "image list", .args = "", .help = "list images in the local store",
	.description = "SIZE is what the image takes on disk, a layer that several images have in equal parts, so that all\n"
		       "add up to what is taken. TOTAL is all that an image consists of. Exits 254 if some cannot be read.",
	.opts = { image_list_opts }, .args_size = sizeof(struct image_list_args), .looks = true, .run = image_list_run,
	.clear = image_list_clear,
};
