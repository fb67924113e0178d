#include "stage0/manifest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/utf8.h"

enum { ENV_FILE_MAX_BYTES = 1 << 20 };

void pod_options_clear(struct pod_options *o)
{
	for (size_t i = 0; i < o->n_volumes; i++)
		volume_clear(&o->volumes[i]);
	for (size_t i = 0; i < o->n_mounts; i++)
		mount_clear(&o->mounts[i]);
	for (size_t i = 0; i < o->n_ports; i++) {
		free(o->ports[i].name);
		free(o->ports[i].host_ip);
	}
	free(o->volumes);
	free(o->mounts);
	free(o->ports);
	strv_free(o->inherited);
	strv_free(o->set_env);
	strv_free(o->set_env_files);
	*o = (struct pod_options){};
}

static int parse_volumes(char *const *words, struct pod_options *o, struct err *err)
{
	o->volumes = xcalloc(strv_len(words), sizeof(*o->volumes));
	for (; words && *words; words++) {
		struct volume *v = &o->volumes[o->n_volumes];
		int k = volume_parse(*words, v, err);

		if (k < 0)
			return err_wrap(err, k, "invalid value in --volume flag \"%s\"", *words);
		o->n_volumes++;
		for (size_t i = 0; i + 1 < o->n_volumes; i++)
			if (str_eq(o->volumes[i].name, v->name))
				return err_set(err, -ERR_BAD_INPUT, "duplicate volume name \"%s\"", v->name);
	}
	return 0;
}

static int parse_mounts(char *const *words, struct pod_options *o, struct err *err)
{
	o->mounts = xcalloc(strv_len(words), sizeof(*o->mounts));
	for (; words && *words; words++) {
		int k = mount_parse(*words, &o->mounts[o->n_mounts], err);

		if (k < 0)
			return k;
		o->n_mounts++;
	}
	return 0;
}

/* "[::1]" and "::1" are the same address. The caller frees *ret. */
static int parse_ip(const char *s, size_t len, char **ret)
{
	AUTO(free) char *ip = len > 2 && *s == '[' && s[len - 1] == ']' ? xstrndup(s + 1, len - 2) : xstrndup(s, len);
	struct in6_addr address;

	if (inet_pton(AF_INET, ip, &address) != 1 && inet_pton(AF_INET6, ip, &address) != 1)
		return -EINVAL;
	*ret = TAKE(ip);
	return 0;
}

/* NAME:[HOSTIP:]HOSTPORT */
static int parse_port(const char *s, struct exposed_port *port, struct err *err)
{
	const char *first = strchr(s, ':'), *last = strrchr(s, ':');
	AUTO(free) char *name = NULL, *ip = NULL;
	unsigned long long number;

	if (!first)
		return err_set(err, -ERR_BAD_INPUT, "\"%s\" is not in name:[ip:]port format", s);
	name = xstrndup(s, (size_t)(first - s));
	if (ac_name_check(name, NULL) < 0)
		return err_set(err, -ERR_BAD_INPUT, "\"%s\" is not a valid port name", name);
	if (last != first && parse_ip(first + 1, (size_t)(last - first - 1), &ip) < 0)
		return err_set(err, -ERR_BAD_INPUT, "\"%.*s\" is not a valid IP", (int)(last - first - 1), first + 1);
	if (str_to_u64(last + 1, 65535, &number) < 0 || !number)
		return err_set(err, -ERR_BAD_INPUT, "\"%s\" is not a valid port number", last + 1);
	*port = (struct exposed_port){ .name = TAKE(name), .host_ip = TAKE(ip), .host_port = (int64_t)number };
	return 0;
}

static int parse_ports(char *const *words, struct pod_options *o, struct err *err)
{
	o->ports = xcalloc(strv_len(words), sizeof(*o->ports));
	for (; words && *words; words++) {
		int k = parse_port(*words, &o->ports[o->n_ports], err);

		if (k < 0)
			return k;
		o->n_ports++;
	}
	return 0;
}

/* --- environment --- */

/* The name of "name=value"; NULL: there is no "=". The caller frees it. */
static char *pair_name(const char *pair)
{
	const char *equals = strchr(pair, '=');

	return equals ? xstrndup(pair, (size_t)(equals - pair)) : NULL;
}

static bool has_name(char *const *pairs, const char *name)
{
	size_t len = strlen(name);

	for (; pairs && *pairs; pairs++)
		if (!strncmp(*pairs, name, len) && (*pairs)[len] == '=')
			return true;
	return false;
}

static int parse_set_env(char *const *words, char ***ret, struct err *err)
{
	for (; words && *words; words++) {
		AUTO(free) char *name = pair_name(*words);
		int k;

		if (!name)
			return err_set(err, -ERR_BAD_INPUT, "\"%s\": must be specified as key=value", *words);
		k = env_name_check(name, err);
		if (k < 0)
			return k;
		if (has_name(*ret, name))
			return err_set(err, -ERR_BAD_INPUT, "key \"%s\" already set", name);
		strv_add(ret, *words);
	}
	return 0;
}

static int parse_env_line(const char *line, const char *path, char ***ret, struct err *err)
{
	AUTO(free) char *name = NULL;
	int k;

	if (!*line || *line == '#' || *line == ';')
		return 0;
	name = pair_name(line);
	if (!name)
		return err_set(err, -ERR_BAD_INPUT,
			       "environment variable must be specified as name=value (file \"%s\")", path);
	k = env_name_check(name, err);
	if (k < 0)
		return err_wrap(err, k, "cannot use environment file \"%s\"", path);
	if (has_name(*ret, name))
		return err_set(err, -ERR_BAD_INPUT, "environment variable \"%s\" already set (file \"%s\")", name,
			       path);
	strv_add(ret, line);
	return 0;
}

