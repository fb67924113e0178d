#ifndef IMAGE_CREDENTIALS_H
#define IMAGE_CREDENTIALS_H
#include "image/fetch.h"
#include "image/wire.h"

/*
 * Puts the configured credentials into the request, in the form in which
 * rkt-fetch sends them (wire_credentials_clear() frees them). A request that
 * asks nothing of the network gets none.
 */
int credentials_add(const struct fetch_config *config, struct wire_request *request, struct err *err);
#endif
