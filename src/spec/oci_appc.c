#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/path.h"
#include "config.h"
#include "spec/check.h"
#include "spec/oci.h"
#include "spec/registry.h"

enum {
	PORTS_MAX = 10000,
	VARIABLES_MAX = 10000,
	VOLUMES_MAX = 200,
	VOLUME_NAME_MAX = 180,	/* an AC name, with a suffix that tells it from another */
};

static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/*
 * s in lower case, with one separator wherever it has anything but letters and digits: the first such byte if
 * it is one of kept, else the first of kept. NULL: nothing is left of it.
 */
static char *sanitized(const char *s, const char *kept, size_t max)
{
	AUTO(free) char *out = xmalloc(strlen(s) + 1);
	size_t n = 0;

	for (; *s && n < max; s++) {
		char c = *s >= 'A' && *s <= 'Z' ? (char)(*s | 0x20) : *s;

		if (is_word(c))
			out[n++] = c;
		else if (n && is_word(out[n - 1]))
			out[n++] = strchr(kept, c) ? c : *kept;
	}
	if (n && !is_word(out[n - 1]))
		n--;
	out[n] = 0;
	return n ? TAKE(out) : NULL;
}

char *oci_appc_name(const char *text)
{
	return sanitized(text, "_-.~/", strlen(text));
}

static char *name_for(const struct oci_origin *o)
{
	char *name = NULL;

	if (o->name)
		return xstrdup(o->name);
	if (o->repository)
		name = o->registry ? registry_appc_name(o->registry, o->repository) : oci_appc_name(o->repository);
	if (!name && o->manifest_digest)
		name = oci_appc_name(o->manifest_digest);
	return name ?: xstrdup("image");
}

/* --- the app --- */

/* appc's names of users may be paths, whose owner is meant then; an image of Docker's cannot mean that. */
static bool is_user(const char *s)
{
	return !s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@$+-")] && strlen(s) < 256;
}

static int set_user(const struct oci_config *c, struct app *app, struct err *err)
{
	const char *text = c->user ?: "";
	size_t n = strcspn(text, ":");
	AUTO(free) char *user = xstrndup(text, n);
	const char *group = text[n] ? text + n + 1 : "";

	if (!is_user(user) || !is_user(group))
		return err_set(err, -ERR_BAD_INPUT, "the user \"%s\" is neither USER nor USER:GROUP", text);
	app->user = xstrdup(*user ? user : "0");
	app->group = xstrdup(*group ? group : app->user);
	return 0;
}

static void set_exec(const struct oci_config *c, struct app *app)
{
	char *const *parts[] = { c->entrypoint, c->cmd };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		for (char *const *word = parts[i]; word && *word; word++)
			strv_add(&app->exec, *word);
}

/* *ret_unsaid: the variables whose names appc does not allow. */
static int set_env(const struct oci_config *c, struct app *app, char ***ret_unsaid, struct err *err)
{
	if (strv_len(c->env) > VARIABLES_MAX)
		return err_set(err, -E2BIG, "more than %d environment variables", VARIABLES_MAX);
	for (char *const *var = c->env; var && *var; var++) {
		size_t n = strcspn(*var, "=");
		AUTO(free) char *name = xstrndup(*var, n);

		if (!(*var)[n])
			continue;	/* "NAME" alone means the variable of whoever starts it: nobody's here */
		if (env_name_check(name, NULL) >= 0)
			app_set_env(app, name, *var + n + 1);
		else
			strv_add(ret_unsaid, *var);
	}
	return 0;
}

static void set_working_dir(const struct oci_config *c, struct app *app)
{
	AUTO(free) char *absolute = NULL;

	if (!c->working_dir || !*c->working_dir)
		return;
	absolute = xasprintf("/%s", c->working_dir);
	app->working_dir = path_clean(absolute);
}

