#ifndef IMAGE_AUTHORIZE_H
#define IMAGE_AUTHORIZE_H
#include <time.h>

#include "image/wire.h"

/*
 * The header lines that make us known to the server of this URL. There are none
 * unless it is https and its host, with the port where the URL has one, is
 * exactly a domain of the list. Asked anew for every URL, so that what one
 * server may know never follows a redirect to another. The lines are secret.
 */
int authorize(const struct wire_credential *list, size_t n, const char *url, time_t now, char ***ret,
	      struct err *err);
#endif
