#ifndef CLI_APPS_H
#define CLI_APPS_H
#include "base/opt.h"
#include "stage0/stage0.h"
/*
 * The part of the command line that names images (inventory 1.4): options in
 * front, then each image with the options and arguments that belong to it:
 *
 *   run --volume … IMAGE --exec /bin/a -- -x y --- IMAGE -- z
 */

/* Arguments of run, prepare, run-prepared and fetch; each takes the tables that it needs. */
struct pod_args {
	struct prepare_request prepare;
	struct run_request run;
	const char *pull_policy, *profile;
	bool store_only, no_store, private_users, quiet, full;
};

extern const struct opt app_opts[];	/* belong to an image, or --mount also to the pod */
extern const struct opt signature_opts[];	/* the one of them that fetch has */
extern const struct opt pull_new_opts[], pull_update_opts[];	/* --pull-policy and its old forms */
extern const struct opt prepare_opts[];	/* making a pod: run and prepare */
extern const struct opt verify_opts[];	/* of run-prepared; the others have it among those */
extern const struct opt network_opts[];	/* running one: run and run-prepared */

/* struct cmd.parse of run and prepare, and of fetch, whose images take no arguments. */
int apps_parse(const struct opt_set *sets, size_t n, char *const *argv, void *args, struct err *err);
int apps_parse_images(const struct opt_set *sets, size_t n, char *const *argv, void *args, struct err *err);
void pod_args_clear(void *args);

/*
 * What can be told about the arguments before anything is fetched or made; puts
 * policy and profile in place. -EINVAL and the literal message.
 */
int pod_args_check_pull(struct pod_args *a, struct err *err);
int pod_args_check_prepare(struct pod_args *a, struct err *err);
int pod_args_check_run(struct pod_args *a, struct err *err);
#endif
