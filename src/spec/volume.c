#include <string.h>

#include "spec/check.h"
#include "spec/params.h"
#include "spec/pod.h"

static const int64_t ID_MAX = UINT32_MAX - 1;	/* the last one means "no change" to the kernel */

bool volume_is_host(const struct volume *v) { return str_eq(v->kind, "host"); }

static int host_volume_check(const struct volume *v, struct err *err)
{
	const char *refused = v->mode ? "mode" : v->uid.set ? "uid" : v->gid.set ? "gid" : NULL;

	if (!v->source || !*v->source)
		return err_set(err, -ERR_BAD_INPUT, "source for host volume cannot be empty");
	if (*v->source != '/')
		return err_set(err, -ERR_BAD_INPUT, "source for host volume must be absolute path");
	if (refused)
		return err_set(err, -ERR_BAD_INPUT, "%s for host volume cannot be set", refused);
	return path_check(v->source, "source for host volume", err);
}

static bool is_mode(const char *s)
{
	size_t n = strspn(s, "01234567");

	return n && !s[n] && strtoul(s, NULL, 8) <= 07777;
}

static int id_check(const struct json_opt_int *id, const char *what, struct err *err)
{
	if (id->set && (id->value < 0 || id->value > ID_MAX))
		return err_set(err, -ERR_BAD_INPUT, "%s for empty volume is out of range", what);
	return 0;
}

static int empty_volume_check(const struct volume *v, struct err *err)
{
	int r;

	if (v->source && *v->source)
		return err_set(err, -ERR_BAD_INPUT, "source for empty volume must be empty");
	if (v->mode && !is_mode(v->mode))
		return err_set(err, -ERR_BAD_INPUT, "mode for empty volume is not an octal mode: \"%s\"", v->mode);
	r = id_check(&v->uid, "uid", err);
	return r < 0 ? r : id_check(&v->gid, "gid", err);
}

int volume_check(const struct volume *v, struct err *err)
{
	int r;

	r = ac_name_check(v->name, err);
	if (r < 0)
		return r;
	if (volume_is_host(v))
		return host_volume_check(v, err);
	if (str_eq(v->kind, "empty"))
		return empty_volume_check(v, err);
	return err_set(err, -ERR_BAD_INPUT, "unrecognized volume kind: should be one of \"empty\", \"host\"");
}

static int read_bool(const struct label *param, struct json_opt_bool *ret, struct err *err)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!str_eq(param->value, yes[i]) && !str_eq(param->value, no[i]))
			continue;
		*ret = (struct json_opt_bool){ .set = true, .value = str_eq(param->value, yes[i]) };
		return 0;
	}
	return err_set(err, -ERR_BAD_INPUT, "%s is not true or false: \"%s\"", param->name, param->value);
}

static int read_id(const struct label *param, struct json_opt_int *ret, struct err *err)
{
	unsigned long long id;

	if (str_to_u64(param->value, (unsigned long long)ID_MAX, &id) < 0)
		return err_set(err, -ERR_BAD_INPUT, "%s is not an id: \"%s\"", param->name, param->value);
	*ret = (struct json_opt_int){ .set = true, .value = (int64_t)id };
	return 0;
}

static int set_volume_param(struct volume *v, const struct label *param, struct err *err)
{
	const struct { const char *name; char **string; struct json_opt_bool *flag; struct json_opt_int *id; } params[] = {
		{ "name", &v->name, NULL, NULL }, { "kind", &v->kind, NULL, NULL },
		{ "source", &v->source, NULL, NULL }, { "mode", &v->mode, NULL, NULL },
		{ "readOnly", NULL, &v->read_only, NULL }, { "recursive", NULL, &v->recursive, NULL },
		{ "uid", NULL, NULL, &v->uid }, { "gid", NULL, NULL, &v->gid },
	};

	for (size_t i = 0; i < ARRAY_LEN(params); i++) {
		if (!str_eq(params[i].name, param->name))
			continue;
		if (params[i].flag)
			return read_bool(param, params[i].flag, err);
		if (params[i].id)
			return read_id(param, params[i].id, err);
		*params[i].string = xstrdup(param->value);
		return 0;
	}
	return err_set(err, -ERR_BAD_INPUT, "unknown volume parameter \"%s\"", param->name);
}

int volume_parse(const char *s, struct volume *v, struct err *err)
{
	AUTO(free) char *text = xasprintf("name=%s", s);
	struct label *params = NULL;
	size_t n = 0;
	int r;

	*v = (struct volume){};
	r = params_split(text, &params, &n, err);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = set_volume_param(v, &params[i], err);
	if (r >= 0)
		r = volume_check(v, err);
	if (r < 0)
		volume_clear(v);
	labels_free(params, n);
	return r;
}

static int set_mount_param(struct mount *m, const struct label *param, const char *whole, struct err *err)
{
	AUTO(err_clear) struct err why = {};

	if (str_eq(param->name, "target")) {
		m->path = xstrdup(param->value);
		return 0;
	}
	if (!str_eq(param->name, "volume"))
		return err_set(err, -ERR_BAD_INPUT, "unknown mount parameter \"%s\"", param->name);
	if (ac_name_check(param->value, &why) < 0)
		return err_set(err, -ERR_BAD_INPUT, "invalid volume name \"%s\" in --mount flag \"%s\": %s",
			       param->value, whole, why.chain[0]);
	m->volume = xstrdup(param->value);
	return 0;
}

int mount_parse(const char *s, struct mount *m, struct err *err)
{
	struct label *params = NULL;
	size_t n = 0;
	int r;

	*m = (struct mount){};
	r = params_split(s, &params, &n, err);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = set_mount_param(m, &params[i], s, err);
	if (r >= 0 && !m->volume)
		r = err_set(err, -ERR_BAD_INPUT, "volume must be set");
	if (r >= 0 && !m->path)
		r = err_set(err, -ERR_BAD_INPUT, "path must be set");
	if (r >= 0)
		r = path_check(m->path, "target", err);
	if (r < 0)
		mount_clear(m);
	labels_free(params, n);
	return r;
}
