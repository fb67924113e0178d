#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "spec/check.h"
#include "spec/isolator.h"

enum { GIDS_MAX = 65536 };	/* NGROUPS_MAX */
static const int64_t ID_MAX = UINT32_MAX - 1;	/* the last one means "no change" to the kernel */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *name_twice(const void *items, size_t n, size_t size)
{
	AUTO(free) const char **names = xcalloc(n, sizeof(*names));

	for (size_t i = 0; i < n; i++)
		names[i] = *(const char *const *)((const char *)items + i * size);
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 1; i < n; i++)
		if (str_eq(names[i - 1], names[i]))
			return names[i];
	return NULL;
}

int path_check(const char *path, const char *what, struct err *err)
{
	if (*path != '/')
		return err_set(err, -ERR_BAD_INPUT, "%s must be an absolute path", what);
	if (strlen(path) >= PATH_MAX)
		return err_set(err, -ERR_BAD_INPUT, "%s is longer than %d bytes", what, PATH_MAX - 1);
	return 0;
}

/* Label values end in URLs, file names and tables: control bytes would make two lines of one. */
static int label_value_check(const struct label *label, struct err *err)
{
	uint32_t c = 0;

	for (const char *s = label->value, *end = s + strlen(s); s < end;) {
		size_t n = utf8_next(s, (size_t)(end - s), &c);

		if (!n || utf8_is_control(c))
			return err_set(err, -ERR_BAD_INPUT, "value of \"%s\" holds a control character", label->name);
		s += n;
	}
	return 0;
}

int labels_check(const struct label *labels, size_t n, struct err *err)
{
	const char *twice = NULL;
	int r;

	for (size_t i = 0; i < n; i++) {
		r = ac_identifier_check(labels[i].name, err);
		if (r >= 0 && str_eq(labels[i].name, "name"))
			r = err_set(err, -ERR_BAD_INPUT, "invalid label name: \"name\"");
		if (r >= 0)
			r = label_value_check(&labels[i], err);
		if (r < 0)
			return err_wrap(err, r, "labels[%zu]", i);
	}
	twice = name_twice(labels, n, sizeof(*labels));
	if (twice)
		return err_set(err, -ERR_BAD_INPUT, "duplicate labels of name \"%s\"", twice);
	return os_arch_check(label_get(labels, n, "os"), label_get(labels, n, "arch"), err);
}

static int url_check(const char *s, struct err *err)
{
	if (!str_starts(s, "http://") && !str_starts(s, "https://"))
		return err_set(err, -ERR_BAD_INPUT, "bad URL scheme, must be http/https");
	return 0;
}

int annotations_check(const struct label *annotations, size_t n, struct err *err)
{
	static const struct { const char *name; int (*check)(const char *s, struct err *err); } known[] = {
		{ "created", date_check }, { "homepage", url_check }, { "documentation", url_check },
	};
	const char *twice;
	int r;

	for (size_t i = 0; i < n; i++) {
		r = ac_identifier_check(annotations[i].name, err);
		for (size_t k = 0; k < ARRAY_LEN(known) && r >= 0; k++)
			if (str_eq(known[k].name, annotations[i].name))
				r = known[k].check(annotations[i].value, err);
		if (r < 0)
			return err_wrap(err, r, "annotations[%zu]", i);
	}
	twice = name_twice(annotations, n, sizeof(*annotations));
	if (twice)
		return err_set(err, -ERR_BAD_INPUT, "duplicate annotations of name \"%s\"", twice);
	return 0;
}

int isolators_check(const struct isolator *list, size_t n, struct err *err)
{
	AUTO(isolation_clear) struct isolation isolation = {};

	return isolation_read(list, n, &isolation, err);
}

static int handlers_check(const struct event_handler *handlers, size_t n, struct err *err)
{
	const char *twice;

	for (size_t i = 0; i < n; i++)
		if (!str_eq(handlers[i].name, "pre-start") && !str_eq(handlers[i].name, "post-stop"))
			return err_set(err, -ERR_BAD_INPUT, "bad eventHandler \"name\": \"%s\"", handlers[i].name);
	twice = name_twice(handlers, n, sizeof(*handlers));
	if (twice)
		return err_set(err, -ERR_BAD_INPUT, "Only one eventHandler of name \"%s\" allowed", twice);
	return 0;
}

static int env_check(const struct env_var *env, size_t n, struct err *err)
{
	const char *twice;
	int r;

	for (size_t i = 0; i < n; i++) {
		r = env_name_check(env[i].name, err);
		/* Never from JSON, but from a command line; writing it down would change it. */
		if (r >= 0 && !utf8_is_valid(env[i].value))
			r = err_set(err, -ERR_BAD_INPUT, "value of \"%s\" is not valid UTF-8", env[i].name);
		if (r < 0)
			return err_wrap(err, r, "environment[%zu]", i);
	}
	twice = name_twice(env, n, sizeof(*env));
	if (twice)
		return err_set(err, -ERR_BAD_INPUT, "duplicate environment variable of name \"%s\"", twice);
	return 0;
}

