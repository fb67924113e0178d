#include "cli/apps.h"

#include <string.h>

static struct app_request *last_app(struct pod_args *a)
{
	return a->prepare.n_apps ? &a->prepare.apps[a->prepare.n_apps - 1] : NULL;
}

static void add_app(struct pod_args *a, const char *image)
{
	size_t n = a->prepare.n_apps++;

	a->prepare.apps = xreallocarray(a->prepare.apps, n + 1, sizeof(*a->prepare.apps));
	a->prepare.apps[n] = (struct app_request){ .image = image };
}

/* Where an option of the last image keeps its value; NULL: there is no image yet. */
static void *app_slot(void *args, const struct opt *opt, struct err *err)
{
	struct app_request *app = last_app(args);

	if (app)
		return (char *)app + opt->at;
	err_set(err, -EINVAL, "--%s must follow an image", opt->name);
	return NULL;
}

static int app_string(void *args, const struct opt *opt, const char *value, struct err *err)
{
	const char **slot = app_slot(args, opt, err);

	if (!slot)
		return -EINVAL;
	*slot = value;
	return 0;
}

static int app_string_once(void *args, const struct opt *opt, const char *value, struct err *err)
{
	const char **slot = app_slot(args, opt, err);

	if (slot && *slot)
		return err_set(err, -EINVAL, "--%s specified multiple times for the same image", opt->name);
	return app_string(args, opt, value, err);
}

static int app_bool(void *args, const struct opt *opt, const char *value, struct err *err)
{
	bool on;

	if (bool_parse(value, &on) < 0)
		return err_set(err, -EINVAL, "--%s must be set with a boolean", opt->name);
	return app_string(args, opt, on ? "true" : "false", err);
}

static int app_gids(void *args, const struct opt *opt, const char *value, struct err *err)
{
	AUTO(strv_free) char **parts = strv_split(value, ',');
	unsigned long long gid;

	if (!strv_len(parts))
		return err_set(err, -EINVAL, "--%s must be integers", opt->name);
	for (char **p = parts; *p; p++)
		if (str_to_u64(*p, UINT32_MAX - 1, &gid) < 0)
			return err_set(err, -EINVAL, "--%s must be integers", opt->name);
	return app_string(args, opt, value, err);
}

static int app_pair(void *args, const struct opt *opt, const char *value, struct err *err)
{
	char ***slot = app_slot(args, opt, err);
	const char *equals = strchr(value, '=');

	if (!slot)
		return -EINVAL;
	if (!equals || equals == value)
		return err_set(err, -EINVAL, "invalid format of --%s flag \"%s\"", opt->name, value);
	strv_add(slot, value);
	return 0;
}

static int take_mount(void *args, const struct opt *opt, const char *value, struct err *err)
{
	struct pod_args *a = args;
	struct app_request *app = last_app(a);
	struct mount mount = {};
	int r;

	r = mount_parse(value, &mount, err);
	mount_clear(&mount);
	if (r < 0)
		return r;
	strv_add(app ? &app->mounts : &a->prepare.mounts, value);
	return 0;
}

static int take_volume(void *args, const struct opt *opt, const char *value, struct err *err)
{
	struct pod_args *a = args;
	struct volume volume = {};
	int r;

	r = volume_parse(value, &volume, err);
	volume_clear(&volume);
	if (r < 0)
		return err_wrap(err, r, "invalid value in --volume flag \"%s\"", value);
	strv_add(&a->prepare.volumes, value);
	return 0;
}

static int take_env(void *args, const struct opt *opt, const char *value, struct err *err)
{
	struct pod_args *a = args;
	const char *equals = strchr(value, '=');
	size_t len = equals ? (size_t)(equals - value) + 1 : 0;

	if (len < 2)
		return err_set(err, -EINVAL, "must be specified as key=value");
	for (char **p = a->prepare.set_env; p && *p; p++)
		if (!strncmp(*p, value, len))
			return err_set(err, -EINVAL, "key \"%.*s\" already set", (int)len - 1, value);
	strv_add(&a->prepare.set_env, value);
	return 0;
}

