#include "cli/format.h"

int format_take(void *args, const struct opt *opt, const char *value, struct err *err)
{
	enum format *format = (enum format *)((char *)args + opt->at);

	if (str_eq(value, "json"))
		*format = FORMAT_JSON;
	else if (str_eq(value, "json-pretty"))
		*format = FORMAT_JSON_PRETTY;
	else
		return err_set(err, -EINVAL, "Invalid format option: %s", value);
	return 0;
}
