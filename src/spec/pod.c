#include "spec/pod.h"

#include <arpa/inet.h>

#include "spec/check.h"

#define AT(member) offsetof(TYPE, member)
#define COUNT_OF(member) sizeof(*((TYPE *)NULL)->member)

#define TYPE struct volume
const struct json_field volume_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "kind", JSON_STRING, AT(kind), JSON_REQUIRED },
	{ "source", JSON_STRING, AT(source), JSON_OMIT_EMPTY },
	{ "readOnly", JSON_OPT_BOOL, AT(read_only), JSON_OMIT_EMPTY },
	{ "recursive", JSON_OPT_BOOL, AT(recursive), JSON_OMIT_EMPTY },
	{ "mode", JSON_STRING, AT(mode), JSON_OMIT_EMPTY },
	{ "uid", JSON_OPT_INT, AT(uid), JSON_OMIT_EMPTY },
	{ "gid", JSON_OPT_INT, AT(gid), JSON_OMIT_EMPTY },
	{}
};
#undef TYPE

#define TYPE struct mount
static const struct json_field mount_fields[] = {
	{ "volume", JSON_STRING, AT(volume), 0 },
	{ "path", JSON_STRING, AT(path), 0 },
	{ "appVolume", JSON_PTR, AT(app_volume), JSON_OMIT_EMPTY, volume_fields, sizeof(struct volume) },
	{}
};
#undef TYPE

#define TYPE struct runtime_image
static const struct json_field runtime_image_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_OMIT_EMPTY },
	{ "id", JSON_STRING, AT(id), JSON_OMIT_EMPTY },
	{ "labels", JSON_LIST, AT(labels), JSON_OMIT_EMPTY, label_fields, COUNT_OF(labels) },
	{}
};
#undef TYPE

#define TYPE struct runtime_app
static const struct json_field runtime_app_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "image", JSON_OBJECT, AT(image), JSON_REQUIRED, runtime_image_fields, sizeof(struct runtime_image) },
	{ "app", JSON_PTR, AT(app), JSON_OMIT_EMPTY, app_fields, sizeof(struct app) },
	{ "readOnlyRootFS", JSON_BOOL, AT(read_only_rootfs), JSON_OMIT_EMPTY },
	{ "mounts", JSON_LIST, AT(mounts), JSON_OMIT_EMPTY, mount_fields, COUNT_OF(mounts) },
	{ "annotations", JSON_LIST, AT(annotations), JSON_OMIT_EMPTY, label_fields, COUNT_OF(annotations) },
	{}
};
#undef TYPE

#define TYPE struct exposed_port
static const struct json_field exposed_port_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "hostPort", JSON_INT, AT(host_port), JSON_REQUIRED },
	{ "hostIP", JSON_STRING, AT(host_ip), JSON_OMIT_EMPTY },
	{ "podPort", JSON_PTR, AT(pod_port), JSON_OMIT_EMPTY, port_fields, sizeof(struct port) },
	{}
};
#undef TYPE

#define TYPE struct pod_manifest
const struct json_field pod_manifest_fields[] = {
	{ "acVersion", JSON_STRING, AT(ac_version), 0 },
	{ "acKind", JSON_STRING, AT(ac_kind), 0 },
	{ "apps", JSON_LIST, AT(apps), 0, runtime_app_fields, COUNT_OF(apps) },
	{ "volumes", JSON_LIST, AT(volumes), 0, volume_fields, COUNT_OF(volumes) },
	{ "isolators", JSON_LIST, AT(isolators), 0, isolator_fields, COUNT_OF(isolators) },
	{ "annotations", JSON_LIST, AT(annotations), 0, label_fields, COUNT_OF(annotations) },
	{ "ports", JSON_LIST, AT(ports), 0, exposed_port_fields, COUNT_OF(ports) },
	{ "userAnnotations", JSON_MAP, AT(user_annotations), JSON_OMIT_EMPTY },
	{ "userLabels", JSON_MAP, AT(user_labels), JSON_OMIT_EMPTY },
	{}
};
#undef TYPE

int pod_manifest_read(const char *text, size_t len, struct pod_manifest *m, struct err *err)
{
	int r;

	if (len > MANIFEST_MAX_BYTES)
		return err_set(err, -E2BIG, "manifest is larger than %d bytes", MANIFEST_MAX_BYTES);
	r = json_decode_text(text, len, pod_manifest_fields, m, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m->n_apps; i++)
		if (m->apps[i].app)
			app_set_defaults(m->apps[i].app);
	for (size_t i = 0; i < m->n_ports; i++)
		if (m->ports[i].pod_port)
			port_set_defaults(m->ports[i].pod_port);
	r = pod_manifest_check(m, err);
	if (r < 0)
		pod_manifest_clear(m);
	return r;
}

static int mount_check(const struct mount *mount, struct err *err)
{
	int r;

	if (!mount->volume || !*mount->volume)
		return err_set(err, -ERR_BAD_INPUT, "volume must be set");
	if (!mount->path || !*mount->path)
		return err_set(err, -ERR_BAD_INPUT, "path must be set");
	r = ac_name_check(mount->volume, err);
	if (r >= 0)
		r = path_check(mount->path, "path", err);
	if (r >= 0 && mount->app_volume)
		r = volume_check(mount->app_volume, err);
	return r;
}