/* A file that the operator named: links are his to use. */
static int read_named_file(const char *path, size_t max, char **ret, size_t *ret_len, struct err *err)
{
	AUTO(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int k;

	if (fd < 0)
		return err_sys(err, -errno, "cannot open \"%s\"", path);
	k = fd_read_file(fd, max, ret, ret_len);
	return k < 0 ? err_sys(err, k, "cannot read \"%s\"", path) : 0;
}

static int parse_env_files(char *const *paths, char ***ret, struct err *err)
{
	for (; paths && *paths; paths++) {
		AUTO(free) char *text = NULL;
		char *line, *next;
		size_t len;
		int k;

		k = read_named_file(*paths, ENV_FILE_MAX_BYTES, &text, &len, err);
		if (k < 0)
			return k;
		if (strlen(text) != len)
			return err_set(err, -ERR_BAD_INPUT, "environment file \"%s\" has a NUL byte", *paths);
		for (line = text; line; line = next) {
			next = strchr(line, '\n');
			if (next)
				*next++ = 0;
			if (str_ends(line, "\r"))
				line[strlen(line) - 1] = 0;
			k = parse_env_line(line, *paths, ret, err);
			if (k < 0)
				return k;
		}
	}
	return 0;
}

/* Variables that no manifest can hold stay behind: bash's functions have "%%" in their names. */
static void inherit(char *const *environment, char ***ret)
{
	for (; environment && *environment; environment++) {
		AUTO(free) char *name = pair_name(*environment);

		if (!name || env_name_check(name, NULL) < 0 || !utf8_is_valid(*environment))
			log_debug("not inherited, because no manifest can hold it: %s", name ?: *environment);
		else if (!has_name(*ret, name))
			strv_add(ret, *environment);
	}
}

/* --- the request as a whole --- */

static bool has_volume(const struct pod_options *o, const char *name)
{
	for (size_t i = 0; i < o->n_volumes; i++)
		if (str_eq(o->volumes[i].name, name))
			return true;
	return false;
}

static int check_dangling(const struct pod_options *o, const struct mount *mounts, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!has_volume(o, mounts[i].volume))
			return err_set(err, -ERR_BAD_INPUT, "dangling mount point \"%s\": volume \"%s\" not found",
				       mounts[i].path, mounts[i].volume);
	return 0;
}

/* With --pod-manifest the file says it all. */
static int check_pod_manifest_alone(const struct prepare_request *r, struct err *err)
{
	if (r->n_apps || r->inherit_env || strv_len(r->volumes) || strv_len(r->mounts) || strv_len(r->set_env) ||
	    strv_len(r->set_env_files) || strv_len(r->ports))
		return err_set(err, -ERR_USAGE, "conflicting flags set with --pod-manifest (see --help)");
	return 0;
}

/* Applies the options to an app that nobody will see: what fails here would else fail after fetching. */
static int check_app(const struct app_request *r, const struct pod_options *o, struct err *err)
{
	AUTO(pod_manifest_clear) struct pod_manifest scratch = {};
	struct runtime_app *app = pod_manifest_add_app(&scratch);
	int k;

	if (r->name) {
		k = ac_name_check(r->name, err);
		if (k < 0)
			return err_wrap(err, k, "invalid app name \"%s\"", r->name);
	}
	app->app = xcalloc(1, sizeof(*app->app));
	k = app_request_apply(r, app, err);
	return k < 0 ? k : check_dangling(o, app->mounts, app->n_mounts, err);
}

static int check_apps(const struct prepare_request *r, const struct pod_options *o, struct err *err)
{
	for (size_t i = 0; i < r->n_apps; i++) {
		const struct app_request *app = &r->apps[i];
		int k = check_app(app, o, err);

		if (k < 0)
			return err_wrap(err, k, "error parsing app image arguments");
		for (size_t other = 0; other < i; other++)
			if (app->name && str_eq(app->name, r->apps[other].name))
				return err_set(err, -ERR_BAD_INPUT, "error: multiple apps with name %s", app->name);
	}
	return 0;
}

static int parse_options(const struct prepare_request *r, char *const *environment, struct pod_options *o,
			 struct err *err)
{
	int k;

	k = parse_volumes(r->volumes, o, err);
	if (k >= 0)
		k = parse_mounts(r->mounts, o, err);
	if (k >= 0)
		k = check_dangling(o, o->mounts, o->n_mounts, err);
	if (k >= 0)
		k = parse_ports(r->ports, o, err);
	if (k >= 0)
		k = parse_set_env(r->set_env, &o->set_env, err);
	if (k >= 0)
		k = parse_env_files(r->set_env_files, &o->set_env_files, err);
	if (k >= 0 && r->inherit_env)
		inherit(environment, &o->inherited);
	return k;
}

int pod_options_parse(const struct prepare_request *r, char *const *environment, struct pod_options *ret,
		      struct err *err)
{
	AUTO(pod_options_clear) struct pod_options o = {};
	int k;

	if (r->pod_manifest)
		return check_pod_manifest_alone(r, err);
	if (!r->n_apps)
		return err_set(err, -ERR_USAGE, "must provide at least one image or specify the pod manifest");
	k = parse_options(r, environment, &o, err);
	if (k >= 0)
		k = check_apps(r, &o, err);
	if (k < 0)
		return k;
	*ret = o;
	o = (struct pod_options){};
	return 0;
}
