#include "spec/isolator.h"

#include <string.h>

enum {
	MEMORY_MIN = 4096,
	CPU_SHARES_MIN = 2, CPU_SHARES_MAX = 262144,
	OOM_SCORE_ADJ_MIN = -1000, OOM_SCORE_ADJ_MAX = 1000,
};

/* The kernel's largest quota, 2^44 - 1 microseconds, in each period of 100 ms. */
static const int64_t CPU_MILLI_MAX = ((INT64_C(1) << 44) - 1) / 100;

#define CAPS_RETAIN	"os/linux/capabilities-retain-set"
#define CAPS_REMOVE	"os/linux/capabilities-remove-set"
#define SECCOMP_RETAIN	"os/linux/seccomp-retain-set"
#define SECCOMP_REMOVE	"os/linux/seccomp-remove-set"
#define CPU_SHARES	"os/linux/cpu-shares"
#define OOM_SCORE_ADJ	"os/linux/oom-score-adj"
#define CPU		"resource/cpu"
#define MEMORY		"resource/memory"

static int bad(struct err *err, const char *words) { return err_set(err, -ERR_BAD_INPUT, "%s", words); }

/* A name in capital letters, as capabilities and errnos have. */
static bool is_constant(const char *s, const char *prefix)
{
	const char *rest = s + strlen(prefix);

	return str_starts(s, prefix) && *rest && !rest[strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
}

static bool is_capability(const char *s) { return is_constant(s, "CAP_"); }

/* A system call, or a group of them such as "@rkt/default-whitelist". */
static bool is_system_call(const char *s)
{
	s += *s == '@';
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-./")];
}

static int check_set(char *const *set, bool (*is_member)(const char *s), const char *what, struct err *err)
{
	if (!strv_len(set))
		return bad(err, "set must be non-empty");
	for (; *set; set++)
		if (!is_member(*set))
			return err_set(err, -ERR_BAD_INPUT, "\"%s\" is not %s", *set, what);
	return 0;
}

struct set_value { char **set, *errno_name; };
static const struct json_field set_fields[] = {
	{ "set", JSON_STRV, offsetof(struct set_value, set), 0 },
	{ "errno", JSON_STRING, offsetof(struct set_value, errno_name), JSON_OMIT_EMPTY },
	{}
};

static int read_caps(const struct json_value *v, enum set_mode mode, struct isolation *i, struct err *err)
{
	struct set_value value = {};
	int r;

	if (i->caps_mode != SET_DEFAULT && i->caps_mode != mode)
		return bad(err, "cannot have both " CAPS_RETAIN " and " CAPS_REMOVE);
	r = json_decode(v, set_fields, &value, err);
	if (r >= 0)
		r = check_set(value.set, is_capability, "a capability", err);
	if (r >= 0) {
		i->caps_mode = mode;
		i->caps = TAKE(value.set);
	}
	json_clear(set_fields, &value);
	return r;
}

static int read_caps_retain(const struct json_value *v, struct isolation *i, struct err *err)
{
	return read_caps(v, SET_RETAIN, i, err);
}

static int read_caps_remove(const struct json_value *v, struct isolation *i, struct err *err)
{
	return read_caps(v, SET_REMOVE, i, err);
}

static int read_seccomp(const struct json_value *v, enum set_mode mode, struct isolation *i, struct err *err)
{
	struct set_value value = {};
	int r;

	if (i->seccomp_mode != SET_DEFAULT)
		return bad(err, "too many seccomp isolators specified");
	r = json_decode(v, set_fields, &value, err);
	if (r >= 0)
		r = check_set(value.set, is_system_call, "a system call", err);
	if (r >= 0 && value.errno_name && *value.errno_name && !is_constant(value.errno_name, "E"))
		r = err_set(err, -ERR_BAD_INPUT, "\"%s\" is not an errno", value.errno_name);
	if (r >= 0) {
		i->seccomp_mode = mode;
		i->seccomp = TAKE(value.set);
		if (value.errno_name && *value.errno_name)
			i->seccomp_errno = TAKE(value.errno_name);
	}
	json_clear(set_fields, &value);
	return r;
}

static int read_seccomp_retain(const struct json_value *v, struct isolation *i, struct err *err)
{
	return read_seccomp(v, SET_RETAIN, i, err);
}

static int read_seccomp_remove(const struct json_value *v, struct isolation *i, struct err *err)
{
	return read_seccomp(v, SET_REMOVE, i, err);
}

/* Several are allowed, and one that asks for it is enough. */
static int read_no_new_privs(const struct json_value *v, struct isolation *i, struct err *err)
{
	if (v->kind != JSON_TRUE && v->kind != JSON_FALSE)
		return bad(err, "not true or false");
	i->no_new_privs.set = true;
	i->no_new_privs.value = i->no_new_privs.value || v->kind == JSON_TRUE;
	return 0;
}

static int read_int(const struct json_value *v, int64_t min, int64_t max, struct json_opt_int *ret, struct err *err)
{
	int64_t n = 0;
	int r = json_i64(v, &n);

	if (r == -EINVAL)
		return bad(err, "not a whole number");
	if (r < 0 || n < min || n > max)
		return err_set(err, -ERR_BAD_INPUT, "must be between %lld and %lld", (long long)min, (long long)max);
	*ret = (struct json_opt_int){ .set = true, .value = n };
	return 0;
}

static int read_cpu_shares(const struct json_value *v, struct isolation *i, struct err *err)
{
	return read_int(v, CPU_SHARES_MIN, CPU_SHARES_MAX, &i->cpu_shares, err);
}

static int read_oom_score_adj(const struct json_value *v, struct isolation *i, struct err *err)
{
	return read_int(v, OOM_SCORE_ADJ_MIN, OOM_SCORE_ADJ_MAX, &i->oom_score_adj, err);
}

/* Reads a member that is a quantity, as a string or a bare number. 0: there is none. 1: it was read. */
static int read_quantity(const struct json_value *v, const char *key, bool milli, int64_t *ret, struct err *err)
{
	const struct json_value *q = json_get(v, key);
	int r;

	if (!q || q->kind == JSON_NULL)
		return 0;
	if (q->kind != JSON_TEXT && q->kind != JSON_NUMBER)
		return err_set(err, -ERR_BAD_INPUT, "%s is not a quantity", key);
	r = milli ? quantity_parse_milli(q->text, ret, err) : quantity_parse(q->text, ret, err);
	if (r < 0)
		return err_wrap(err, -ERR_BAD_INPUT, "%s", key);
	return 1;
}

/* cpu and memory: nothing is set where there is no limit. The request is checked and not used. */
static int read_limit(const struct json_value *v, bool milli, int64_t *ret, struct err *err)
{
	int64_t request;
	int r;

	if (v->kind != JSON_DICT)
		return bad(err, "not an object");
	if (json_get_bool(v, "default"))
		return bad(err, "default must be false");
	r = read_quantity(v, "request", milli, &request, err);
	return r < 0 ? r : read_quantity(v, "limit", milli, ret, err);
}

static int check_memory(int64_t bytes, struct err *err)
{
	if (bytes < MEMORY_MIN)
		return err_set(err, -ERR_BAD_INPUT,
			       "memory limit of %lld bytes too low. Try a reasonable value, such as --memory=16M",
			       (long long)bytes);
	return 0;
}

static int check_cpu(int64_t milli, struct err *err)
{
	if (milli < 1)
		return bad(err, "cpu limit must be more than 0");
	if (milli > CPU_MILLI_MAX)
		return err_set(err, -ERR_BAD_INPUT, "cpu limit exceeds the maximum millivalue: %lld",
			       (long long)CPU_MILLI_MAX);
	return 0;
}

static int read_memory(const struct json_value *v, struct isolation *i, struct err *err)
{
	int64_t bytes = 0;
	int r = read_limit(v, false, &bytes, err);

	if (r <= 0)
		return r;
	i->memory_bytes = (struct json_opt_int){ .set = true, .value = bytes };
	return check_memory(bytes, err);
}

static int read_cpu(const struct json_value *v, struct isolation *i, struct err *err)
{
	int64_t milli = 0;
	int r = read_limit(v, true, &milli, err);

	if (r <= 0)
		return r;
	i->cpu_milli = (struct json_opt_int){ .set = true, .value = milli };
	return check_cpu(milli, err);
}

/* The rest is checked and has no effect, as in rkt. */

static int pass_limit(const struct json_value *v, struct isolation *i, struct err *err)
{
	const struct json_value *request = json_get(v, "request");
	int64_t limit;
	int r;

	if (v->kind != JSON_DICT)
		return bad(err, "not an object");
	if (!json_get_bool(v, "default"))
		return bad(err, "default must be true");
	if (request && request->kind != JSON_NULL)
		return bad(err, "request not supported by this resource, must be empty");
	r = read_quantity(v, "limit", false, &limit, err);
	return r < 0 ? r : r ? 0 : bad(err, "limit must be set");
}

static int pass_selinux(const struct json_value *v, struct isolation *i, struct err *err)
{
	static const char *const parts[] = { "user", "role", "type", "level" };

	for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
		const char *part = json_get_text(v, parts[k]);

		if (!part || !*part || strchr(part, ':'))
			return err_set(err, -ERR_BAD_INPUT, "bad %s of an SELinux context", parts[k]);
	}
	return 0;
}

