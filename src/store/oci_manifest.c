#include "store/oci_manifest.h"

#include <string.h>

#include "spec/limits.h"
#include "spec/oci.h"
#include "store/blob.h"

static int read_document(struct store *s, int exe_fd, const char *digest, const char *id, char **ret, size_t *ret_len,
			 struct err *err)
{
	AUTO(free) char *key = oci_digest_key(digest);

	return blob_read_text(s, exe_fd, key, id, (size_t)limits()->document_bytes, ret, ret_len, err);
}

static int read_manifest(struct store *s, int exe_fd, const struct image_info *info, struct oci_document *ret,
			 struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = read_document(s, exe_fd, info->digest, info->id, &text, &len, err);
	if (r >= 0)
		r = oci_document_read(text, len, NULL, ret, err);
	if (r < 0)
		return r;
	r = oci_manifest_check(ret, err);
	if (r >= 0 && !str_eq(ret->config.digest, info->config_digest))
		r = err_set(err, -ERR_BAD_INPUT, "its configuration is '%s' rather than '%s'", ret->config.digest,
			    info->config_digest);
	if (r < 0)
		oci_document_clear(ret);
	return r;
}

static int read_config(struct store *s, int exe_fd, const struct image_info *info, struct oci_config *ret,
		       struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = read_document(s, exe_fd, info->config_digest, NULL, &text, &len, err);
	return r < 0 ? r : oci_config_read(text, len, ret, err);
}

static int check_layers(const struct oci_config *config, const struct image_info *info, struct err *err)
{
	size_t n = strv_len(config->diff_ids);

	if (n != strv_len(info->layers))
		return err_set(err, -ERR_BAD_INPUT, "it has %zu layers rather than %zu", n, strv_len(info->layers));
	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *key = oci_digest_key(config->diff_ids[i]);

		if (!str_eq(key, info->layers[i]))
			return err_set(err, -ERR_BAD_INPUT, "its layer %zu is '%s' rather than '%s'", i + 1, key,
				       info->layers[i]);
	}
	return 0;
}

static const char *annotation(const struct image_manifest *m, const char *name)
{
	return label_get(m->annotations, m->n_annotations, name);
}

static int translate(const struct oci_config *config, const struct image_info *info, const char *claimed,
		     struct image_manifest *ret, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	struct oci_origin origin;
	int r;

	r = image_manifest_read(claimed, strlen(claimed), &m, err);
	if (r < 0)
		return r;
	origin = (struct oci_origin){
		.name = info->name,
		.version = label_get(m.labels, m.n_labels, "version"),
		.registry = annotation(&m, "appc.io/docker/registryurl"),
		.repository = annotation(&m, "appc.io/docker/repository"),
		.tag = annotation(&m, "appc.io/docker/tag"),
		.reference = annotation(&m, "appc.io/docker/originalname"),
		.manifest_digest = info->digest,
		.config_digest = info->config_digest,
	};
	return oci_to_appc(config, &origin, ret, err);
}

int oci_manifest_make(struct store *s, int unpack_exe_fd, const struct image_info *info, const char *claimed,
		      struct image_manifest *ret, struct err *err)
{
	AUTO(oci_document_clear) struct oci_document manifest = {};
	AUTO(oci_config_clear) struct oci_config config = {};
	int r;

	r = read_manifest(s, unpack_exe_fd, info, &manifest, err);
	if (r >= 0)
		r = read_config(s, unpack_exe_fd, info, &config, err);
	if (r >= 0)
		r = oci_config_check(&config, &manifest, err);
	if (r >= 0)
		r = check_layers(&config, info, err);
	if (r >= 0)
		r = translate(&config, info, claimed, ret, err);
	return r < 0 ? err_wrap(err, r, "the image '%s' is not what is known of it", info->name) : 0;
}

int store_check_digest(struct store *s, int unpack_exe_fd, const struct image_info *i, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	if (i->vouched)
		return 0;
	if (!i->digest)
		return err_set(err, -ERR_BAD_INPUT, "the image '%s' has no digest", i->name);
	r = read_document(s, unpack_exe_fd, i->digest, i->id, &text, &len, err);
	return r < 0 ? err_wrap(err, r, "the image '%s' is not what is known of it", i->name) : 0;
}

int oci_manifest_text(struct store *s, int unpack_exe_fd, const struct image_info *info, char **ret, struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	AUTO(free) char *claimed = NULL;
	int r;

	r = store_read_manifest_text(s, info, &claimed, err);
	if (r >= 0)
		r = oci_manifest_make(s, unpack_exe_fd, info, claimed, &m, err);
	if (r >= 0)
		*ret = json_encode_text(image_manifest_fields, &m, false);
	return r;
}
