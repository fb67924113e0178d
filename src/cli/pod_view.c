#include "cli/pod_view.h"

#include "base/fd.h"
#include "base/human.h"
#include "image/fingerprint.h"
#include "pod/contract.h"

enum { SHORT_UUID = 8, SHORT_IMAGE_ID = 19, RUNTIME_CONFIG_MAX = 256 << 10, VERIFIED_MAX = 256 };

/* --- gathering ----------------------------------------------------------- */

static void set_opt(struct json_opt_int *o, int64_t value)
{
	*o = (struct json_opt_int){ .set = true, .value = value };
}

static const char *app_state(const struct pod *pod)
{
	static const char *const names[POD_STATES] = {
		[POD_PREPARED] = "created", [POD_RUNNING] = "running", [POD_EXITED] = "exited",
		[POD_EXITED_GARBAGE] = "exited", [POD_EXITED_DELETING] = "exited", [POD_DELETING] = "exited",
	};

	return names[pod->state] ? names[pod->state] : "unknown";
}

static void read_mounts(const struct pod_manifest *m, const struct runtime_app *app, struct app_view *v)
{
	v->mounts = xcalloc(app->n_mounts, sizeof(*v->mounts));
	v->n_mounts = app->n_mounts;
	for (size_t i = 0; i < app->n_mounts; i++) {
		const struct mount *mount = &app->mounts[i];
		const struct volume *volume = mount->app_volume ? mount->app_volume : pod_manifest_volume(m, mount->volume);

		v->mounts[i] = (struct mount_view){
			.name = xstrdup(mount->volume),
			.container_path = xstrdup(mount->path),
			.host_path = xstrdup(volume && volume->source ? volume->source : ""),
			.read_only = volume && volume->read_only.value,
		};
	}
}

static char *image_of(const struct runtime_app *app)
{
	const char *version = label_get(app->image.labels, app->image.n_labels, "version");

	if (!app->image.name)
		return NULL;
	return version ? xasprintf("%s:%s", app->image.name, version) : xstrdup(app->image.name);
}

/* Once an app has left an exit code, it is over, whatever the pod does. */
static void read_times(const struct pod *pod, const struct pod_view *p, struct app_view *v)
{
	int64_t finished;
	int code;

	if (p->created_ns)
		set_opt(&v->created_at, p->created_ns);
	if (p->started_ns)
		set_opt(&v->started_at, p->started_ns);
	if (pod_app_exit_code(pod, v->name, &code, NULL) < 0)
		return;
	set_opt(&v->exit_code, code);
	free(v->state);
	v->state = xstrdup("exited");
	finished = pod_app_finished_at(pod, v->name);
	if (finished)
		set_opt(&v->finished_at, finished);
}

/* Noted by our stage0 since it knows of it, and not by others. */
static void read_verified(const struct pod *pod, struct app_view *v)
{
	AUTO(free) char *path = xasprintf(POD_APPSINFO "/%s/" POD_VERIFIED_BY, v->name);
	AUTO(free) char *who = NULL;

	if (file_read(pod->fd, path, VERIFIED_MAX, &who, NULL) >= 0 &&
	    (fingerprint_kind(who) != TRUST_NONE || str_eq(who, POD_VERIFIED_NOBODY)))
		v->verified_by = TAKE(who);
}

static void read_app(const struct pod *pod, const struct pod_manifest *m, const struct runtime_app *app,
		     enum pod_depth depth, const struct pod_view *p, struct app_view *v)
{
	v->name = xstrdup(app->name);
	v->state = xstrdup(app_state(pod));
	v->image_id = xstrdup(app->image.id ? app->image.id : "");
	v->image = image_of(app);
	if (depth == POD_VIEW_TABLE)
		return;
	read_times(pod, p, v);
	read_verified(pod, v);
	read_mounts(m, app, v);
	if (app->app) {
		v->user_annotations = strv_copy(app->app->user_annotations);
		v->user_labels = strv_copy(app->app->user_labels);
	}
}

static const struct { const char *key, *name; } insecure_keys[] = {
	{ "disableCapabilitiesRestriction", "capabilities" },
	{ "disablePaths", "paths" },
	{ "disableSeccomp", "seccomp" },
};

