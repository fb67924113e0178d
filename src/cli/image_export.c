#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/place.h"

struct export_args {
	bool overwrite, oci;
};

#define AT(member) offsetof(struct export_args, member)
static const struct opt export_opts[] = {
	{ "oci", 0, OPT_FLAG, AT(oci), NULL, "write an archive of an OCI image layout" },
	{ "overwrite", 0, OPT_FLAG, AT(overwrite), NULL, "overwrite output ACI" },
	{}
};

/* One image on its way out. */
struct export {
	struct store *store;
	const struct image_info *info;
	int unpack_fd;
	const char *path, *tag;
};

static int copy(int from, int to)
{
	ssize_t n;

	do {
		n = sendfile(to, from, NULL, 1 << 30);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* The blob is the ACI. What was written is what is hashed. */
static int write_aci(const struct export *x, int to, struct err *err)
{
	AUTO(close) int from = -1;
	int r;

	r = store_open_blob(x->store, x->info, &from, err);
	if (r < 0)
		return r;
	r = copy(from, to);
	if (r < 0)
		return err_sys(err, r, "unable to write to output ACI file %s", x->path);
	return store_check_blob(x->unpack_fd, x->info, to, err);
}

static int write_oci(const struct export *x, int to, struct err *err)
{
	const char *version = label_get(x->info->labels, x->info->n_labels, "version");

	return store_export_oci(x->store, x->unpack_fd, x->info, x->tag ?: version, to, err);
}

static int write_file(const struct export *x, bool overwrite, int (*write)(const struct export *, int, struct err *),
		      struct err *err)
{
	AUTO(place_close) struct place place = PLACE_NONE;
	AUTO(close) int to = -1;
	int r;

	r = place_open(x->path, &place, err);
	if (r < 0)
		return r;
	if (!overwrite && place_exists(&place))
		return err_set(err, -EEXIST, "output file '%s' exists (try --overwrite)", x->path);
	to = openat(place.dir_fd, place.temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0 || fchmod(to, 0644) < 0)
		return err_sys(err, -errno, "unable to open output ACI file %s", x->path);
	r = write(x, to, err);
	if (r < 0)
		return err_wrap(err, r, "cannot export image \"%s\"", x->info->name);
	return place_commit(&place, overwrite, err);
}

/* In which form? By the image, and by what the person wrote for the output. */
static int choose(const struct image_info *info, const char *path, bool oci,
		  int (**ret)(const struct export *, int, struct err *), struct err *err)
{
	if (!info->format && oci)
		return err_set(err, -EINVAL, "image \"%s\" is an ACI, not an OCI image", info->name);
	if (info->format && !oci && !str_ends(path, ".tar"))
		return err_set(err, -EINVAL, "image \"%s\" is an OCI image, which is exported as an archive of an OCI "
			       "layout (try --oci, or a file name ending in .tar; docker2aci makes an ACI of that)",
			       info->name);
	*ret = info->format ? write_oci : write_aci;
	return 0;
}

/* A reference, but to no place that an image can be written to. */
static bool is_other_place(const char *to)
{
	static const char *const places[] = { "docker://", "docker-archive:", "docker-daemon:", "oci:" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (str_starts(to, places[i]))
			return true;
	return false;
}

static int image_export_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct export_args *a = args;
	AUTO(store_close) struct store *store = NULL;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(reference_clear) struct reference to = {};
	AUTO(close) int unpack_fd = -1;
	int (*write)(const struct export *, int, struct err *) = NULL;
	bool archive = str_starts(argv[1], "oci-archive:");
	int r;

	if (is_other_place(argv[1]))
		return err_set(err, -EINVAL, "cannot export to '%s': only to a file, or to oci-archive:FILE[:TAG]", argv[1]);
	r = archive ? reference_parse(argv[1], &to, err) : 0;
	if (r >= 0)
		r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = store_use(store, err);
	if (r >= 0)
		r = store_find(store, argv[0], &info, err);
	if (r >= 0)
		r = choose(&info, argv[1], a->oci || archive, &write, err);
	if (r >= 0)
		r = helper_open(cli->engine.libexec_dir, "rkt-unpack", &unpack_fd, err);
	if (r < 0)
		return r;
	return write_file(&(struct export){ store, &info, unpack_fd, to.path ?: argv[1], to.tag }, a->overwrite, write,
			  err);
}

const struct cmd cmd_image_export = {
	.name = "image export", .args = "IMAGE OUTPUT_ACI_FILE", .help = "export a stored image to an ACI file",
	.description = "Writes an ACI as it is stored: an uncompressed archive. An OCI image is written as an archive of an\n"
		       "OCI layout, with uncompressed layers: with --oci, to a file that ends in .tar, or to\n"
		       "oci-archive:FILE[:TAG].",
	.min = 2, .max = 2, .words = WORDS_IMAGES, .opts = { export_opts }, .args_size = sizeof(struct export_args),
	.run = image_export_run,
};