static int runtime_image_check(const struct runtime_image *image, struct err *err)
{
	int r = 0;

	if (image->id && *image->id)
		r = image_id_check(image->id, err);
	if (r >= 0 && image->name && *image->name)
		r = ac_identifier_check(image->name, err);
	return r < 0 ? r : labels_check(image->labels, image->n_labels, err);
}

static int runtime_app_check(const struct runtime_app *app, struct err *err)
{
	int r;

	r = ac_name_check(app->name, err);
	if (r < 0)
		return err_wrap(err, r, "name");
	r = runtime_image_check(&app->image, err);
	if (r < 0)
		return err_wrap(err, r, "image");
	r = app->app ? app_check(app->app, err) : 0;
	if (r < 0)
		return err_wrap(err, r, "app");
	for (size_t i = 0; i < app->n_mounts; i++) {
		r = mount_check(&app->mounts[i], err);
		if (r < 0)
			return err_wrap(err, r, "mounts[%zu]", i);
	}
	return annotations_check(app->annotations, app->n_annotations, err);
}

static int apps_check(const struct runtime_app *apps, size_t n, struct err *err)
{
	const char *twice;
	int r;

	for (size_t i = 0; i < n; i++) {
		r = runtime_app_check(&apps[i], err);
		if (r < 0)
			return err_wrap(err, r, "apps[%zu]", i);
	}
	twice = name_twice(apps, n, sizeof(*apps));
	if (twice)
		return err_set(err, -ERR_BAD_INPUT, "duplicate apps of name \"%s\"", twice);
	return 0;
}

static int volumes_check(const struct volume *volumes, size_t n, struct err *err)
{
	const char *twice;
	int r;

	for (size_t i = 0; i < n; i++) {
		r = volume_check(&volumes[i], err);
		if (r < 0)
			return err_wrap(err, r, "volumes[%zu]", i);
	}
	twice = name_twice(volumes, n, sizeof(*volumes));
	if (twice)
		return err_set(err, -ERR_BAD_INPUT, "duplicate volume name \"%s\"", twice);
	return 0;
}

static int exposed_port_check(const struct exposed_port *port, struct err *err)
{
	struct in6_addr address;
	int r;

	r = ac_name_check(port->name, err);
	if (r < 0)
		return r;
	if (port->host_port < 1 || port->host_port > 65535)
		return err_set(err, -ERR_BAD_INPUT, "hostPort must be in 1-65535 range");
	if (port->host_ip && *port->host_ip && inet_pton(AF_INET, port->host_ip, &address) != 1 &&
	    inet_pton(AF_INET6, port->host_ip, &address) != 1)
		return err_set(err, -ERR_BAD_INPUT, "hostIP is not an IP address: \"%s\"", port->host_ip);
	return port->pod_port ? port_check(port->pod_port, err) : 0;
}

int pod_manifest_check(const struct pod_manifest *m, struct err *err)
{
	int r;

	if (!m->ac_kind || !*m->ac_kind)
		return err_set(err, -ERR_BAD_INPUT, "ACKind must be set");
	if (!str_eq(m->ac_kind, "PodManifest"))
		return err_set(err, -ERR_BAD_INPUT, "bad ACKind: %s", m->ac_kind);
	r = ac_version_check(m->ac_version, err);
	if (r >= 0)
		r = apps_check(m->apps, m->n_apps, err);
	if (r >= 0)
		r = volumes_check(m->volumes, m->n_volumes, err);
	if (r >= 0)
		r = isolators_check(m->isolators, m->n_isolators, err);
	if (r >= 0)
		r = annotations_check(m->annotations, m->n_annotations, err);
	for (size_t i = 0; i < m->n_ports && r >= 0; i++) {
		r = exposed_port_check(&m->ports[i], err);
		if (r < 0)
			return err_wrap(err, r, "ports[%zu]", i);
	}
	return r;
}

char *pod_manifest_text(const struct pod_manifest *m, bool indent)
{
	return json_encode_text(pod_manifest_fields, m, indent);
}

const struct runtime_app *pod_manifest_app(const struct pod_manifest *m, const char *name)
{
	for (size_t i = 0; i < m->n_apps; i++)
		if (str_eq(m->apps[i].name, name))
			return &m->apps[i];
	return NULL;
}

const struct volume *pod_manifest_volume(const struct pod_manifest *m, const char *name)
{
	for (size_t i = 0; i < m->n_volumes; i++)
		if (str_eq(m->volumes[i].name, name))
			return &m->volumes[i];
	return NULL;
}

struct runtime_app *pod_manifest_add_app(struct pod_manifest *m)
{
	m->apps = xreallocarray(m->apps, m->n_apps + 1, sizeof(*m->apps));
	m->apps[m->n_apps] = (struct runtime_app){};
	return &m->apps[m->n_apps++];
}

struct volume *pod_manifest_add_volume(struct pod_manifest *m)
{
	m->volumes = xreallocarray(m->volumes, m->n_volumes + 1, sizeof(*m->volumes));
	m->volumes[m->n_volumes] = (struct volume){};
	return &m->volumes[m->n_volumes++];
}

struct mount *runtime_app_add_mount(struct runtime_app *app)
{
	app->mounts = xreallocarray(app->mounts, app->n_mounts + 1, sizeof(*app->mounts));
	app->mounts[app->n_mounts] = (struct mount){};
	return &app->mounts[app->n_mounts++];
}

void volume_clear(struct volume *v) { json_clear(volume_fields, v); }
void mount_clear(struct mount *m) { json_clear(mount_fields, m); }
void pod_manifest_clear(struct pod_manifest *m) { json_clear(pod_manifest_fields, m); }