static int pass_apparmor(const struct json_value *v, struct isolation *i, struct err *err)
{
	const char *profile = json_get_text(v, "profile");

	return profile && *profile ? 0 : bad(err, "profile must be set");
}

static int pass_sysctl(const struct json_value *v, struct isolation *i, struct err *err)
{
	if (v->kind != JSON_DICT)
		return bad(err, "not an object");
	for (const struct json_value *c = v->child; c; c = c->next)
		if (c->kind != JSON_TEXT)
			return err_set(err, -ERR_BAD_INPUT, "%s: not a string", c->key);
	return 0;
}

static const struct kind {
	const char *name;
	int (*read)(const struct json_value *v, struct isolation *i, struct err *err);
	bool single;
} kinds[] = {
	{ CAPS_RETAIN, read_caps_retain, true },
	{ CAPS_REMOVE, read_caps_remove, true },
	{ SECCOMP_RETAIN, read_seccomp_retain, false },	/* the one after another says it in other words */
	{ SECCOMP_REMOVE, read_seccomp_remove, false },
	{ "os/linux/no-new-privileges", read_no_new_privs, false },
	{ OOM_SCORE_ADJ, read_oom_score_adj, true },
	{ CPU_SHARES, read_cpu_shares, true },
	{ CPU, read_cpu, false },
	{ MEMORY, read_memory, false },
	{ "os/linux/selinux-context", pass_selinux, true },
	{ "os/linux/apparmor-profile", pass_apparmor, true },
	{ "os/unix/sysctl", pass_sysctl, true },
	{ "resource/block-bandwidth", pass_limit, false },
	{ "resource/block-iops", pass_limit, false },
	{ "resource/network-bandwidth", pass_limit, false },
};

