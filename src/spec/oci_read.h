#ifndef SPEC_OCI_READ_H
#define SPEC_OCI_READ_H
#include "base/json.h"
#include "spec/types.h"

/* Members whose names are data, which tables of members cannot say. None, or null, is empty. */

/* An object of strings, in the document's order. */
int oci_read_pairs(const struct json_value *v, const char *key, struct label **ret, size_t *ret_n, struct err *err);

/* The names of an object's members, whatever the values, sorted. */
int oci_read_keys(const struct json_value *v, const char *key, char ***ret, struct err *err);
#endif