/* --stage1-url, -path, -name, -hash and -from-dir: one of them, once. */
static int take_stage1(void *args, const struct opt *opt, const char *value, struct err *err)
{
	static const char *const names[] = { "stage1-url", "stage1-path", "stage1-name", "stage1-hash", "stage1-from-dir" };
	struct pod_args *a = args;
	struct stage1_choice *c = &a->prepare.stage1;
	const char **const slots[] = { &c->url, &c->path, &c->name, &c->hash, &c->from_dir };

	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		if (*slots[i] && str_eq(names[i], opt->name))
			return err_set(err, -EINVAL, "--%s already used", opt->name);
		if (*slots[i])
			return err_set(err, -EINVAL, "flags --%s and --%s are mutually exclusive", opt->name, names[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(slots); i++)
		if (str_eq(names[i], opt->name))
			*slots[i] = value;
	return 0;
}

#define APP(member) offsetof(struct app_request, member)
#define AT(member) offsetof(struct pod_args, member)

const struct opt signature_opts[] = {
	{ "signature", 0, OPT_CALL, APP(signature), "FILE",
	  "signature of the preceding image", .call = app_string_once },
	{}
};

const struct opt app_opts[] = {
	{ "annotation", 0, OPT_CALL, APP(annotations), "NAME=VALUE", "annotation of the app; may be repeated",
	  .call = app_pair },
	{ "cap-remove", 0, OPT_CALL, APP(caps_remove), "CAP,…", "", .deprecated = "please use --caps-remove",
	  .call = app_string },
	{ "cap-retain", 0, OPT_CALL, APP(caps_retain), "CAP,…", "", .deprecated = "please use --caps-retain",
	  .call = app_string },
	{ "caps-remove", 0, OPT_CALL, APP(caps_remove), "CAP,…",
	  "capabilities to take from the app's default set",
	  .call = app_string },
	{ "caps-retain", 0, OPT_CALL, APP(caps_retain), "CAP,…",
	  "capabilities that the app keeps, and no others",
	  .call = app_string },
	{ "cpu", 0, OPT_CALL, APP(cpu), "QUANTITY", "CPU limit of the app: 500m, 2", .call = app_string },
	{ "cpu-shares", 0, OPT_CALL, APP(cpu_shares), "N",
	  "CPU weight of the app, 2 to 262144", .call = app_string },
	{ "environment", 0, OPT_CALL, APP(environment), "NAME=VALUE",
	  "environment variable of the app; may be repeated",
	  .call = app_pair },
	{ "exec", 0, OPT_CALL, APP(exec), "PATH", "what to run in place of the preceding image's command",
	  .call = app_string_once },
	{ "group", 0, OPT_CALL, APP(group), "GROUP", "group of the app: a name, number or path in the image",
	  .call = app_string },
	{ "memory", 0, OPT_CALL, APP(memory), "QUANTITY",
	  "memory limit of the app: 16Mi, 50M, 1G", .call = app_string },
	{ "mount", 0, OPT_CALL, 0, "volume=NAME,target=PATH",
	  "mount point of the preceding image, or of all before the first one", .call = take_mount },
	{ "name", 0, OPT_CALL, APP(name), "NAME", "name of the app", .call = app_string },
	{ "oom-score-adj", 0, OPT_CALL, APP(oom_score_adj), "N",
	  "OOM killer's bias, -1000 to 1000", .call = app_string },
	{ "readonly-rootfs", 0, OPT_CALL, APP(readonly_rootfs), "true|false",
	  "let the app only read its root file system",
	  .call = app_bool },
	{ "seccomp", 0, OPT_CALL, APP(seccomp), "mode=retain|remove,[errno=E,]CALL,…",
	  "system calls of the app",
	  .call = app_string },
	{ "supplementary-gids", 0, OPT_CALL, APP(supplementary_gids), "N,…",
	  "supplementary group IDs of the app",
	  .call = app_gids },
	{ "user", 0, OPT_CALL, APP(user), "USER", "user of the app: a name, number or path in the image",
	  .call = app_string },
	{ "user-annotation", 0, OPT_CALL, APP(user_annotations), "NAME=VALUE",
	  "the app's user annotation; may be repeated",
	  .call = app_pair },
	{ "user-label", 0, OPT_CALL, APP(user_labels), "NAME=VALUE", "the app's user label; may be repeated",
	  .call = app_pair },
	{ "working-dir", 0, OPT_CALL, APP(working_dir), "PATH",
	  "working directory of the app", .call = app_string },
	{}
};

#define PULL_OPTS(policy) \
	{ "no-store", 0, OPT_FLAG, AT(no_store), NULL, "", .deprecated = "please use --pull-policy=update" }, \
	{ "pull-policy", 0, OPT_STRING, AT(pull_policy), "never|new|update", "when to pull an image", .def = policy }, \
	{ "store-only", 0, OPT_FLAG, AT(store_only), NULL, "", .deprecated = "please use --pull-policy=never" }, \
	{}

const struct opt pull_new_opts[] = { PULL_OPTS("new") }, pull_update_opts[] = { PULL_OPTS("update") };

#define VERIFY_ONDISK(request) \
	{ "verify-ondisk", 0, OPT_FLAG, AT(request.verify_ondisk), NULL, \
	  "read all files of the images again, against what was stored" }

const struct opt verify_opts[] = { VERIFY_ONDISK(run), {} };

const struct opt prepare_opts[] = {
	{ "inherit-env", 0, OPT_FLAG, AT(prepare.inherit_env), NULL,
	  "give the apps those variables of this environment that they do not set" },
	{ "no-overlay", 0, OPT_FLAG, AT(prepare.no_overlay), NULL, "copy the images' files instead of using overlayfs" },
	{ "pod-manifest", 0, OPT_STRING, AT(prepare.pod_manifest), "FILE",
	  "make the pod that this manifest describes" },
	{ "port", 0, OPT_STRV, AT(prepare.ports), "NAME:[HOSTIP:]PORT",
	  "port of the host for a port of an app" },
	{ "private-users", 0, OPT_FLAG, AT(private_users), NULL, "run in a user namespace" },
	{ "set-env", 0, OPT_CALL, 0, "NAME=VALUE",
	  "environment variable of all apps, before all other sources",
	  .call = take_env },
	{ "set-env-file", 0, OPT_STRV, AT(prepare.set_env_files), "FILE",
	  "file of such variables, a NAME=VALUE in a line" },
	{ "stage1-from-dir", 0, OPT_CALL, 0, "FILE",
	  "stage1 image of this name in the stage1 images directory",
	  .call = take_stage1 },
	{ "stage1-hash", 0, OPT_CALL, 0, "HASH", "stage1 image with this ID", .call = take_stage1 },
	{ "stage1-name", 0, OPT_CALL, 0, "NAME", "stage1 image of this name", .call = take_stage1 },
	{ "stage1-path", 0, OPT_CALL, 0, "FILE", "stage1 image in this file", .call = take_stage1 },
	{ "stage1-url", 0, OPT_CALL, 0, "URL", "stage1 image behind this URL", .call = take_stage1 },
	{ "volume", 0, OPT_CALL, 0, "NAME,kind=KIND,…",
	  "volume of the pod: NAME,kind=host,source=PATH or NAME,kind=empty",
	  .call = take_volume },
	VERIFY_ONDISK(prepare),
	{}
};

const struct opt network_opts[] = {
	{ "dns", 0, OPT_LIST, AT(run.dns), "IP|host|none", "name servers of the pod" },
	{ "dns-domain", 0, OPT_STRING, AT(run.dns_domain), "DOMAIN", "DNS domain of the pod" },
	{ "dns-opt", 0, OPT_LIST, AT(run.dns_opt), "OPTION", "options of the pod's resolver" },
	{ "dns-search", 0, OPT_LIST, AT(run.dns_search), "DOMAIN",
	  "domains that the pod's resolver searches" },
	{ "hostname", 0, OPT_STRING, AT(run.hostname), "NAME",
	  "host name of the pod; rkt-UUID where not given" },
	{ "hosts-entry", 0, OPT_LIST, AT(run.hosts_entries), "IP=HOST|host", "entries of /etc/hosts" },
	{ "interactive", 0, OPT_FLAG, AT(run.interactive), NULL, "run the one app of the pod on this terminal" },
	{ "ipc", 0, OPT_STRING, AT(run.ipc), "auto|private|parent", "IPC namespace of the pod" },
	{ "mds-register", 0, OPT_FLAG, AT(run.mds_register), NULL, "register the pod with the metadata service" },
	{ "net", 0, OPT_STRING, AT(run.net), "none|host",
	  "network of the pod", .def = "default", .bare = "default" },
	{ "security-profile", 0, OPT_STRING, AT(profile), "hardened|rkt",
	  "how far the apps are confined; rkt: as rkt 1.30 did", .def = "hardened" },
	{}
};

/* --- the grammar --------------------------------------------------------- */

/* Takes "-- ARG… [---]" for the last image; argv[0] is "--". Returns the words. */
static int take_arguments(struct pod_args *a, bool allowed, size_t *last_with_args, char *const *argv, struct err *err)
{
	struct app_request *app = last_app(a);
	int n = 1;

	if (!allowed)
		return err_set(err, -EINVAL, "app arguments unsupported");
	if (!app)
		return err_set(err, -EINVAL, "an image is required before any app arguments");
	if (*last_with_args == a->prepare.n_apps)
		return err_set(err, -EINVAL, "only one set of app arguments allowed per image");
	*last_with_args = a->prepare.n_apps;
	for (; argv[n] && !str_eq(argv[n], "---"); n++)
		strv_add(&app->args, argv[n]);
	return argv[n] ? n + 1 : n;
}

static int take_word(const struct opt_set *sets, size_t n, struct pod_args *a, bool allowed, size_t *last_with_args,
		     char *const *argv, struct err *err)
{
	int r;

	/* An empty word is nobody's image (callers pass such), a "---" ends what has not begun. */
	if (!*argv[0] || str_eq(argv[0], "---"))
		return 1;
	if (str_eq(argv[0], "--"))
		return take_arguments(a, allowed, last_with_args, argv, err);
	r = opt_take(sets, n, argv, err);
	if (r)
		return r;
	add_app(a, argv[0]);
	return 1;
}

static int parse(const struct opt_set *sets, size_t n, char *const *argv, struct pod_args *a, bool allowed,
		 struct err *err)
{
	size_t last_with_args = 0;
	int r;

	for (; *argv; argv += r) {
		r = take_word(sets, n, a, allowed, &last_with_args, argv, err);
		/* A fault in front of the first image is one of the command's own options. */
		if (r == -ERR_USAGE && !a->prepare.n_apps)
			return r;
		if (r < 0)
			return err_wrap(err, -EINVAL, allowed ? "error parsing app image arguments" :
				"unable to parse arguments");
	}
	return 0;
}

int apps_parse(const struct opt_set *sets, size_t n, char *const *argv, void *args, struct err *err)
{
	return parse(sets, n, argv, args, true, err);
}

int apps_parse_images(const struct opt_set *sets, size_t n, char *const *argv, void *args, struct err *err)
{
	return parse(sets, n, argv, args, false, err);
}

void pod_args_clear(void *args)
{
	struct pod_args *a = args;

	for (size_t i = 0; i < a->prepare.n_apps; i++)
		app_request_clear(&a->prepare.apps[i]);
	free(a->prepare.apps);
	a->prepare.apps = NULL;
	a->prepare.n_apps = 0;
	strv_free(a->prepare.volumes);
	strv_free(a->prepare.mounts);
	strv_free(a->prepare.set_env);
	a->prepare.volumes = a->prepare.mounts = a->prepare.set_env = NULL;
}

/* --- checks -------------------------------------------------------------- */

int pod_args_check_pull(struct pod_args *a, struct err *err)
{
	if (a->store_only && a->no_store)
		return err_set(err, -EINVAL, "both --store-only and --no-store specified");
	if (a->store_only || a->no_store) {
		a->prepare.policy = a->store_only ? PULL_NEVER : PULL_UPDATE;
		return 0;
	}
	return pull_policy_parse(a->pull_policy, &a->prepare.policy, err);
}

static bool has_volume(const struct pod_args *a, const char *name)
{
	bool found = false;

	for (char **p = a->prepare.volumes; p && *p && !found; p++) {
		struct volume volume = {};

		found = volume_parse(*p, &volume, NULL) >= 0 && str_eq(volume.name, name);
		volume_clear(&volume);
	}
	return found;
}

static int check_mounts(const struct pod_args *a, char *const *mounts, struct err *err)
{
	int r = 0;

	for (; mounts && *mounts && r >= 0; mounts++) {
		struct mount mount = {};

		r = mount_parse(*mounts, &mount, err);
		if (r >= 0 && !has_volume(a, mount.volume))
			r = err_set(err, -EINVAL, "error parsing app image arguments: dangling mount point \"%s\": "
				    "volume \"%s\" not found", mount.path, mount.volume);
		mount_clear(&mount);
	}
	return r;
}

static int check_app(const struct pod_args *a, const struct app_request *app, struct err *err)
{
	if (app->caps_retain && app->caps_remove)
		return err_set(err, -EINVAL, "error: cannot use both --caps-retain and --caps-remove on the same image");
	return check_mounts(a, app->mounts, err);
}

int pod_args_check_prepare(struct pod_args *a, struct err *err)
{
	const struct prepare_request *p = &a->prepare;
	int r;

	if (p->pod_manifest && (p->n_apps || p->ports || p->inherit_env || p->set_env || p->set_env_files || p->volumes ||
				p->mounts || a->store_only || a->no_store))
		return err_set(err, -EINVAL, "conflicting flags set with --pod-manifest (see --help)");
	if (a->private_users)
		return err_set(err, -EOPNOTSUPP, "--private-users: user namespaces are not supported by this version");
	if (!p->pod_manifest && !p->n_apps)
		return err_set(err, -EINVAL, "must provide at least one image or specify the pod manifest");
	r = pod_args_check_pull(a, err);
	if (r >= 0)
		r = check_mounts(a, p->mounts, err);
	for (size_t i = 0; i < p->n_apps && r >= 0; i++)
		r = check_app(a, &p->apps[i], err);
	return r;
}

int pod_args_check_run(struct pod_args *a, struct err *err)
{
	int r;

	if (a->prepare.ports && (str_eq(a->run.net, "none") || str_eq(a->run.net, "host")))
		return err_set(err, -EINVAL, "--port flag does not work with '%s' networking", a->run.net);
	if (a->run.interactive && a->prepare.n_apps > 1)
		return err_set(err, -EINVAL, "interactive option only supports one image");
	r = profile_parse(a->profile, &a->run.profile, err);
	if (r < 0)
		return r;
	return run_request_check(&a->run, err);
}
