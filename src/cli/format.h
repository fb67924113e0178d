#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H
#include "base/json.h"
#include "base/opt.h"
/* --format, as list, status and image list have it. */
enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_JSON_PRETTY };

/* struct opt.call: at is that of an enum format. */
int format_take(void *args, const struct opt *opt, const char *value, struct err *err);
#define FORMAT_OPT(at)                                                                                \
	{ "format", 0, OPT_CALL, (at), "json|json-pretty", "print JSON instead of a table or lines", \
	  .call = format_take }

/* --pretty-print, as the commands have it that print JSON only; at is that of a bool. */
#define PRETTY_OPT(at) { "pretty-print", 0, OPT_FLAG, (at), NULL, "indent the JSON", .def = "true" }
#endif
