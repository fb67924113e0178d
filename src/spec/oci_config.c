#include <string.h>

#include "spec/limits.h"
#include "spec/oci.h"
#include "spec/oci_read.h"

#define TYPE struct oci_config
#define AT(member) offsetof(TYPE, member)

/* Of the member "config", whose members are kept beside the others. */
static const struct json_field run_fields[] = {
	{ "User", JSON_STRING, AT(user), 0 },
	{ "Env", JSON_STRV, AT(env), 0 },
	{ "Entrypoint", JSON_STRV, AT(entrypoint), 0 },
	{ "Cmd", JSON_STRV, AT(cmd), 0 },
	{ "WorkingDir", JSON_STRING, AT(working_dir), 0 },
	{ "StopSignal", JSON_STRING, AT(stop_signal), 0 },
	{ "Healthcheck", JSON_RAW, AT(healthcheck), 0 },
	{ "Shell", JSON_RAW, AT(shell), 0 },
	{}
};

static const struct json_field rootfs_fields[] = {
	{ "diff_ids", JSON_STRV, AT(diff_ids), JSON_REQUIRED },
	{}
};

static const struct json_field config_fields[] = {
	{ "architecture", JSON_STRING, AT(architecture), 0 },
	{ "os", JSON_STRING, AT(os), 0 },
	{ "variant", JSON_STRING, AT(variant), 0 },
	{ "created", JSON_STRING, AT(created), 0 },
	{ "author", JSON_STRING, AT(author), 0 },
	{ "rootfs", JSON_OBJECT, 0, JSON_REQUIRED, rootfs_fields },
	{ "config", JSON_OBJECT, 0, 0, run_fields },
	{}
};

static int diff_ids_check(const struct json_value *root, char *const *diff_ids, struct err *err)
{
	const char *type = json_get_text(json_get(root, "rootfs"), "type");

	if (!str_eq(type, "layers"))
		return err_set(err, -ERR_BAD_INPUT, "rootfs.type: not \"layers\"");
	if ((int64_t)strv_len(diff_ids) > limits()->layers)
		return limit_refuse(err, &limits()->layers, "rootfs.diff_ids: more than");
	for (size_t i = 0; diff_ids[i]; i++)
		if (!oci_digest_valid(diff_ids[i]))
			return err_set(err, -ERR_BAD_INPUT, "rootfs.diff_ids[%zu]: \"%s\" is no digest", i, diff_ids[i]);
	return 0;
}

static int read_objects(const struct json_value *run, struct oci_config *c, struct err *err)
{
	int r;

	if (!run || run->kind == JSON_NULL)
		return 0;
	r = oci_read_keys(run, "ExposedPorts", &c->exposed_ports, err);
	if (r >= 0)
		r = oci_read_keys(run, "Volumes", &c->volumes, err);
	if (r >= 0)
		r = oci_read_pairs(run, "Labels", &c->labels, &c->n_labels, err);
	return r < 0 ? err_wrap(err, r, "config") : 0;
}

int oci_config_read(const char *text, size_t len, struct oci_config *ret, struct err *err)
{
	AUTO(oci_config_clear) struct oci_config c = {};
	AUTO(json_free) struct json *json = NULL;
	const struct json_value *root;
	int r;

	if ((int64_t)len > limits()->document_bytes)
		return limit_refuse(err, &limits()->document_bytes, "the configuration is larger than");
	r = json_parse(text, len, &json, err);
	if (r < 0)
		return r;
	root = json_root(json);
	r = json_decode(root, config_fields, &c, err);
	if (r >= 0)
		r = diff_ids_check(root, c.diff_ids, err);
	if (r >= 0)
		r = read_objects(json_get(root, "config"), &c, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct oci_config){};
	return 0;
}

int oci_config_check(const struct oci_config *config, const struct oci_document *manifest, struct err *err)
{
	size_t n = strv_len(config->diff_ids);

	if (n != manifest->n)
		return err_set(err, -ERR_BAD_INPUT, "the manifest has %zu layers and the configuration %zu", manifest->n, n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(manifest->list[i].digest, manifest->list[k].digest) &&
			    !str_eq(config->diff_ids[i], config->diff_ids[k]))
				return err_set(err, -ERR_BAD_INPUT, "layers %zu and %zu are one file, of which the "
					       "configuration says that it is two", k + 1, i + 1);
	return 0;
}

void oci_config_clear(struct oci_config *c)
{
	json_clear(config_fields, c);
	strv_free(c->exposed_ports);
	strv_free(c->volumes);
	labels_free(c->labels, c->n_labels);
	*c = (struct oci_config){};
}