static int read_one(const struct isolator *isolator, bool *seen, struct isolation *ret, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	const struct kind *kind = NULL;
	int r;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		if (str_eq(kinds[k].name, isolator->name))
			kind = &kinds[k];
	if (!kind)
		return err_set(err, -ERR_BAD_INPUT, "invalid isolator: unknown name \"%s\"", isolator->name);
	if (kind->single && seen[kind - kinds])
		return err_set(err, -ERR_BAD_INPUT, "isolators set contains too many instances of type %s", kind->name);
	seen[kind - kinds] = true;
	r = json_parse(isolator->value ? isolator->value : "", isolator->value ? strlen(isolator->value) : 0, &json, err);
	if (r >= 0)
		r = kind->read(json_root(json), ret, err);
	return r < 0 ? err_wrap(err, r, "invalid isolator: %s", kind->name) : 0;
}

int isolation_read(const struct isolator *list, size_t n, struct isolation *ret, struct err *err)
{
	bool seen[ARRAY_LEN(kinds)] = {};
	int r = 0;

	*ret = (struct isolation){};
	for (size_t i = 0; i < n && r >= 0; i++)
		r = read_one(&list[i], seen, ret, err);
	if (r < 0)
		isolation_clear(ret);
	return r;
}

void isolation_clear(struct isolation *i)
{
	strv_free(i->caps);
	strv_free(i->seccomp);
	free(i->seccomp_errno);
	*i = (struct isolation){};
}

void app_remove_isolators(struct app *app, const char *const *names)
{
	size_t kept = 0;

	for (size_t i = 0; i < app->n_isolators; i++) {
		bool remove = false;

		for (const char *const *name = names; *name; name++)
			remove = remove || str_eq(*name, app->isolators[i].name);
		if (!remove) {
			app->isolators[kept++] = app->isolators[i];
			continue;
		}
		free(app->isolators[i].name);
		free(app->isolators[i].value);
	}
	app->n_isolators = kept;
}

void app_add_isolator(struct app *app, const char *name, const char *value)
{
	app->isolators = xreallocarray(app->isolators, app->n_isolators + 1, sizeof(*app->isolators));
	app->isolators[app->n_isolators++] = (struct isolator){ .name = xstrdup(name), .value = xstrdup(value) };
}

