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

/* --pretty-print, as the commands have it that print a manifest. */
struct pretty_args {
	bool pretty;
	const char *uuid_file;
};
#define PRETTY_OPT                                                                                           \
	{ "pretty-print", 0, OPT_FLAG, offsetof(struct pretty_args, pretty), NULL, "indent the JSON", .def = "true" }
#endif
