#ifndef STAGE0_MANIFEST_H
#define STAGE0_MANIFEST_H
#include "stage0/stage0.h"
/*
 * From what the command line says and what the images' manifests say to a pod
 * manifest (inventory 5.4). Nothing here looks at the store; only the files of
 * --set-env-file are read.
 */

/* --- the pod's options (pod_options.c) --- */

/* What the command line says of the pod as a whole, converted and checked. */
struct pod_options {
	struct volume *volumes; size_t n_volumes;
	struct mount *mounts; size_t n_mounts;
	struct exposed_port *ports; size_t n_ports;
	char **inherited;		/* with --inherit-env: what the app may inherit, "NAME=value" */
	char **set_env, **set_env_files;	/* likewise; each name once */
};

/*
 * Reads the request without looking at any image, and tells every fault that
 * can be told so. environment: what --inherit-env takes from.
 */
int pod_options_parse(const struct prepare_request *r, char *const *environment, struct pod_options *ret,
		      struct err *err);
void pod_options_clear(struct pod_options *o);
static inline void pod_options_clear_auto(struct pod_options *o) { pod_options_clear(o); }

/* --- the manifest (manifest.c) --- */

/* One image that was found for a request. Nothing is owned. */
struct app_image {
	const char *id;
	const struct image_manifest *manifest;
	bool verified;			/* its signature, by a key that is still trusted */
};

/* The manifest of a pod with one app per request; images[i] belongs to r->apps[i]. */
int pod_manifest_build(const struct prepare_request *r, const struct pod_options *o,
		       const struct app_image *images, unsigned insecure, struct pod_manifest *ret, struct err *err);

/* Is the app of a pod manifest from --pod-manifest one that its image allows? */
int runtime_app_check_image(const struct runtime_app *app, const struct app_image *image, unsigned insecure,
			    struct err *err);

/* --- one app (app_request.c) --- */

/* Writes the app's options into app, which has an app section. */
int app_request_apply(const struct app_request *r, struct runtime_app *app, struct err *err);

/* A user or group as rkt takes it: 0 to 4294967294, an absolute path, or a name. what: "user" or "group". */
int identity_check(const char *what, const char *s, struct err *err);

/* --- privileges (privilege.c) --- */

/*
 * Decision D5: an image may not widen its own confinement beyond the hardened
 * profile unless somebody vouches for it: a key, or the operator, who repeats
 * the isolator (r, NULL where there is no command line for it).
 */
int app_check_privileges(const struct app_image *image, const struct app_request *r, unsigned insecure,
			 struct err *err);
#endif
