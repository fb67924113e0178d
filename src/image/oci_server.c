#include "image/oci_server.h"

#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "image/layers.h"
#include "image/layout.h"
#include "image/oci_archive.h"
#include "image/policy.h"
#include "image/registry.h"
#include "spec/limits.h"
#include "spec/registry.h"

enum { INDEX_DEPTH_MAX = 3 };

/* What was found of one image. */
struct found {
	char *index_digest;		/* of the outermost one; NULL: the source gave a manifest */
	struct document manifest, config;
	struct oci_document image;	/* the manifest */
	struct oci_config configuration;
	struct signer signer;
};

static void found_clear(struct found *f)
{
	free(f->index_digest);
	document_clear(&f->manifest);
	document_clear(&f->config);
	oci_document_clear(&f->image);
	oci_config_clear(&f->configuration);
	signer_clear(&f->signer);
}
static inline void found_clear_auto(struct found *f) { found_clear(f); }

/* --- finding it --------------------------------------------------------------------- */

/* What an index calls one thing and the server another is neither (CVE-2021-41190). */
static int check_type(const struct document *text, const struct oci_descriptor *d, struct err *err)
{
	if (!text->media_type || str_eq(text->media_type, d->media_type))
		return 0;
	return err_set(err, -ERR_BAD_INPUT, "'%s' is of type '%s' for its index and of '%s' for the server", d->digest,
		       d->media_type, text->media_type);
}

/* From an index to what it has for this machine. Its digest was verified, and with it all that it names. */
static int descend(struct source *source, const struct wire_oci *oci, const struct oci_document *index,
		   struct document *text, struct err *err)
{
	const struct oci_descriptor *d = NULL;
	AUTO(document_clear) struct document next = {};
	int r = oci_index_choose(index, oci->os, oci->arch, &d, err);

	if (r >= 0)
		r = source->ops->document(source, d, &next, err);
	if (r >= 0)
		r = check_type(&next, d, err);
	if (r < 0)
		return r;
	if (!next.media_type)
		next.media_type = xstrdup(d->media_type);
	document_clear(text);
	*text = next;
	next = (struct document){};
	return 0;
}

static int find_manifest(struct source *source, const struct wire_oci *oci, struct found *f, struct err *err)
{
	struct document *text = &f->manifest;
	int r = source->ops->root(source, text, err);

	if (r < 0)
		return r;
	for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
		AUTO(oci_document_clear) struct oci_document d = {};

		r = oci_document_read(text->text.data ?: "", text->text.len, text->media_type, &d, err);
		if (r < 0)
			return err_wrap(err, r, "cannot read manifest '%s'", text->digest);
		if (d.kind == OCI_KIND_MANIFEST) {
			f->image = d;
			d = (struct oci_document){};
			return 0;
		}
		if (!f->index_digest)
			f->index_digest = xstrdup(text->digest);
		r = descend(source, oci, &d, text, err);
		if (r < 0)
			return r;
	}
	return err_set(err, -ERR_BAD_INPUT, "the image lies below more than %d indexes", INDEX_DEPTH_MAX);
}

static int find_config(struct source *source, struct found *f, struct err *err)
{
	int r = oci_manifest_check(&f->image, err);

	if (r < 0)
		return r;
	r = source->ops->document(source, &f->image.config, &f->config, err);
	if (r < 0)
		return r;
	r = oci_config_read(f->config.text.data ?: "", f->config.text.len, &f->configuration, err);
	if (r >= 0)
		r = oci_config_check(&f->configuration, &f->image, err);
	if (r < 0 && !oci_config_is_typed(&f->image))
		r = err_wrap(err, r, "not an image: its configuration has media type \"%s\"",
			     f->image.config.media_type ?: "");
	return r < 0 ? err_wrap(err, r, "cannot read configuration '%s'", f->config.digest) : 0;
}

/* Before any of them is downloaded. */
static int check_sizes(const struct oci_document *image, struct err *err)
{
	for (size_t i = 0; i < image->n; i++)
		if (image->list[i].size > limits()->image_bytes)
			return limit_refuse(err, &limits()->image_bytes, "layer '%s' is larger than",
					    image->list[i].digest);
	return 0;
}

static int find_image(const struct wire_request *q, struct source *source, struct found *f, struct err *err)
{
	struct policy_image image = { .source = source };
	int r = find_manifest(source, &q->oci, f, err);

	if (r >= 0)
		r = find_config(source, f, err);
	if (r >= 0)
		r = check_sizes(&f->image, err);
	if (r < 0)
		return r;
	image.index_digest = f->index_digest;
	image.manifest_digest = f->manifest.digest;
	return policy_verify(q, &image, &f->signer, err);
}

/* --- telling it --------------------------------------------------------------------- */

/* As a person would write it. */
static char *reference_text(const struct wire_request *q)
{
	const struct wire_oci *oci = &q->oci;

	if (oci->registry)
		return xasprintf("docker://%s/%s%s%s", oci->registry, oci->repository, oci->digest ? "@" : ":",
				 oci->digest ?: oci->tag ?: "");
	return xstrdup(q->path);
}

/* What the file is called, without what tells its format: a name for an image that has none. */
static char *name_of_file(const char *path)
{
	static const char *const endings[] = { ".gz", ".tgz", ".zst", ".xz", ".bz2", ".tar", ".oci" };
	AUTO(free) char *clean = path_clean(path), *base = xstrdup(path_last(clean));

	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		if (str_ends(base, endings[i]))
			base[strlen(base) - strlen(endings[i])] = 0;
	return oci_appc_name(base);
}