int runtime_config_read(const char *text, size_t len, char **ret_profile, char **ret_insecure, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	AUTO(strv_free) char **names = NULL;
	const struct json_value *root;
	const char *profile;
	int r;

	r = json_parse(text, len, &json, err);
	if (r < 0)
		return r;
	root = json_root(json);
	for (size_t i = 0; i < ARRAY_LEN(insecure_keys); i++)
		if (json_get_bool(root, insecure_keys[i].key))
			strv_add(&names, insecure_keys[i].name);
	profile = json_get_text(root, "securityProfile");
	*ret_profile = xstrdup(profile ? profile : "rkt");
	*ret_insecure = names ? strv_join(names, ",") : xstrdup("none");
	return 0;
}

static void read_confinement(const struct pod *pod, struct pod_view *v)
{
	AUTO(free) char *text = NULL;
	size_t len;

	if (file_read(pod->fd, POD_RUNTIME_CONFIG, RUNTIME_CONFIG_MAX, &text, &len) >= 0)
		(void)runtime_config_read(text, len, &v->profile, &v->insecure, NULL);
}

int pod_view_read(const struct pod *pod, enum pod_depth depth, struct pod_view *ret, struct err *err)
{
	AUTO(pod_manifest_clear) struct pod_manifest m = {};
	struct pod_view v = {
		.uuid = xstrdup(pod->uuid),
		.state = xstrdup(pod_state_name(pod->state)),
		.number = pod->state,
		.created_ns = pod_created_at(pod),
		.started_ns = pod_started_at(pod),
	};
	int r = 0;

	if (v.created_ns)
		set_opt(&v.created_at, v.created_ns / NS_PER_SECOND);
	if (v.started_ns)
		set_opt(&v.started_at, v.started_ns / NS_PER_SECOND);
	if (depth == POD_VIEW_ALL) {
		v.pid = pod_pid(pod);
		read_confinement(pod, &v);
	}
	/* The manifest appears at the end of preparing. */
	if (pod->state != POD_EMBRYO && pod->state != POD_PREPARING && pod->state != POD_ABORTED_PREPARE)
		r = pod_read_manifest(pod, &m, err);
	v.apps = xcalloc(m.n_apps, sizeof(*v.apps));
	v.n_apps = m.n_apps;
	for (size_t i = 0; i < m.n_apps; i++) {
		read_app(pod, &m, &m.apps[i], depth, &v, &v.apps[i]);
		strv_add(&v.app_names, m.apps[i].name);
	}
	v.user_annotations = strv_copy(m.user_annotations);
	v.user_labels = strv_copy(m.user_labels);
	*ret = v;
	return r < 0 ? r : 0;
}

/* --- JSON ---------------------------------------------------------------- */

#define MOUNT(member) offsetof(struct mount_view, member)
static const struct json_field mount_view_fields[] = {
	{ "name", JSON_STRING, MOUNT(name) },
	{ "container_path", JSON_STRING, MOUNT(container_path) },
	{ "host_path", JSON_STRING, MOUNT(host_path) },
	{ "read_only", JSON_BOOL, MOUNT(read_only) },
	{}
};

#define APP(member) offsetof(struct app_view, member)
static const struct json_field app_view_fields[] = {
	{ "name", JSON_STRING, APP(name) },
	{ "state", JSON_STRING, APP(state) },
	{ "created_at", JSON_OPT_INT, APP(created_at), JSON_OMIT_EMPTY },
	{ "started_at", JSON_OPT_INT, APP(started_at), JSON_OMIT_EMPTY },
	{ "finished_at", JSON_OPT_INT, APP(finished_at), JSON_OMIT_EMPTY },
	{ "exit_code", JSON_OPT_INT, APP(exit_code), JSON_OMIT_EMPTY },
	{ "image_id", JSON_STRING, APP(image_id) },
	{ "verified_by", JSON_STRING, APP(verified_by), JSON_OMIT_EMPTY },
	{ "mounts", JSON_LIST, APP(mounts), JSON_OMIT_EMPTY, mount_view_fields, sizeof(struct mount_view) },
	{ "user_annotations", JSON_MAP, APP(user_annotations), JSON_OMIT_EMPTY },
	{ "user_labels", JSON_MAP, APP(user_labels), JSON_OMIT_EMPTY },
	{}
};

