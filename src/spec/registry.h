#ifndef SPEC_REGISTRY_H
#define SPEC_REGISTRY_H
#include <stdbool.h>

#include "base/err.h"
/*
 * Names of images in registries, as Docker and its successors write them:
 *
 *   [HOST[:PORT]/]NAME[/NAME…][:TAG][@DIGEST]
 *
 * The first part is a host if it has a "." or ":" in it or is "localhost".
 * Docker Hub, which is meant where there is no host, has several names and
 * keeps its own images below "library/": one form comes out for all of them.
 */
struct registry_name {
	char *registry;			/* host[:port] in lower case, IPv6 in one form; Docker Hub: "registry-1.docker.io" */
	char *repository;		/* "library/busybox" */
	char *tag, *digest;		/* NULL: not given */
};

/*
 * The appc name of a repository, or of a registry itself (repository NULL), both in the form that
 * registry_name_parse() gives. Trust goes by it, so no two have the same: "localhost:5000" is "localhost_5000", an IPv6
 * address is its eight numbers with "_" between them, and "my__org" is "my~2_org". What has another form gives no valid
 * name. The caller frees it.
 */
char *registry_appc_name(const char *registry, const char *repository);

/*
 * What people write for a part of a registry, "docker.io/library" or "localhost:5000/app", as a prefix of the appc
 * names that its images get. Another text comes back as it is; the caller checks and frees it.
 */
char *registry_prefix(const char *text);

/*
 * "host[:port]" in the form that names have it in, Docker Hub's several names as their one. NULL: it is no host. The
 * caller frees it.
 */
char *registry_host(const char *text);

/* Is "host[:port]" this machine itself, so that nobody can stand between? A host that only looks so is not. */
bool registry_is_local(const char *host);

int registry_name_parse(const char *text, struct registry_name *ret, struct err *err);

/* Do both mean the same image? No tag means "latest" here. */
bool registry_name_same(const char *a, const char *b);
void registry_name_clear(struct registry_name *n);
static inline void registry_name_clear_auto(struct registry_name *n) { registry_name_clear(n); }
#endif
