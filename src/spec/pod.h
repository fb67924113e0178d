#ifndef SPEC_POD_H
#define SPEC_POD_H
#include "spec/image.h"

/* The pod manifest of appc 0.8.11 (inventory A.4). Zeroed is empty; strings are owned. */

struct volume {
	char *name;
	char *kind;			/* "host" or "empty" */
	char *source;			/* host: absolute path */
	struct json_opt_bool read_only, recursive;
	char *mode;			/* empty: octal, NULL means "0755" */
	struct json_opt_int uid, gid;	/* empty: 0 where absent */
};

struct mount {
	char *volume, *path;
	struct volume *app_volume;	/* NULL: the pod's volume of that name */
};

struct runtime_image {
	char *id, *name;
	struct label *labels; size_t n_labels;
};

struct runtime_app {
	char *name;
	struct runtime_image image;
	struct app *app;		/* NULL: as in the image's manifest */
	bool read_only_rootfs;
	struct mount *mounts; size_t n_mounts;
	struct label *annotations; size_t n_annotations;
};

struct exposed_port {
	char *name;
	int64_t host_port;
	char *host_ip;			/* NULL: any */
	struct port *pod_port;		/* NULL: the app's port of that name */
};

struct pod_manifest {
	char *ac_version, *ac_kind;
	struct runtime_app *apps; size_t n_apps;
	struct volume *volumes; size_t n_volumes;
	struct isolator *isolators; size_t n_isolators;
	struct label *annotations; size_t n_annotations;
	struct exposed_port *ports; size_t n_ports;
	char **user_annotations, **user_labels;
};

extern const struct json_field volume_fields[], pod_manifest_fields[];

int pod_manifest_read(const char *text, size_t len, struct pod_manifest *m, struct err *err);
int pod_manifest_check(const struct pod_manifest *m, struct err *err);
char *pod_manifest_text(const struct pod_manifest *m, bool indent);

/* The app of that name, NULL: none. */
const struct runtime_app *pod_manifest_app(const struct pod_manifest *m, const char *name);
const struct volume *pod_manifest_volume(const struct pod_manifest *m, const char *name);

/* Room for one more at the end, zeroed. */
struct runtime_app *pod_manifest_add_app(struct pod_manifest *m);
struct volume *pod_manifest_add_volume(struct pod_manifest *m);
struct mount *runtime_app_add_mount(struct runtime_app *app);

/*
 * The command line's forms (inventory 1.4): NAME,kind=host,source=/abs[,readOnly=true][,recursive=false],
 * NAME,kind=empty[,mode=][,uid=][,gid=] and volume=NAME,target=/path. The struct is zeroed on failure.
 */
int volume_parse(const char *s, struct volume *v, struct err *err);
int mount_parse(const char *s, struct mount *m, struct err *err);
int volume_check(const struct volume *v, struct err *err);
bool volume_is_host(const struct volume *v);

void volume_clear(struct volume *v);
void mount_clear(struct mount *m);
void pod_manifest_clear(struct pod_manifest *m);
static inline void pod_manifest_clear_auto(struct pod_manifest *m) { pod_manifest_clear(m); }
#endif
