#ifndef STAGE0_CONFIG_H
#define STAGE0_CONFIG_H
#include "base/err.h"
#include "base/json.h"
/*
 * Configuration files (inventory 2.11): vendor, then local, then user
 * directory; auth.d, paths.d, stage1.d; regular files ending in ".json", no
 * symlinks. A later directory overrides; the same thing twice in one is an
 * error. Files and directories must be root's and not writable by others when
 * root reads them (security.md H3).
 */
struct config_auth { char *domain, *type, *user, *password, *token; char *access_key_id, *secret_access_key, *region; };
struct config_docker_auth { char *registry, *user, *password; };

struct config {
	struct config_auth *auth; size_t n_auth;
	struct config_docker_auth *docker_auth; size_t n_docker_auth;
	char *data_dir, *stage1_images_dir;			/* NULL: not configured */
	char *stage1_name, *stage1_version, *stage1_location;
};

/* user_dir may be NULL or "". A missing directory is fine. */
int config_load(const char *system_dir, const char *local_dir, const char *user_dir, struct config *ret,
		struct err *err);

/* {"stage0":[…]}, one entry per thing configured, as "rkt config" prints it. */
char *config_text(const struct config *c, bool indent);
void config_clear(struct config *c);
#endif