static int mount_points_check(const struct mount_point *points, size_t n, struct err *err)
{
	int r;

	for (size_t i = 0; i < n; i++) {
		r = ac_name_check(points[i].name, err);
		if (r >= 0)
			r = path_check(points[i].path, "path", err);
		if (r < 0)
			return err_wrap(err, r, "mountPoints[%zu]", i);
	}
	return 0;
}

static bool is_protocol(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

	return n && n <= 16 && !s[n];
}

int port_check(const struct port *port, struct err *err)
{
	int r;

	r = ac_name_check(port->name, err);
	if (r < 0)
		return r;
	if (!is_protocol(port->protocol))
		return err_set(err, -ERR_BAD_INPUT, "bad protocol \"%s\"", port->protocol);
	if (port->port < 1 || port->port > 65535)
		return err_set(err, -ERR_BAD_INPUT, "port must be in 1-65535 range");
	if (port->count < 1)
		return err_set(err, -ERR_BAD_INPUT, "count must be 1 or more");
	if (port->count > 65536 - port->port)
		return err_set(err, -ERR_BAD_INPUT, "end of port range must be in 1-65535 range");
	return 0;
}

static int identity_check(const struct app *app, struct err *err)
{
	if (!app->user || !*app->user)
		return err_set(err, -ERR_BAD_INPUT, "user is required");
	if (!app->group || !*app->group)
		return err_set(err, -ERR_BAD_INPUT, "group is required");
	if (app->n_gids > GIDS_MAX)
		return err_set(err, -ERR_BAD_INPUT, "more than %d supplementaryGIDs", GIDS_MAX);
	for (size_t i = 0; i < app->n_gids; i++)
		if (app->gids[i] < 0 || app->gids[i] > ID_MAX)
			return err_set(err, -ERR_BAD_INPUT, "supplementaryGIDs[%zu]: out of range", i);
	return 0;
}

int app_check(const struct app *app, struct err *err)
{
	int r;

	for (size_t i = 0; app->exec && app->exec[i]; i++)
		if (!utf8_is_valid(app->exec[i]))
			return err_set(err, -ERR_BAD_INPUT, "exec[%zu]: not valid UTF-8", i);
	r = handlers_check(app->handlers, app->n_handlers, err);
	if (r >= 0)
		r = identity_check(app, err);
	if (r >= 0 && app->working_dir && *app->working_dir)
		r = path_check(app->working_dir, "workingDirectory", err);
	if (r >= 0)
		r = env_check(app->env, app->n_env, err);
	if (r >= 0)
		r = mount_points_check(app->mount_points, app->n_mount_points, err);
	for (size_t i = 0; i < app->n_ports && r >= 0; i++) {
		r = port_check(&app->ports[i], err);
		if (r < 0)
			return err_wrap(err, r, "ports[%zu]", i);
	}
	return r < 0 ? r : isolators_check(app->isolators, app->n_isolators, err);
}

static int dependency_check(const struct dependency *d, struct err *err)
{
	int r;

	if (!d->image_name || !*d->image_name)
		return err_set(err, -ERR_BAD_INPUT, "imageName cannot be empty");
	r = ac_identifier_check(d->image_name, err);
	if (r >= 0 && d->image_id && *d->image_id)
		r = image_id_check(d->image_id, err);
	if (r >= 0 && d->size < 0)
		r = err_set(err, -ERR_BAD_INPUT, "size is negative");
	return r < 0 ? r : labels_check(d->labels, d->n_labels, err);
}

int image_manifest_check(const struct image_manifest *m, struct err *err)
{
	int r;

	if (!m->ac_kind || !*m->ac_kind)
		return err_set(err, -ERR_BAD_INPUT, "ACKind must be set");
	if (!str_eq(m->ac_kind, "ImageManifest"))
		return err_set(err, -ERR_BAD_INPUT, "bad ACKind: %s", m->ac_kind);
	r = ac_version_check(m->ac_version, err);
	if (r < 0)
		return r;
	if (!m->name || !*m->name)
		return err_set(err, -ERR_BAD_INPUT, "name must be set");
	r = ac_identifier_check(m->name, err);
	if (r < 0)
		return err_wrap(err, r, "name");
	r = labels_check(m->labels, m->n_labels, err);
	if (r < 0)
		return r;
	r = m->app ? app_check(m->app, err) : 0;
	if (r < 0)
		return err_wrap(err, r, "app");
	for (size_t i = 0; i < m->n_dependencies; i++) {
		r = dependency_check(&m->dependencies[i], err);
		if (r < 0)
			return err_wrap(err, r, "dependencies[%zu]", i);
	}
	return annotations_check(m->annotations, m->n_annotations, err);
}
