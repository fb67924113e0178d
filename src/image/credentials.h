#ifndef IMAGE_CREDENTIALS_H
#define IMAGE_CREDENTIALS_H
#include "image/fetch.h"
#include "image/wire.h"

/*
 * Puts the configured credentials into the request, in the form in which
 * rkt-fetch sends them (wire_credentials_clear() frees them). A request that
 * asks nothing of the network gets none.
 *
 * One for a registry gets those for it and its mirrors alone, which it has
 * already: what "auth" configures for that very host, what "dockerAuth" does,
 * or what the user's own docker configuration has (image/docker_config.h).
 */
int credentials_add(const struct fetch_config *config, struct wire_request *request, struct err *err);

/* Puts the mirrors of the registry into the request, which owns them. */
void mirrors_add(const struct fetch_config *config, struct wire_request *request);
#endif
