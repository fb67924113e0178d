#include "stage0/stage0.h"

#include <ctype.h>

#include "base/buf.h"

/* The single bits first, so that insecure_format() names each once. */
static const struct {
	const char *name;
	unsigned bits;
} options[] = {
	{ "image", INSECURE_IMAGE },
	{ "tls", INSECURE_TLS },
	{ "ondisk", INSECURE_ONDISK },
	{ "http", INSECURE_HTTP },
	{ "pubkey", INSECURE_PUBKEY },
	{ "capabilities", INSECURE_CAPABILITIES },
	{ "paths", INSECURE_PATHS },
	{ "seccomp", INSECURE_SECCOMP },
	{ "all-fetch", INSECURE_ALL_FETCH },
	{ "all-run", INSECURE_ALL_RUN },
	{ "all", INSECURE_ALL },
	{ "none", 0 },
};

int insecure_parse(const char *list, unsigned *ret, struct err *err)
{
	AUTO(strv_free) char **words = NULL;
	unsigned bits = 0, seen = 0;

	if (!*list) {
		*ret = 0;
		return 0;
	}
	words = strv_split(list, ',');
	for (char **word = words; *word; word++) {
		size_t i;

		for (char *c = *word; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		for (i = 0; i < ARRAY_LEN(options); i++)
			if (str_eq(options[i].name, *word))
				break;
		if (i == ARRAY_LEN(options))
			return err_set(err, -ERR_USAGE, "unknown option \"%s\"", *word);
		if (seen & 1u << i)
			return err_set(err, -ERR_USAGE, "duplicated option \"%s\"", *word);
		seen |= 1u << i;
		bits |= options[i].bits;
	}
	*ret = bits;
	return 0;
}

char *insecure_format(unsigned insecure)
{
	struct buf text = {};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		bool single = options[i].bits && !(options[i].bits & (options[i].bits - 1));

		if (single && insecure & options[i].bits)
			buf_addf(&text, "%s%s", text.len ? "," : "", options[i].name);
	}
	if (!text.len)
		buf_adds(&text, "none");
	return buf_steal(&text);
}
