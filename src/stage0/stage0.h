#ifndef STAGE0_STAGE0_H
#define STAGE0_STAGE0_H
#include <stdint.h>

#include "image/client.h"
#include "pod/pod.h"
#include "stage0/settings.h"
#include "store/store.h"
/*
 * What commands are made of: finding images, preparing a pod, becoming it,
 * entering, stopping and collecting it.
 */

/* --insecure-options (inventory 1.3). */
enum insecure {
	INSECURE_IMAGE = 1, INSECURE_TLS = 2, INSECURE_ONDISK = 4, INSECURE_HTTP = 8, INSECURE_PUBKEY = 16,
	INSECURE_CAPABILITIES = 32, INSECURE_PATHS = 64, INSECURE_SECCOMP = 128,
	INSECURE_ALL_FETCH = INSECURE_IMAGE | INSECURE_TLS | INSECURE_HTTP | INSECURE_PUBKEY,
	INSECURE_ALL_RUN = INSECURE_CAPABILITIES | INSECURE_PATHS | INSECURE_SECCOMP,
	INSECURE_ALL = 255,
};
int insecure_parse(const char *list, unsigned *ret, struct err *err);
char *insecure_format(unsigned insecure);	/* "none", or "image,tls" … */

/* What every command knows: the global flags and what follows from configuration. */
struct engine {
	char *data_dir, *system_config, *local_config, *user_config;
	unsigned insecure;
	bool debug, trust_keys_from_https;
	struct config config;
	char *libexec_dir;
};

enum pull_policy { PULL_NEW, PULL_UPDATE, PULL_NEVER };
int pull_policy_parse(const char *s, enum pull_policy *ret, struct err *err);	/* an unknown word is an error */

/* --- images ------------------------------------------------------------- */

/*
 * Finds or fetches an image, and those that it depends on, by the pull policy. A stored image counts only if
 * its verification still holds (D1: a key that is still trusted signed it) or
 * INSECURE_IMAGE is set. signature: --signature, may be NULL.
 */
int image_obtain(const struct engine *e, struct store *store, const char *text, const char *signature,
		 enum pull_policy policy, struct image_info *ret, struct err *err);

struct image_import_request {
	const char *path;		/* NULL: standard input */
	const char *signature;		/* --signature, may be NULL */
	const char *tag;		/* of an archive that holds several images; NULL: the only one */
};
/*
 * An image from a file, of whatever kind that is. Verified as one that is obtained; images that it depends on are
 * not obtained.
 */
int image_import(const struct engine *e, struct store *store, const struct image_import_request *q,
		 struct image_info *ret, struct err *err);

/* --stage1-url|path|name|hash|from-dir; at most one is set (inventory 6.3). */
struct stage1_choice {
	const char *url, *path, *name, *hash, *from_dir;
};
int stage1_obtain(const struct engine *e, struct store *store, const struct stage1_choice *choice,
		  struct image_info *ret, struct err *err);

/* --- preparing ---------------------------------------------------------- */

/* One image on the command line with its per-app options (inventory 1.4). Strings are borrowed from argv or owned by the strv. */
struct app_request {
	const char *image, *signature, *name, *exec, *working_dir, *user, *group, *supplementary_gids;
	const char *memory, *cpu, *cpu_shares, *caps_retain, *caps_remove, *seccomp, *oom_score_adj;
	const char *readonly_rootfs;		/* "true" or "false", NULL: not given */
	char **mounts, **annotations, **user_annotations, **user_labels, **environment;
	char **args;				/* after "--" */
};
void app_request_clear(struct app_request *r);

struct prepare_request {
	struct app_request *apps; size_t n_apps;
	char **volumes, **mounts;		/* --volume; --mount before the first image */
	char **set_env, **set_env_files, **ports;
	const char *pod_manifest;		/* --pod-manifest FILE */
	struct stage1_choice stage1;
	enum pull_policy policy;
	bool inherit_env, no_overlay, verify_ondisk;
	const char *uuid_file_save;
};

/*
 * Makes a pod: fetches what is missing, writes the pod directory, leaves it
 * locked in "preparing". On failure the pod is garbage and *ret is POD_NONE.
 */
int pod_prepare(const struct engine *e, struct pods *pods, const struct prepare_request *r, struct pod *ret,
		struct err *err);

/* --- running ------------------------------------------------------------ */

enum profile { PROFILE_HARDENED, PROFILE_RKT };
int profile_parse(const char *s, enum profile *ret, struct err *err);
const char *profile_name(enum profile p);

struct run_request {
	const char *net;			/* "none" or "host"; whatever else is refused */
	const char *hostname, *ipc;		/* NULL: default */
	bool interactive, mds_register;
	char **dns, **dns_search, **dns_opt, **hosts_entries;
	const char *dns_domain;
	enum profile profile;
	bool verify_ondisk;
};
/* Checks that need no pod, so that nothing is left when they fail. */
int run_request_check(const struct run_request *r, struct err *err);

/*
 * For a pod that was prepared: sees to it that this kernel can use its trees, and with verify_ondisk reads all files
 * of its images again, against what was stored.
 */
int pod_check_trees(const struct engine *e, const struct pod *pod, const struct run_request *r, struct err *err);

/*
 * Becomes the pod: moves it to "run", mounts its trees in a mount namespace of
 * its own, and executes the stage1's run entry point in this process. Returns
 * only on failure; the pod is then "exited".
 */
int pod_run(const struct engine *e, struct pods *pods, struct pod *pod, const struct run_request *r,
	    struct err *err);

/* Becomes a command in a running pod. Returns only on failure. app NULL: the only one (its absence is told
 * as inventory 1.5 says). */
int pod_enter(const struct engine *e, struct pods *pods, struct pod *pod, const char *app, char *const *cmd,
	      struct err *err);

/* Asks (or, with force, makes) a running pod end. Does not wait. -ERR_STATE: not running. */
int pod_stop(const struct engine *e, struct pods *pods, struct pod *pod, bool force, struct err *err);

/* --- collecting --------------------------------------------------------- */

/* Runs the stage1's gc entry point (from the store, never from the pod: D7) for a locked pod and removes it. */
int pod_collect(const struct engine *e, struct pods *pods, struct pod *pod, struct err *err);

struct gc_request { int64_t grace_ns, expire_prepared_ns; bool mark_only; };
/* The steps of inventory 5.8; goes on after a pod that fails and returns the first failure. */
int pods_gc(const struct engine *e, struct pods *pods, const struct gc_request *r, struct err *err);

struct image_gc_request {
	int64_t grace_ns;
	void (*removed)(const struct image_info *image);	/* tells of one */
};
/*
 * The two steps of inventory 4.6, while nobody else uses the store: trees that no pod stands on, then images that
 * were not used for the grace period and that no prepared or running pod needs.
 */
int images_gc(const struct engine *e, struct store *store, struct pods *pods, const struct image_gc_request *r,
	      struct err *err);
#endif
