#ifndef BASE_JSON_ORACLE_H
#define BASE_JSON_ORACLE_H
#include <stddef.h>
/* What another reader thinks of a document; only for tests. Apart, because both use names like JSON_NULL. */

/* The document in that reader's compact form, which the caller frees. NULL: it refuses it. */
char *json_oracle_compact(const char *text, size_t len);
#endif
