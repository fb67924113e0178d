#include "cli/commands.h"
#include "cli/out.h"

static const struct opt image_gc_opts[] = {
	{ "grace-period", 0, OPT_DURATION, offsetof(struct image_gc_request, grace_ns), "DURATION",
	  "duration to wait since an image was last used before removing it", .def = "24h0m0s" },
	{}
};

static void tell_removed(const struct image_info *image)
{
	out_line("successfully removed aci for image: \"%s\"", image->id);
}

static int image_gc_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	struct image_gc_request *request = args;
	AUTO(store_close) struct store *store = NULL;
	AUTO(pods_close) struct pods *pods = NULL;
	int r;

	request->removed = tell_removed;
	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = pods_open(cli->engine.data_dir, false, &pods, err);
	if (r == -EACCES || r == -EPERM)
		return err_set(err, r, "permission denied");
	return r < 0 ? r : images_gc(&cli->engine, store, pods, request, err);
}

const struct cmd cmd_image_gc = {
	.name = "image gc", .args = "[--grace-period=duration]",
	.help = "garbage collect the local store",
	.description = "Removes the trees that no pod stands on (they are made again when needed), and the images that were\n"
		       "not used for the grace period. Images of prepared and running pods stay, and so does what they\n"
		       "are made of.",
	.opts = { image_gc_opts }, .args_size = sizeof(struct image_gc_request), .looks = true, .run = image_gc_run,
};
