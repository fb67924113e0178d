#ifndef SPEC_REFERENCE_H
#define SPEC_REFERENCE_H
#include "spec/types.h"
/*
 * What a person may write for an image (inventory 2.1, 2.2; decision D2): a
 * name never resolves to a file of the current directory. A file is "./x",
 * "../x", "/x", "file:///x", or ends in ".aci".
 */
enum reference_kind {
	REFERENCE_HASH,		/* sha512-…: only ever looked up in the store */
	REFERENCE_NAME,		/* name[:version][,label=value…]: store, then discovery */
	REFERENCE_FILE,		/* an ACI on this machine */
	REFERENCE_URL,		/* an ACI behind http or https */
};

struct reference {
	enum reference_kind kind;
	char *text;			/* as it was written */
	char *hash;			/* REFERENCE_HASH */
	char *name;			/* REFERENCE_NAME */
	struct label *labels;		/* REFERENCE_NAME: version first if given; no defaults added */
	size_t n_labels;
	char *path;			/* REFERENCE_FILE: as written, or the path of the file URL */
	char *url;			/* REFERENCE_URL */
};

/* Reads one. Schemes that are not ours (docker://, oci:) fail with a line that says so. */
int reference_parse(const char *text, struct reference *ret, struct err *err);

/* The forms of a name alone: name[:version][,label=value…]. */
int app_string_parse(const char *text, char **ret_name, struct label **ret_labels, size_t *ret_n,
		     struct err *err);

/* Adds os and arch of this machine where they are missing. -ERR_BAD_INPUT: a pair that rkt does not know. */
int reference_default_labels(struct label **labels, size_t *n, struct err *err);

/* "name:version,label=value…", version, os, arch first (inventory 2.2). */
char *app_string_format(const char *name, const struct label *labels, size_t n);

void reference_clear(struct reference *r);
static inline void reference_clear_auto(struct reference *r) { reference_clear(r); }
#endif
