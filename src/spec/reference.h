#ifndef SPEC_REFERENCE_H
#define SPEC_REFERENCE_H
#include "spec/types.h"
/*
 * What a person may write for an image (inventory 2.1, 2.2; decision D2): a
 * name never resolves to a file of the current directory. A file is "./x",
 * "../x", "/x", "file:///x", or ends in ".aci".
 */
enum reference_kind {
	REFERENCE_HASH,		/* sha512-…, sha256-… (an OCI manifest's digest): only ever looked up in the store */
	REFERENCE_NAME,		/* name[:version][,label=value…]: store, then discovery */
	REFERENCE_FILE,		/* an ACI on this machine */
	REFERENCE_URL,		/* an ACI behind http or https */
	REFERENCE_REGISTRY,	/* docker://[HOST[:PORT]/]NAME[:TAG|@DIGEST]: an image of a registry */
	REFERENCE_LAYOUT,	/* oci:DIR[:TAG][@DIGEST]: an OCI image layout */
	/* oci-archive:FILE[:TAG][@DIGEST]: a tar of one; docker-archive:FILE[:NAME[:TAG]]: what `docker save` writes */
	REFERENCE_ARCHIVE,
};

struct reference {
	enum reference_kind kind;
	char *text;			/* as it was written */
	char *hash;			/* REFERENCE_HASH: "sha512-…" or "sha256-…", also of a digest with a colon */
	char *name;			/* REFERENCE_NAME */
	struct label *labels;		/* REFERENCE_NAME: version first if given; no defaults added */
	size_t n_labels;
	char *path;			/* REFERENCE_FILE, _LAYOUT, _ARCHIVE: as written, or the path of the file URL */
	char *url;			/* REFERENCE_URL */
	char *registry, *repository;	/* REFERENCE_REGISTRY: "registry-1.docker.io", "library/busybox" */
	/* REFERENCE_REGISTRY, _LAYOUT, _ARCHIVE; NULL: not given. The tag of a docker-archive is NAME[:TAG] as written. */
	char *tag, *digest;
};

/*
 * Reads one. A distribution point ("cimd:TYPE:v=0:DATA", inventory 2.3) becomes what it stands for. A registry
 * reference with neither tag nor digest gets the tag "latest"; Docker Hub's names are expanded.
 */
int reference_parse(const char *text, struct reference *ret, struct err *err);

/* The forms of a name alone: name[:version][,label=value…]. */
int app_string_parse(const char *text, char **ret_name, struct label **ret_labels, size_t *ret_n,
		     struct err *err);

/*
 * What two ways of writing the same source have in common: "docker://registry-1.docker.io/library/busybox:latest"
 * (with a digest, that alone instead of the tag), an absolute "oci:/dir:tag" or path, a URL. NULL: a hash or a
 * name. The caller frees it.
 */
char *reference_source(const struct reference *r);

/* Adds os and arch of this machine where they are missing. -ERR_BAD_INPUT: a pair that rkt does not know. */
int reference_default_labels(struct label **labels, size_t *n, struct err *err);

/* "name:version,label=value…", version, os, arch first (inventory 2.2). */
char *app_string_format(const char *name, const struct label *labels, size_t n);

void reference_clear(struct reference *r);
static inline void reference_clear_auto(struct reference *r) { reference_clear(r); }
#endif