/* A checked quantity has no character that JSON would escape. */
static void add_limit(struct app *app, const char *name, const char *quantity)
{
	AUTO(free) char *value = xasprintf("{\"default\":false,\"request\":\"%s\",\"limit\":\"%s\"}", quantity, quantity);

	app_add_isolator(app, name, value);
}

int app_override_memory(struct app *app, const char *quantity, struct err *err)
{
	int64_t bytes;
	int r;

	r = quantity_parse(quantity, &bytes, err);
	if (r >= 0)
		r = check_memory(bytes, err);
	if (r >= 0)
		add_limit(app, MEMORY, quantity);
	return r;
}

int app_override_cpu(struct app *app, const char *quantity, struct err *err)
{
	int64_t milli;
	int r;

	r = quantity_parse_milli(quantity, &milli, err);
	if (r >= 0)
		r = check_cpu(milli, err);
	if (r >= 0)
		add_limit(app, CPU, quantity);
	return r;
}

static int override_int(struct app *app, const char *name, const char *text, int64_t min, int64_t max,
			struct err *err)
{
	const char *const names[] = { name, NULL };
	AUTO(free) char *value = NULL;
	long long n;

	if (str_to_i64(text, min, max, &n) < 0)
		return err_set(err, -ERR_BAD_INPUT, "\"%s\" is not a number between %lld and %lld", text,
			       (long long)min, (long long)max);
	value = xasprintf("%lld", n);
	app_remove_isolators(app, names);
	app_add_isolator(app, name, value);
	return 0;
}

int app_override_cpu_shares(struct app *app, const char *n, struct err *err)
{
	return override_int(app, CPU_SHARES, n, CPU_SHARES_MIN, CPU_SHARES_MAX, err);
}

int app_override_oom_score_adj(struct app *app, const char *n, struct err *err)
{
	return override_int(app, OOM_SCORE_ADJ, n, OOM_SCORE_ADJ_MIN, OOM_SCORE_ADJ_MAX, err);
}

static void replace_set(struct app *app, const char *retain, const char *remove, enum set_mode mode,
			const struct set_value *set)
{
	const char *const names[] = { retain, remove, NULL };
	AUTO(free) char *value = json_encode_text(set_fields, set, false);

	app_remove_isolators(app, names);
	app_add_isolator(app, mode == SET_RETAIN ? retain : remove, value);
}

int app_override_caps(struct app *app, enum set_mode mode, const char *list, struct err *err)
{
	struct set_value value = { .set = strv_split(list, ',') };
	int r;

	r = check_set(value.set, is_capability, "a capability", err);
	if (r >= 0)
		replace_set(app, CAPS_RETAIN, CAPS_REMOVE, mode, &value);
	json_clear(set_fields, &value);
	return r;
}

static int read_seccomp_part(const char *part, struct set_value *value, enum set_mode *mode, struct err *err)
{
	if (str_starts(part, "mode=")) {
		part += strlen("mode=");
		if (*mode != SET_DEFAULT || (!str_eq(part, "retain") && !str_eq(part, "remove")))
			return bad(err, "invalid seccomp mode command-line override");
		*mode = str_eq(part, "retain") ? SET_RETAIN : SET_REMOVE;
		return 0;
	}
	if (str_starts(part, "errno=")) {
		part += strlen("errno=");
		if (value->errno_name || !is_constant(part, "E"))
			return bad(err, "invalid seccomp command-line override");
		value->errno_name = xstrdup(part);
		return 0;
	}
	if (!is_system_call(part))
		return bad(err, "invalid seccomp command-line override");
	strv_add(&value->set, part);
	return 0;
}

int app_override_seccomp(struct app *app, const char *spec, struct err *err)
{
	AUTO(strv_free) char **parts = strv_split(spec, ',');
	enum set_mode mode = SET_DEFAULT;
	struct set_value value = {};
	int r = 0;

	for (size_t i = 0; parts[i] && r >= 0; i++)
		r = read_seccomp_part(parts[i], &value, &mode, err);
	if (r >= 0 && mode == SET_DEFAULT)
		r = bad(err, "invalid seccomp mode command-line override");
	if (r >= 0)
		r = check_set(value.set, is_system_call, "a system call", err);
	if (r >= 0)
		replace_set(app, SECCOMP_RETAIN, SECCOMP_REMOVE, mode, &value);
	json_clear(set_fields, &value);
	return r;
}