/* Of an image in a file: as its maker called it, or else as the file is called. *name and *said keep what origin has. */
static void origin_in_file(const struct source *source, const char *path, struct registry_name *said, char **name,
			   struct oci_origin *origin)
{
	if (source->name && registry_name_parse(source->name, said, NULL) >= 0) {
		origin->registry = said->registry;
		origin->repository = said->repository;
	} else {
		origin->name = *name = name_of_file(path);
	}
	origin->tag = source->tag ?: said->tag;
	origin->reference = source->name;	/* where the file lies is nobody else's business */
}

/*
 * Where it came from: a registry, or whatever a file says. That is worth a name, but vouches for nothing: an image is
 * trusted by its name only together with a signature.
 */
static int in_appc_words(const struct found *f, const struct wire_request *q, const struct source *source, char **ret,
			 struct err *err)
{
	AUTO(registry_name_clear) struct registry_name said = {};
	AUTO(free) char *reference = reference_text(q), *name = NULL;
	AUTO(image_manifest_clear) struct image_manifest m = {};
	struct oci_origin origin = {
		.registry = q->oci.registry, .repository = q->oci.repository, .tag = q->oci.tag,
		.manifest_digest = f->manifest.digest, .config_digest = f->config.digest, .reference = reference,
	};
	int r;

	if (!origin.registry)
		origin_in_file(source, q->path, &said, &name, &origin);
	origin.version = origin.tag;
	r = oci_to_appc(&f->configuration, &origin, &m, err);
	if (r < 0)
		return err_wrap(err, r, "the image cannot be run");
	*ret = json_encode_text(image_manifest_fields, &m, false);
	return 0;
}

static int tell_manifest(struct talk *talk, struct found *f, char *appc, struct err *err)
{
	AUTO(free) struct wire_layer *layers = xcalloc(f->image.n + 1, sizeof(*layers));
	struct wire_reply reply = {
		.kind = (char[]){ "manifest" }, .manifest = f->manifest.text.data, .config = f->config.text.data,
		.appc = appc, .digest = f->manifest.digest, .config_digest = f->config.digest,
		.layers = layers, .n_layers = f->image.n,
		.fingerprint = f->signer.fingerprint, .identities = f->signer.identities,
	};
	int r;

	for (size_t i = 0; i < f->image.n; i++)
		layers[i] = (struct wire_layer){
			.digest = f->image.list[i].digest, .diff_id = f->configuration.diff_ids[i],
			.size = f->image.list[i].size,
		};
	r = talk_reply(talk, &reply);
	if (r == -E2BIG)
		return err_set(err, r, "the documents of the image are larger than %d bytes together", WIRE_MAX);
	return r < 0 ? err_sys(err, r, "cannot tell the manifest") : 0;
}

/* Returns 0 after "done". After a failure threads may still be at work with all that was given here (layers_serve()). */
static int serve(struct talk *talk, const struct wire_request *request, struct source *source, struct err *err)
{
	AUTO(found_clear) struct found found = {};
	AUTO(free) char *appc = NULL;
	int r = find_image(request, source, &found, err);

	if (r >= 0)
		r = in_appc_words(&found, request, source, &appc, err);
	if (r < 0)
		return r;
	talk_say(talk, "manifest %s, configuration %s, %zu layers", found.manifest.digest, found.config.digest,
		 found.image.n);
	r = tell_manifest(talk, &found, appc, err);
	return r < 0 ? r : layers_serve(talk, source, &found.image, err);
}

/* --- the actions -------------------------------------------------------------------- */

/* Takes talk and source over, but after a failure leaves them to the threads. */
static int serve_and_free(struct talk *talk, const struct wire_request *q, struct source *source, struct err *err)
{
	AUTO(free) char *reference = reference_text(q);
	int r = serve(talk, q, source, err);

	if (r < 0)
		return err_wrap(err, r, "cannot fetch \"%s\"", reference);
	source_free(source);
	talk_free(talk);
	return 0;
}

int oci_serve_registry(int control_fd, const struct wire_request *request, struct err *err)
{
	struct talk *talk = talk_new(control_fd, request->debug);
	struct source *source = NULL;
	int r = registry_new(request, talk, &source, err);

	return r < 0 ? r : serve_and_free(talk, request, source, err);
}

static int ask_rkt(void *arg, const char *path, int *ret_fd, struct err *err)
{
	return talk_open(arg, path, ret_fd, err);
}

int oci_serve_layout(int control_fd, const struct wire_request *request, struct err *err)
{
	struct talk *talk = talk_new(control_fd, request->debug);
	struct layout_wish wish = { .tag = request->oci.tag, .digest = request->oci.digest };

	return serve_and_free(talk, request, layout_new(ask_rkt, talk, &wish), err);
}

int oci_serve_archive(int control_fd, const struct wire_request *request, struct err *err)
{
	struct talk *talk = talk_new(control_fd, request->debug);
	struct layout_wish wish = { .tag = request->oci.tag, .digest = request->oci.digest };
	struct source *source = NULL;
	struct stat st;
	bool has_scratch = fstat(WIRE_FD_DOWNLOAD, &st) == 0 && S_ISREG(st.st_mode);
	int r = oci_archive_new(WIRE_FD_IMAGE, has_scratch ? WIRE_FD_DOWNLOAD : -1, &wish, &source, err);

	if (r < 0)
		return err_wrap(err, r, "cannot fetch \"%s\"", request->path);
	return serve_and_free(talk, request, source, err);
}