/* "80", "80/tcp", "8000-8010/udp" */
static int read_port(const char *text, struct port *ret, struct err *err)
{
	size_t digits = strcspn(text, "-/"), all = strcspn(text, "/");
	AUTO(free) char *first = xstrndup(text, digits);
	AUTO(free) char *last = digits < all ? xstrndup(text + digits + 1, all - digits - 1) : xstrdup(first);
	const char *protocol = text[all] ? text + all + 1 : "tcp";
	unsigned long long from, to;

	if (str_to_u64(first, 65535, &from) < 0 || str_to_u64(last, 65535, &to) < 0 || !from || to < from || !*protocol ||
	    strlen(protocol) > 16 || protocol[strspn(protocol, "abcdefghijklmnopqrstuvwxyz")])
		return err_set(err, -ERR_BAD_INPUT, "the exposed port \"%s\" is none", text);
	*ret = (struct port){
		.port = (int64_t)from, .count = (int64_t)(to - from) + 1, .protocol = xstrdup(protocol),
		.name = to > from ? xasprintf("%llu-%llu-%s", from, to, protocol) : xasprintf("%llu-%s", from, protocol),
	};
	return 0;
}

static int compare_ports(const void *a, const void *b)
{
	const struct port *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int set_ports(const struct oci_config *c, struct app *app, struct err *err)
{
	size_t n = strv_len(c->exposed_ports), kept = 0;
	int r;

	if (!n)
		return 0;
	if (n > PORTS_MAX)
		return err_set(err, -E2BIG, "more than %d exposed ports", PORTS_MAX);
	app->ports = xcalloc(n, sizeof(*app->ports));
	for (; app->n_ports < n; app->n_ports++) {
		r = read_port(c->exposed_ports[app->n_ports], &app->ports[app->n_ports], err);
		if (r < 0)
			return r;
	}
	qsort(app->ports, n, sizeof(*app->ports), compare_ports);
	for (size_t i = 0; i < n; i++) {
		if (!kept || !str_eq(app->ports[kept - 1].name, app->ports[i].name)) {
			app->ports[kept++] = app->ports[i];
			continue;
		}
		free(app->ports[i].name);	/* "80" and "80/tcp" */
		free(app->ports[i].protocol);
	}
	app->n_ports = kept;
	return 0;
}

static bool has_mount_point(const struct app *app, const char *name)
{
	for (size_t i = 0; i < app->n_mount_points; i++)
		if (str_eq(app->mount_points[i].name, name))
			return true;
	return false;
}

static char *mount_point_name(const struct app *app, const char *path)
{
	AUTO(free) char *whole = xasprintf("volume%s", path);
	AUTO(free) char *first = sanitized(whole, "-", VOLUME_NAME_MAX);
	char *name = xstrdup(first);

	for (unsigned i = 2; has_mount_point(app, name); i++) {
		free(name);
		name = xasprintf("%s-%u", first, i);
	}
	return name;
}

/* Has the path a part ".."? */
static bool goes_up(const char *path)
{
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += strspn(part, "/");
		if (str_starts(part, "..") && (!part[2] || part[2] == '/'))
			return true;
	}
	return false;
}

static int set_volumes(const struct oci_config *c, struct app *app, struct err *err)
{
	if (strv_len(c->volumes) > VOLUMES_MAX)
		return err_set(err, -E2BIG, "more than %d volumes", VOLUMES_MAX);
	for (char *const *volume = c->volumes; volume && *volume; volume++) {
		AUTO(free) char *path = path_clean(*volume);

		if (**volume != '/' || goes_up(*volume) || str_eq(path, "/") || strlen(path) >= PATH_MAX)
			return err_set(err, -ERR_BAD_INPUT, "the volume \"%s\" is no absolute path below the root", *volume);
		app->mount_points = xreallocarray(app->mount_points, app->n_mount_points + 1, sizeof(*app->mount_points));
		app->mount_points[app->n_mount_points] = (struct mount_point){
			.name = mount_point_name(app, path), .path = TAKE(path),
		};
		app->n_mount_points++;
	}
	return 0;
}

/* Names by which users of the engine speak to it: an image has no say there (CVE-2026-53488). */
static bool is_reserved(const char *name)
{
	static const char *const spaces[] = {
		"appc.io/", "coreos.com/rkt/", "io.kubernetes.", "io.containerd.", "io.podman.", "cdi.k8s.io/",
	};
	size_t n = strcspn(name, "/");

	for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
		if (strncasecmp(name, spaces[i], strlen(spaces[i])) == 0)
			return true;
	return name[n] && ((n >= 6 && strncasecmp(name + n - 6, "k8s.io", 6) == 0) ||
			   (n >= 13 && strncasecmp(name + n - 13, "kubernetes.io", 13) == 0));
}

