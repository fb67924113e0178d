#include "stage0/manifest.h"

#include <string.h>

#include "spec/isolator.h"

void app_request_clear(struct app_request *r)
{
	strv_free(r->mounts);
	strv_free(r->annotations);
	strv_free(r->user_annotations);
	strv_free(r->user_labels);
	strv_free(r->environment);
	strv_free(r->args);
	*r = (struct app_request){};
}

static void replace(char **at, const char *value)
{
	free(*at);
	*at = xstrdup(value);
}

/* Splits "name=value". -ERR_BAD_INPUT: no "=". The caller frees *ret_name; *ret_value points into s. */
static int split_pair(const char *s, const char *flag, char **ret_name, const char **ret_value, struct err *err)
{
	const char *equals = strchr(s, '=');

	if (!equals)
		return err_set(err, -ERR_BAD_INPUT, "invalid format of --%s flag \"%s\"", flag, s);
	*ret_name = xstrndup(s, (size_t)(equals - s));
	*ret_value = equals + 1;
	return 0;
}

/* --- the options, one function each --- */

static int apply_exec(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	if (r->exec) {
		strv_free(TAKE(app->app->exec));
		strv_add(&app->app->exec, r->exec);
	}
	for (char **arg = r->args; arg && *arg; arg++)
		strv_add(&app->app->exec, *arg);
	return 0;
}

static int apply_working_dir(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	if (!r->working_dir)
		return 0;
	if (*r->working_dir != '/')
		return err_set(err, -ERR_BAD_INPUT, "--working-dir must be an absolute path, not \"%s\"",
			       r->working_dir);
	replace(&app->app->working_dir, r->working_dir);
	return 0;
}

/* A number is told here when it is none that the kernel has: cut to 32 bits, 4294967296 would be root. */
int identity_check(const char *what, const char *s, struct err *err)
{
	unsigned long long id;

	if (*s && *s != '-' && *s != '+' && s[strspn(s, "0123456789")])
		return 0;
	if (str_to_u64(s, UINT32_MAX - 1, &id) < 0)
		return err_set(err, -ERR_BAD_INPUT, "invalid %s \"%s\"", what, s);
	return 0;
}

static int apply_user(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	int k = 0;

	if (r->user) {
		k = identity_check("user", r->user, err);
		replace(&app->app->user, r->user);
	}
	if (r->group && k >= 0) {
		k = identity_check("group", r->group, err);
		replace(&app->app->group, r->group);
	}
	return k;
}

static int apply_gids(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	AUTO(strv_free) char **words = NULL;
	AUTO(free) int64_t *gids = NULL;
	size_t n = 0;

	if (!r->supplementary_gids)
		return 0;
	words = strv_split(r->supplementary_gids, ',');
	gids = xcalloc(strv_len(words), sizeof(*gids));
	for (; words && words[n]; n++) {
		unsigned long long gid;

		if (str_to_u64(words[n], UINT32_MAX - 1, &gid) < 0)
			return err_set(err, -ERR_BAD_INPUT, "--supplementary-gids must be integers");
		gids[n] = (int64_t)gid;
	}
	if (!n)
		return err_set(err, -ERR_BAD_INPUT, "--supplementary-gids must be integers");
	free(app->app->gids);
	app->app->gids = TAKE(gids);
	app->app->n_gids = n;
	return 0;
}

static int apply_readonly(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	static const struct { const char *word; bool value; } words[] = {
		{ "1", true }, { "t", true }, { "T", true }, { "true", true }, { "TRUE", true }, { "True", true },
		{ "0", false }, { "f", false }, { "F", false }, { "false", false }, { "FALSE", false },
		{ "False", false },
	};

	if (!r->readonly_rootfs)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(words[i].word, r->readonly_rootfs)) {
			app->read_only_rootfs = words[i].value;
			return 0;
		}
	return err_set(err, -ERR_BAD_INPUT, "--readonly-rootfs must be set with a boolean");
}

