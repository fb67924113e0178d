#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/out.h"
#include "spec/limits.h"
#include "spec/oci.h"

struct cat_args {
	bool pretty, original, config;
};

#define AT(member) offsetof(struct cat_args, member)
static const struct opt image_cat_manifest_opts[] = {
	{ "config", 0, OPT_FLAG, AT(config), NULL, "of an OCI image: its configuration, as it was fetched" },
	{ "original", 0, OPT_FLAG, AT(original), NULL, "of an OCI image: its own manifest, as it was fetched" },
	PRETTY_OPT(AT(pretty)),
	{}
};

/* Written anew, so that no control byte of the image gets to a terminal. */
static int show(const char *text, size_t len, bool pretty, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	AUTO(free) char *shown = NULL;
	struct json_writer *w;
	int r;

	r = json_parse(text, len, &json, err);
	if (r < 0)
		return r;
	w = json_writer_new(pretty);
	json_write_value(w, NULL, json_root(json));
	shown = json_writer_finish(w);
	out_text(shown);
	out_text("\n");
	return 0;
}

static int read_document(struct cli *cli, struct store *store, const char *digest, char **ret, size_t *ret_len,
			 struct err *err)
{
	AUTO(free) char *key = oci_digest_key(digest);
	AUTO(close) int unpack_fd = -1;
	int r;

	r = helper_open(cli->engine.libexec_dir, "rkt-unpack", &unpack_fd, err);
	return r < 0 ? r : store_read_key(store, unpack_fd, key, (size_t)limits()->document_bytes, ret, ret_len, err);
}

/* Exactly the bytes that the digest is of, unless somebody looks at them. */
static int cat_document(struct cli *cli, struct store *store, const struct image_info *info, const struct cat_args *a,
			struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	if (!info->format)
		return err_set(err, -EINVAL, "image \"%s\" is an ACI: its manifest is its own, and it has no configuration",
			       info->name);
	r = read_document(cli, store, a->config ? info->config_digest : info->digest, &text, &len, err);
	if (r < 0)
		return r;
	if (isatty(STDOUT_FILENO))
		return show(text, len, a->pretty, err);
	(void)fwrite(text, 1, len, stdout);	/* main sees how that went */
	return 0;
}

static int image_cat_manifest_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct cat_args *a = args;
	AUTO(store_close) struct store *store = NULL;
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *text = NULL;
	int r;

	if (a->original && a->config)
		return err_set(err, -EINVAL, "--original and --config usage mutually exclusive");
	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = store_find(store, argv[0], &info, err);
	if (r >= 0 && (a->original || a->config))
		return cat_document(cli, store, &info, a, err);
	if (r >= 0)
		r = store_read_manifest_text(store, &info, &text, err);
	return r < 0 ? r : show(text, strlen(text), a->pretty, err);
}

const struct cmd cmd_image_cat_manifest = {
	.name = "image cat-manifest", .args = "IMAGE",
	.help = "inspect and print the image manifest",
	.description = "Prints the manifest in appc's words, which rkt makes for an OCI image. --original and --config print\n"
		       "what such an image came with, byte for byte unless to a terminal.",
	.min = 1, .max = 1,
	.words = WORDS_IMAGES, .opts = { image_cat_manifest_opts }, .args_size = sizeof(struct cat_args),
	.run = image_cat_manifest_run,
};