static void set_user_labels(const struct oci_config *c, struct app *app)
{
	for (size_t i = 0; i < c->n_labels; i++)
		if (!strchr(c->labels[i].name, '=') && !is_reserved(c->labels[i].name))
			strv_take(&app->user_labels, xasprintf("%s=%s", c->labels[i].name, c->labels[i].value));
}

static int make_app(const struct oci_config *c, struct app *app, char ***ret_unsaid, struct err *err)
{
	int r = set_user(c, app, err);

	if (r >= 0)
		r = set_ports(c, app, err);
	if (r >= 0)
		r = set_volumes(c, app, err);
	if (r >= 0)
		r = set_env(c, app, ret_unsaid, err);
	if (r < 0)
		return r;
	set_exec(c, app);
	set_working_dir(c, app);
	set_user_labels(c, app);
	return 0;
}

/* --- what is said of the image --- */

static int set_labels(const struct oci_config *c, const struct oci_origin *o, struct image_manifest *m,
		      struct err *err)
{
	const char *os = c->os && *c->os ? c->os : NULL, *architecture = c->architecture;
	const char *arch = NULL;

	if (architecture && *architecture) {
		arch = oci_arch_to_appc(architecture, c->variant);
		if (!arch)
			return err_set(err, -ERR_BAD_INPUT, "appc has no name for the architecture \"%s\"", architecture);
	}
	if (o->version)
		label_set(&m->labels, &m->n_labels, "version", o->version);
	if (os)
		label_set(&m->labels, &m->n_labels, "os", os);
	if (arch)
		label_set(&m->labels, &m->n_labels, "arch", arch);
	return 0;
}

static void annotate(struct image_manifest *m, const char *name, const char *value)
{
	if (value && *value)
		label_set(&m->annotations, &m->n_annotations, name, value);
}

static void annotate_list(struct image_manifest *m, const char *name, char *const *list)
{
	struct json_writer *w;
	AUTO(free) char *text = NULL;

	if (!list || !*list)
		return;
	w = json_writer_new(false);
	json_open_array(w, NULL);
	for (; *list; list++)
		json_write_text(w, NULL, *list);
	json_close(w);
	text = json_writer_finish(w);
	annotate(m, name, text);
}

static bool names_no_group(const char *user)
{
	size_t n = strcspn(user, ":");

	return n && (!user[n] || !user[n + 1]);
}

static void set_annotations(const struct oci_config *c, const struct oci_origin *o, char *const *unsaid_env,
			    struct image_manifest *m)
{
	if (c->created && date_check(c->created, NULL) >= 0)
		annotate(m, "created", c->created);
	annotate(m, "author", c->author);
	annotate(m, "appc.io/docker/originalname", o->reference);
	annotate(m, "appc.io/docker/registryurl", o->registry);
	annotate(m, "appc.io/docker/repository", o->repository);
	annotate(m, "appc.io/docker/tag", o->tag);
	annotate(m, "appc.io/docker/imageid", o->config_digest);
	annotate(m, "appc.io/docker/manifesthash", o->manifest_digest);
	annotate_list(m, "appc.io/docker/entrypoint", c->entrypoint);
	annotate_list(m, "appc.io/docker/cmd", c->cmd);
	annotate_list(m, "appc.io/docker/env", unsaid_env);
	if (names_no_group(c->user ?: ""))
		annotate(m, IMAGE_ANNOTATION_DOCKER_USER, m->app->user);
	annotate(m, "appc.io/docker/stopsignal", c->stop_signal);
	annotate(m, "appc.io/docker/healthcheck", c->healthcheck);
	annotate(m, "appc.io/docker/shell", c->shell);
}

int oci_to_appc(const struct oci_config *config, const struct oci_origin *origin, struct image_manifest *ret,
		struct err *err)
{
	AUTO(image_manifest_clear) struct image_manifest m = {
		.ac_kind = xstrdup("ImageManifest"), .ac_version = xstrdup(APPC_VERSION), .name = name_for(origin),
		.app = xcalloc(1, sizeof(*m.app)),
	};
	AUTO(strv_free) char **unsaid_env = NULL;
	int r;

	r = make_app(config, m.app, &unsaid_env, err);
	if (r >= 0)
		r = set_labels(config, origin, &m, err);
	if (r < 0)
		return r;
	set_annotations(config, origin, unsaid_env, &m);
	r = image_manifest_check(&m, err);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct image_manifest){};
	return 0;
}
