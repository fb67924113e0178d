#ifndef SPEC_IMAGE_H
#define SPEC_IMAGE_H
#include "base/json.h"
#include "spec/types.h"

/* The image manifest of appc 0.8.11 (inventory A.2, A.3). Zeroed is empty; strings are owned. */

struct env_var { char *name, *value; };
struct event_handler { char *name; char **exec; };
struct mount_point { char *name, *path; struct json_opt_bool read_only; };
struct port {
	char *name, *protocol;
	int64_t port;
	int64_t count;			/* 1 where the document says nothing */
	bool socket_activated;
};

/* The value stays JSON text here; spec/isolator.h gives it meaning. */
struct isolator { char *name, *value; };

struct app {
	char **exec;
	struct event_handler *handlers; size_t n_handlers;
	char *user, *group;
	int64_t *gids; size_t n_gids;
	char *working_dir;
	struct env_var *env; size_t n_env;
	struct mount_point *mount_points; size_t n_mount_points;
	struct port *ports; size_t n_ports;
	struct isolator *isolators; size_t n_isolators;
	char **user_annotations, **user_labels;	/* "key=value" */
};

struct dependency {
	char *image_name, *image_id;
	struct label *labels; size_t n_labels;
	int64_t size;
};

struct image_manifest {
	char *ac_kind, *ac_version, *name;
	struct label *labels; size_t n_labels;
	struct app *app;			/* NULL: the image brings files only */
	struct dependency *dependencies; size_t n_dependencies;
	char **path_whitelist;
	struct label *annotations; size_t n_annotations;
};

extern const struct json_field app_fields[], label_fields[], isolator_fields[], env_fields[],
	port_fields[], image_manifest_fields[];

/* What is said so is said of an image made of Docker's or of OCI. */
#define IMAGE_ANNOTATIONS_DOCKER "appc.io/docker/"

/* Of such an image: the user that it names, where it names no group (spec/oci.h). */
#define IMAGE_ANNOTATION_DOCKER_USER IMAGE_ANNOTATIONS_DOCKER "user"

enum { MANIFEST_MAX_BYTES = 4 << 20 };	/* an image or pod manifest may not be larger (security.md F9) */

/* Reads and checks a whole manifest. On failure m is empty and err names the place. */
int image_manifest_read(const char *text, size_t len, struct image_manifest *m, struct err *err);

/* What the types of the members do not say: names, duplicates, ranges, os and arch, isolators. */
int image_manifest_check(const struct image_manifest *m, struct err *err);
int app_check(const struct app *app, struct err *err);

/* What a document leaves out and has a default; reading a whole manifest does it. */
void app_set_defaults(struct app *app);
void port_set_defaults(struct port *port);

/* A deep copy. NULL gives NULL. */
struct app *app_copy(const struct app *app);
void app_free(struct app *app);
DEFINE_AUTO(struct app *, app_free)

/* Sets a variable, in place of one with that name. */
void app_set_env(struct app *app, const char *name, const char *value);
const char *app_get_env(const struct app *app, const char *name);

void image_manifest_clear(struct image_manifest *m);
static inline void image_manifest_clear_auto(struct image_manifest *m) { image_manifest_clear(m); }
#endif
