#ifndef STAGE0_SETTINGS_H
#define STAGE0_SETTINGS_H
#include "base/err.h"
#include "base/json.h"
#include "image/fetch.h"
#include "spec/limits.h"
/*
 * Configuration files (inventory 2.11): vendor, then local, then user
 * directory; auth.d, limits.d, paths.d, registries.d, stage1.d; regular files ending
 * in ".json", no symlinks. A later directory overrides; the same thing twice in one is an
 * error. Files and directories must be root's and not writable by others when
 * root reads them (security.md H3). Credentials that everybody may read are
 * warned of; those that the caller, who is not root, may not read are passed over.
 */
struct config_auth { char *domain, *type, *user, *password, *token; char *access_key_id, *secret_access_key, *region; };
struct config_docker_auth { char *registry, *user, *password; };
struct config_registry { char *registry, **mirrors; };	/* URLs that are asked before it, in order; may be none */

struct config {
	struct config_auth *auth; size_t n_auth;
	struct config_docker_auth *docker_auth; size_t n_docker_auth;
	struct config_registry *registries; size_t n_registries;
	char **unread;						/* paths in auth.d that the caller may not read */
	char *data_dir, *stage1_images_dir;			/* NULL: not configured */
	char *stage1_name, *stage1_version, *stage1_location;
	struct limits limits;					/* 0: not configured */
};

/* user_dir may be NULL or "". A missing directory is fine. */
int config_load(const char *system_dir, const char *local_dir, const char *user_dir, struct config *ret,
		struct err *err);

/*
 * Reads the text of one file in a directory named dir_name ("auth.d") into what
 * was read so far of the same configuration directory. path is for messages.
 */
int config_read_text(const char *dir_name, const char *path, const char *text, size_t len, struct config *level,
		     struct err *err);

/* The lists of a configuration, whose items each have a key: the first member. For what reads the kinds of files. */
enum config_list { CONFIG_AUTH, CONFIG_DOCKER_AUTH, CONFIG_REGISTRIES, CONFIG_LISTS };
void *config_find(const struct config *c, enum config_list list, const char *key);	/* NULL: none of that key */
void *config_add(struct config *c, enum config_list list, const char *key);	/* the rest is still to be set */

/* Lets what upper says override what c says, thing by thing. upper is empty afterwards. */
void config_override(struct config *c, struct config *upper);

/*
 * The configured credentials as fetch_config takes them: a list to free(), the
 * strings stay the configuration's.
 */
struct fetch_credential *config_credentials(const struct config *c, size_t *ret_n);

/* Warns of credentials that the caller may not read: for commands that may need them, once. */
void config_tell_unread(const struct config *c);

/* The same of the registries that have mirrors. */
struct fetch_registry *config_mirrors(const struct config *c, size_t *ret_n);

/*
 * The member "stage0" as "rkt config" prints it: one entry per domain and registry,
 * then paths, stage1 and limits. Secrets are shown, as rkt does.
 */
void config_write(struct json_writer *w, const struct config *c);
void config_clear(struct config *c);
static inline void config_clear_auto(struct config *c) { config_clear(c); }
#endif
