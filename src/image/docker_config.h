#ifndef IMAGE_DOCKER_CONFIG_H
#define IMAGE_DOCKER_CONFIG_H
#include "image/wire.h"
/*
 * What `docker login` and its like have left in a user's config.json, for registries that rkt's own configuration has
 * no credentials for. Programs that keep credentials (credsStore, credHelpers) are not run: what rkt runs is for its
 * administrator to say.
 */

/* $DOCKER_CONFIG/config.json, or ~/.docker/config.json of the calling user. NULL: no home. The caller frees it. */
char *docker_config_path(void);

/*
 * Looks up host[:port] (Docker Hub by any of its names). 1: *ret has its authorization or identity_token, but for the
 * domain; the caller frees them with ret. 0: there is nothing for it; *ret_helper, which the caller frees, is then the
 * program that would know, or NULL. -ERR_BAD_INPUT.
 */
int docker_config_find(const char *text, size_t len, const char *host, struct wire_credential *ret, char **ret_helper,
		       struct err *err);
#endif
