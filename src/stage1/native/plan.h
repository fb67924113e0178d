#ifndef STAGE1_NATIVE_PLAN_H
#define STAGE1_NATIVE_PLAN_H
#include <stdbool.h>

#include "os/caps.h"
#include "os/cgroup.h"
#include "os/device_policy.h"
#include "os/seccomp.h"
#include "spec/isolator.h"
#include "spec/pod.h"
#include "stage1/native/args.h"
/*
 * A pod as it is to be: read from its manifest and checked as far as that can
 * be done without its files. Everything that the pod needs to know later is
 * allocated here, before anything runs.
 */

/* One thing to mount into an app. */
struct app_mount {
	char *target;			/* absolute, inside the app's root */
	const struct volume *volume;
	bool read_only, recursive;
	bool filled;			/* the volume, when it is made, is made as what the image has there */
	int fd;				/* what is mounted, detached; -1 until plan_open() */
	bool is_directory;
};

struct app_plan {
	const char *name;
	const struct app *app;		/* of the pod manifest, else of the image's */
	bool alone;			/* its image names a user and no group (users_resolve_alone()) */
	bool is_dockers;		/* its image was one of Docker's or of OCI */
	bool read_only_root;
	char **env;
	struct isolation isolation;
	caps_t caps;
	struct seccomp_filter filter;	/* empty: none */
	bool has_filter;
	struct cgroup_limits limits;
	struct app_mount *mounts; size_t n_mounts;
	gid_t *gids; size_t n_gids;	/* the supplementary ones */
	int root_fd;			/* its file system, detached */
	struct cgroup_leaf leaf;
	/* Owned for the sake of the above. */
	struct image_manifest image;
	struct volume *implicit; size_t n_implicit;
};

struct pod_plan {
	const struct run_args *args;
	struct pod_manifest manifest;
	char *hostname;
	struct app_plan *apps; size_t n_apps;
	struct device_rule *devices; size_t n_devices;	/* volumes that are devices */
	int64_t oom_score;		/* of apps that ask for none */
	bool cgroup2;			/* the only kind of cgroups here: apps see their own */
	int resolv_fd, hosts_fd;	/* files to mount over /etc/resolv.conf and /etc/hosts, detached; -1: none */
};

/* Reads POD_MANIFEST of the working directory and works out all of the above that needs no file of an app. */
int plan_read(const struct run_args *args, struct pod_plan *ret, struct err *err);

/* Opens what is mounted into the apps: their trees, volumes (making and filling the empty ones), name resolution. */
int plan_open(struct pod_plan *plan, struct err *err);
void plan_clear(struct pod_plan *plan);

/* The parts that have tests of their own. */
char **plan_env(const struct app *app, const char *app_name);
int plan_caps(const struct run_args *args, const struct isolation *isolation, caps_t bounding, caps_t *ret,
	      struct err *err);
int plan_mounts(const struct pod_manifest *pod, const struct runtime_app *runtime, struct app_plan *app,
		struct err *err);
#endif
