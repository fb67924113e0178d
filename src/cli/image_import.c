#include "cli/commands.h"
#include "cli/out.h"

enum { SHORT_HASH = 7 + 32 };

struct import_args {
	const char *signature, *tag;
	bool full;
};

#define AT(member) offsetof(struct import_args, member)
static const struct opt import_opts[] = {
	{ "full", 0, OPT_FLAG, AT(full), NULL, "print the whole image ID" },
	{ "signature", 0, OPT_STRING, AT(signature), "FILE", "local signature file to use in validating the image" },
	{ "tag", 0, OPT_STRING, AT(tag), "TAG", "which image of an archive that holds several" },
	{}
};

static int image_import_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct import_args *a = args;
	const struct image_import_request request = {
		.path = argv[0] && !str_eq(argv[0], "-") ? argv[0] : NULL, .signature = a->signature, .tag = a->tag,
	};
	AUTO(store_close) struct store *store = NULL;
	AUTO(image_info_clear) struct image_info info = {};
	int r;

	r = store_open(cli->engine.data_dir, STORE_WRITE, &store, err);
	if (r >= 0)
		r = image_import(&cli->engine, store, &request, &info, err);
	if (r >= 0)
		out_line("%.*s", a->full ? (int)IMAGE_ID_LEN : SHORT_HASH, info.id);
	return r;
}

const struct cmd cmd_image_import = {
	.name = "image import", .args = "[FILE|-]", .help = "import an image from a file or standard input",
	.description = "Takes an ACI, an archive of an OCI layout, or what `docker save` writes, compressed or not, whatever\n"
		       "the file is called. It is verified as by rkt fetch, and its ID is printed.",
	.max = 1, .words = WORDS_FILES, .opts = { import_opts }, .args_size = sizeof(struct import_args),
	.run = image_import_run,
};
