#include "spec/image.h"

#define AT(member) offsetof(TYPE, member)
#define COUNT_OF(member) sizeof(*((TYPE *)NULL)->member)

#define TYPE struct label
const struct json_field label_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "value", JSON_STRING, AT(value), JSON_REQUIRED },
	{}
};
#undef TYPE

#define TYPE struct env_var
const struct json_field env_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "value", JSON_STRING, AT(value), JSON_REQUIRED },
	{}
};
#undef TYPE

#define TYPE struct isolator
const struct json_field isolator_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "value", JSON_RAW, AT(value), JSON_REQUIRED },
	{}
};
#undef TYPE

#define TYPE struct event_handler
static const struct json_field handler_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "exec", JSON_STRV, AT(exec), JSON_REQUIRED },
	{}
};
#undef TYPE

#define TYPE struct mount_point
static const struct json_field mount_point_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "path", JSON_STRING, AT(path), JSON_REQUIRED },
	{ "readOnly", JSON_OPT_BOOL, AT(read_only), JSON_OMIT_EMPTY },
	{}
};
#undef TYPE

#define TYPE struct port
const struct json_field port_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "protocol", JSON_STRING, AT(protocol), JSON_REQUIRED },
	{ "port", JSON_INT, AT(port), JSON_REQUIRED },
	{ "count", JSON_INT, AT(count), JSON_OMIT_EMPTY },
	{ "socketActivated", JSON_BOOL, AT(socket_activated), 0 },
	{}
};
#undef TYPE

#define TYPE struct app
const struct json_field app_fields[] = {
	{ "exec", JSON_STRV, AT(exec), 0 },
	{ "eventHandlers", JSON_LIST, AT(handlers), JSON_OMIT_EMPTY, handler_fields, COUNT_OF(handlers) },
	{ "user", JSON_STRING, AT(user), 0 },
	{ "group", JSON_STRING, AT(group), 0 },
	{ "supplementaryGIDs", JSON_INTV, AT(gids), JSON_OMIT_EMPTY },
	{ "workingDirectory", JSON_STRING, AT(working_dir), JSON_OMIT_EMPTY },
	{ "environment", JSON_LIST, AT(env), JSON_OMIT_EMPTY, env_fields, COUNT_OF(env) },
	{ "mountPoints", JSON_LIST, AT(mount_points), JSON_OMIT_EMPTY, mount_point_fields, COUNT_OF(mount_points) },
	{ "ports", JSON_LIST, AT(ports), JSON_OMIT_EMPTY, port_fields, COUNT_OF(ports) },
	{ "isolators", JSON_LIST, AT(isolators), JSON_OMIT_EMPTY, isolator_fields, COUNT_OF(isolators) },
	{ "userAnnotations", JSON_MAP, AT(user_annotations), JSON_OMIT_EMPTY },
	{ "userLabels", JSON_MAP, AT(user_labels), JSON_OMIT_EMPTY },
	{}
};
#undef TYPE

#define TYPE struct dependency
static const struct json_field dependency_fields[] = {
	{ "imageName", JSON_STRING, AT(image_name), 0 },
	{ "imageID", JSON_STRING, AT(image_id), JSON_OMIT_EMPTY },
	{ "labels", JSON_LIST, AT(labels), JSON_OMIT_EMPTY, label_fields, COUNT_OF(labels) },
	{ "size", JSON_INT, AT(size), JSON_OMIT_EMPTY },
	{}
};
#undef TYPE

#define TYPE struct image_manifest
const struct json_field image_manifest_fields[] = {
	{ "acKind", JSON_STRING, AT(ac_kind), 0 },
	{ "acVersion", JSON_STRING, AT(ac_version), 0 },
	{ "name", JSON_STRING, AT(name), 0 },
	{ "labels", JSON_LIST, AT(labels), JSON_OMIT_EMPTY, label_fields, COUNT_OF(labels) },
	{ "app", JSON_PTR, AT(app), JSON_OMIT_EMPTY, app_fields, sizeof(struct app) },
	{ "annotations", JSON_LIST, AT(annotations), JSON_OMIT_EMPTY, label_fields, COUNT_OF(annotations) },
	{ "dependencies", JSON_LIST, AT(dependencies), JSON_OMIT_EMPTY, dependency_fields, COUNT_OF(dependencies) },
	{ "pathWhitelist", JSON_STRV, AT(path_whitelist), JSON_OMIT_EMPTY },
	{}
};
#undef TYPE

int image_manifest_read(const char *text, size_t len, struct image_manifest *m, struct err *err)
{
	int r;

	if (len > MANIFEST_MAX_BYTES)
		return err_set(err, -E2BIG, "manifest is larger than %d bytes", MANIFEST_MAX_BYTES);
	r = json_decode_text(text, len, image_manifest_fields, m, err);
	if (r < 0)
		return r;
	if (m->app)
		app_set_defaults(m->app);
	r = image_manifest_check(m, err);
	if (r < 0)
		image_manifest_clear(m);
	return r;
}

void app_set_defaults(struct app *app)
{
	for (size_t i = 0; i < app->n_ports; i++)
		port_set_defaults(&app->ports[i]);
}

void port_set_defaults(struct port *port)
{
	if (!port->count)
		port->count = 1;
}

struct app *app_copy(const struct app *app)
{
	struct app *copy;

	if (!app)
		return NULL;
	copy = xcalloc(1, sizeof(*copy));
	json_duplicate(app_fields, app, copy);
	return copy;
}

void app_free(struct app *app)
{
	if (app)
		json_clear(app_fields, app);
	free(app);
}

void app_set_env(struct app *app, const char *name, const char *value)
{
	char *copy = xstrdup(value);

	for (size_t i = 0; i < app->n_env; i++) {
		if (str_eq(app->env[i].name, name)) {
			free(app->env[i].value);
			app->env[i].value = copy;
			return;
		}
	}
	app->env = xreallocarray(app->env, app->n_env + 1, sizeof(*app->env));
	app->env[app->n_env++] = (struct env_var){ .name = xstrdup(name), .value = copy };
}

const char *app_get_env(const struct app *app, const char *name)
{
	for (size_t i = 0; i < app->n_env; i++)
		if (str_eq(app->env[i].name, name))
			return app->env[i].value;
	return NULL;
}

void image_manifest_clear(struct image_manifest *m) { json_clear(image_manifest_fields, m); }
