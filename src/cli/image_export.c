#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/place.h"

struct export_args {
	bool overwrite;
};

static const struct opt export_opts[] = {
	{ "overwrite", 0, OPT_FLAG, offsetof(struct export_args, overwrite), NULL, "overwrite output ACI" },
	{}
};

static int copy(int from, int to)
{
	ssize_t n;

	do {
		n = sendfile(to, from, NULL, 1 << 30);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int image_export_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct export_args *a = args;
	AUTO(store_close) struct store *store = NULL;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(place_close) struct place place = PLACE_NONE;
	AUTO(close) int from = -1, to = -1, unpack_fd = -1;
	int r;

	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = store_find(store, argv[0], &info, err);
	if (r >= 0)
		r = store_open_blob(store, &info, &from, err);
	if (r >= 0)
		r = helper_open(cli->engine.libexec_dir, "rkt-unpack", &unpack_fd, err);
	if (r >= 0)
		r = place_open(argv[1], &place, err);
	if (r < 0)
		return r;
	if (!a->overwrite && place_exists(&place))
		return err_set(err, -EEXIST, "output ACI file exists (try --overwrite)");
	to = openat(place.dir_fd, place.temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0 || fchmod(to, 0644) < 0)
		return err_sys(err, -errno, "unable to open output ACI file %s", argv[1]);
	r = copy(from, to);
	if (r < 0)
		return err_sys(err, r, "unable to write to output ACI file %s", argv[1]);
	r = store_check_blob(unpack_fd, &info, to, err);
	if (r < 0)
		return err_wrap(err, r, "cannot export image \"%s\"", info.name);
	return place_commit(&place, a->overwrite, err);
}

const struct cmd cmd_image_export = {
	.name = "image export", .args = "IMAGE OUTPUT_ACI_FILE", .help = "export a stored image to an ACI file",
	.description = "Writes the image as it is stored: an uncompressed archive.",
	.min = 2, .max = 2, .words = WORDS_IMAGES, .opts = { export_opts }, .args_size = sizeof(struct export_args),
	.run = image_export_run,
};
