#ifndef POD_UUID_H
#define POD_UUID_H
#include <stdbool.h>

#include "pod/pod.h"

/* A fresh random UUID (version 4), lower-case, into a buffer of UUID_LEN + 1. */
void uuid_new(char *ret);

/* 36 characters of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in lower-case hex. */
bool uuid_is(const char *s);
#endif
