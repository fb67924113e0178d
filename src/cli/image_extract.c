#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/place.h"
#include "stage0/tree.h"

/* image extract writes what one image brings, image render what an app of it would see. */

struct extract_args {
	bool overwrite, rootfs_only;
};

#define AT(member) offsetof(struct extract_args, member)
static const struct opt extract_opts[] = {
	{ "overwrite", 0, OPT_FLAG, AT(overwrite), NULL, "overwrite output directory" },
	{ "rootfs-only", 0, OPT_FLAG, AT(rootfs_only), NULL, "extract rootfs only" },
	{}
};

/* Whatever the path is spelled like: it is the directory that counts. */
static bool is_root(const char *path)
{
	struct stat st, root;

	return stat(path, &st) == 0 && stat("/", &root) == 0 && st.st_dev == root.st_dev && st.st_ino == root.st_ino;
}

static int exists(const char *path, struct err *err)
{
	return err_set(err, -EEXIST, "output directory '%s' exists (try --overwrite)", path);
}

static int open_place(const char *path, bool overwrite, struct place *ret, struct err *err)
{
	int r;

	if (is_root(path))
		return overwrite ? err_set(err, -EINVAL, "this would delete your root filesystem. Refusing.") : exists(path, err);
	r = place_open(path, ret, err);
	if (r < 0)
		return r;
	r = place_exists(ret);
	if (r < 0)
		return err_sys(err, r, "error checking output directory '%s'", path);
	return r && !overwrite ? exists(path, err) : 0;
}

/* layers: NULL for the image's own. */
static int extract(struct cli *cli, struct store *store, const struct image_info *info,
		   const struct tree_layer *layers, size_t n, const struct extract_args *a, const char *path,
		   struct err *err)
{
	AUTO(place_close) struct place place = PLACE_NONE;
	AUTO(close) int unpack_fd = -1, dir_fd = -1;
	int r;

	r = open_place(path, a->overwrite, &place, err);
	if (r >= 0)
		r = helper_open(cli->engine.libexec_dir, "rkt-unpack", &unpack_fd, err);
	if (r < 0)
		return r;
	r = dir_make(place.dir_fd, place.temporary, 0755);
	if (r >= 0)
		r = dir_open(place.dir_fd, place.temporary, &dir_fd);
	if (r < 0)
		return err_sys(err, r, "cannot make a directory beside '%s'", path);
	r = store_extract(store, unpack_fd, info, layers, n, dir_fd, a->rootfs_only, err);
	if (r < 0)
		return err_wrap(err, r, "error extracting ACI");
	return place_commit(&place, a->overwrite, err);
}

static int find_and_extract(struct cli *cli, void *args, char **argv, bool render, struct err *err)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(close) int unpack_fd = -1;
	struct tree_need need = { .e = &cli->engine, .unpack_fd = &unpack_fd };
	struct tree_layer *layers = NULL;
	size_t n = 0;
	int r;

	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = store_use(store, err);
	if (r >= 0)
		r = store_find(store, argv[0], &info, err);
	need.store = store;
	if (r >= 0 && render)
		r = tree_layers(&need, &info, &layers, &n, err);
	if (r >= 0)
		r = extract(cli, store, &info, layers, n, args, argv[1], err);
	tree_layers_free(layers, n);
	return r;
}

static int image_extract_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	return find_and_extract(cli, args, argv, false, err);
}

static int image_render_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	return find_and_extract(cli, args, argv, true, err);
}

#define EXTRACT                                                                                                  \
	.args = "IMAGE OUTPUT_DIR", .min = 2, .max = 2, .words = WORDS_IMAGES, .opts = { extract_opts },          \
	.args_size = sizeof(struct extract_args)

const struct cmd cmd_image_extract = {
	.name = "image extract", .help = "extract a stored image to a directory",
	.description = "Writes the image's manifest and rootfs, without the images that it depends on.",
	.run = image_extract_run, EXTRACT,
};

const struct cmd cmd_image_render = {
	.name = "image render", .help = "render a stored image to a directory with all its dependencies",
	.run = image_render_run, EXTRACT,
};