#define POD(member) offsetof(struct pod_view, member)
static const struct json_field pod_view_fields[] = {
	{ "name", JSON_STRING, POD(uuid) },
	{ "state", JSON_STRING, POD(state) },
	{ "app_names", JSON_STRV, POD(app_names), JSON_OMIT_EMPTY },
	{ "apps", JSON_LIST, POD(apps), JSON_OMIT_EMPTY, app_view_fields, sizeof(struct app_view) },
	{ "created_at", JSON_OPT_INT, POD(created_at), JSON_OMIT_EMPTY },
	{ "started_at", JSON_OPT_INT, POD(started_at), JSON_OMIT_EMPTY },
	{ "user_annotations", JSON_MAP, POD(user_annotations), JSON_OMIT_EMPTY },
	{ "user_labels", JSON_MAP, POD(user_labels), JSON_OMIT_EMPTY },
	{}
};

void pod_view_json(const struct pod_view *v, struct json_writer *w)
{
	json_encode(w, NULL, pod_view_fields, v);
}

void pod_view_clear(struct pod_view *v)
{
	for (size_t i = 0; i < v->n_apps; i++)
		free(v->apps[i].image);
	json_clear(pod_view_fields, v);
	free(v->profile);
	free(v->insecure);
	*v = (struct pod_view){};
}

/* --- text ---------------------------------------------------------------- */

static void time_cell(struct table *t, int64_t ns, bool full, int64_t now_ns)
{
	AUTO(free) char *text = !ns ? xstrdup("") : full ? human_time(ns) : human_ago(ns, now_ns);

	table_cell(t, text);
}

/* One row; the pod's own cells stand in its first one only. */
static void row(const struct pod_view *v, const struct app_view *app, bool first, bool full, int64_t now_ns,
		struct table *t)
{
	table_row(t);
	table_cellf(t, "%.*s", !first ? 0 : full ? UUID_LEN : SHORT_UUID, v->uuid);
	table_cell(t, app ? app->name : "-");
	table_cell(t, !app ? "-" : app->image ? app->image : "--");
	if (full)
		table_cellf(t, "%.*s", SHORT_IMAGE_ID, app ? app->image_id : "-");
	table_cell(t, first ? v->state : "");
	time_cell(t, first ? v->created_ns : 0, full, now_ns);
	time_cell(t, first ? v->started_ns : 0, full, now_ns);
	table_cell(t, "");
}

void pod_view_rows(const struct pod_view *v, bool full, int64_t now_ns, struct table *t)
{
	if (!v->n_apps)
		row(v, NULL, true, full, now_ns, t);
	for (size_t i = 0; i < v->n_apps; i++)
		row(v, &v->apps[i], !i, full, now_ns, t);
}

static void time_line(struct buf *out, const char *key, int64_t ns)
{
	AUTO(free) char *text = human_time(ns);

	if (ns)
		buf_addf(out, "%s=%s\n", key, text);
}

static void confinement_lines(const struct pod_view *v, struct buf *out)
{
	AUTO(free) char *profile = str_printable(v->profile ? v->profile : "");

	if (v->profile)
		buf_addf(out, "security-profile=%s\n", profile);
	if (v->insecure && !str_eq(v->insecure, "none"))
		buf_addf(out, "insecure-options=%s\n", v->insecure);
}

static void verified_lines(const struct pod_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->n_apps; i++) {
		AUTO(free) char *name = str_printable(v->apps[i].name);

		if (v->apps[i].verified_by)
			buf_addf(out, "verified-%s=%s\n", name, v->apps[i].verified_by);
	}
}

static void exit_lines(const struct pod_view *v, struct buf *out)
{
	bool exited = v->number == POD_EXITED || v->number == POD_EXITED_GARBAGE;

	if (v->pid)
		buf_addf(out, "pid=%d\n", (int)v->pid);
	buf_addf(out, "exited=%s\n", exited ? "true" : "false");
	for (size_t i = 0; i < v->n_apps && v->number != POD_RUNNING; i++) {
		AUTO(free) char *name = str_printable(v->apps[i].name);

		if (v->apps[i].exit_code.set)
			buf_addf(out, "app-%s=%d\n", name, (int)v->apps[i].exit_code.value);
	}
}

void pod_view_lines(const struct pod_view *v, struct buf *out)
{
	buf_addf(out, "state=%s\n", v->state);
	time_line(out, "created", v->created_ns);
	time_line(out, "started", v->started_ns);
	if (v->number == POD_RUNNING || v->number == POD_EXITED)
		buf_adds(out, "networks=\n");
	if (v->number != POD_EMBRYO && v->number != POD_PREPARING && v->number != POD_PREPARED &&
	    v->number != POD_ABORTED_PREPARE)
		exit_lines(v, out);
	/* Ours come after rkt's, so that scripts which count lines keep working. */
	confinement_lines(v, out);
	verified_lines(v, out);
}