static int override_caps_retain(struct app *app, const char *list, struct err *err)
{
	return app_override_caps(app, SET_RETAIN, list, err);
}

static int override_caps_remove(struct app *app, const char *list, struct err *err)
{
	return app_override_caps(app, SET_REMOVE, list, err);
}

static int apply_isolators(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	const struct {
		const char *flag, *value;
		int (*apply)(struct app *app, const char *value, struct err *err);
	} options[] = {
		{ "memory", r->memory, app_override_memory },
		{ "cpu", r->cpu, app_override_cpu },
		{ "cpu-shares", r->cpu_shares, app_override_cpu_shares },
		{ "oom-score-adj", r->oom_score_adj, app_override_oom_score_adj },
		{ "seccomp", r->seccomp, app_override_seccomp },
		{ "caps-retain", r->caps_retain, override_caps_retain },
		{ "caps-remove", r->caps_remove, override_caps_remove },
	};

	if (r->caps_retain && r->caps_remove)
		return err_set(err, -ERR_BAD_INPUT,
			       "error: cannot use both --caps-retain and --caps-remove on the same image");
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		int k = options[i].value ? options[i].apply(app->app, options[i].value, err) : 0;

		if (k < 0)
			return err_wrap(err, k, "invalid --%s flag \"%s\"", options[i].flag, options[i].value);
	}
	return 0;
}

static int apply_annotations(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	for (char **s = r->annotations; s && *s; s++) {
		AUTO(free) char *name = NULL;
		const char *value;
		int k;

		k = split_pair(*s, "annotation", &name, &value, err);
		if (k < 0)
			return k;
		k = ac_identifier_check(name, err);
		if (k < 0)
			return err_wrap(err, k, "invalid --annotation flag \"%s\"", *s);
		label_set(&app->annotations, &app->n_annotations, name, value);
	}
	return 0;
}

/* Puts "key=value" in place of the entry with that key. */
static void map_set(char ***map, const char *key, const char *entry)
{
	size_t len = strlen(key);

	for (char **old = *map; old && *old; old++)
		if (!strncmp(*old, key, len) && (*old)[len] == '=') {
			replace(old, entry);
			return;
		}
	strv_add(map, entry);
}

static int apply_map(char *const *given, const char *flag, char ***map, struct err *err)
{
	for (; given && *given; given++) {
		AUTO(free) char *key = NULL;
		const char *value;
		int k = split_pair(*given, flag, &key, &value, err);

		if (k < 0)
			return k;
		map_set(map, key, *given);
	}
	return 0;
}

static int apply_user_maps(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	int k = apply_map(r->user_annotations, "user-annotation", &app->app->user_annotations, err);

	return k < 0 ? k : apply_map(r->user_labels, "user-label", &app->app->user_labels, err);
}

static int apply_environment(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	for (char **s = r->environment; s && *s; s++) {
		AUTO(free) char *name = NULL;
		const char *value;
		int k;

		k = split_pair(*s, "environment", &name, &value, err);
		if (k >= 0)
			k = env_name_check(name, err);
		if (k < 0)
			return k;
		app_set_env(app->app, name, value);
	}
	return 0;
}

static int apply_mounts(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	for (char **s = r->mounts; s && *s; s++) {
		struct mount mount;
		int k = mount_parse(*s, &mount, err);

		if (k < 0)
			return k;
		*runtime_app_add_mount(app) = mount;
	}
	return 0;
}

static int (*const steps[])(const struct app_request *, struct runtime_app *, struct err *) = {
	apply_exec, apply_working_dir, apply_user, apply_gids, apply_readonly, apply_isolators,
	apply_annotations, apply_user_maps, apply_environment, apply_mounts,
};

int app_request_apply(const struct app_request *r, struct runtime_app *app, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int k = steps[i](r, app, err);

		if (k < 0)
			return k;
	}
	return 0;
}
