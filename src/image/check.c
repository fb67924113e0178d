#include "image/check.h"

int image_check_asked(const struct image_manifest *m, const char *name, const struct label *labels, size_t n,
		      struct err *err)
{
	if (!str_eq(m->name, name))
		return err_set(err, -ERR_BAD_INPUT, "error when reading the app name: \"%s\" expected but \"%s\" found",
			       name, m->name);
	for (size_t i = 0; i < n; i++) {
		const char *value = label_get(m->labels, m->n_labels, labels[i].name);

		if (!value)
			return err_set(err, -ERR_BAD_INPUT,
				       "requested label \"%s\" not provided by the image manifest", labels[i].name);
		if (!str_eq(value, labels[i].value))
			return err_set(err, -ERR_BAD_INPUT,
				       "requested value for label \"%s\": \"%s\" differs from fetched aci label "
				       "value: \"%s\"", labels[i].name, labels[i].value, value);
	}
	return 0;
}
