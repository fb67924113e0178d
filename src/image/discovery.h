#ifndef IMAGE_DISCOVERY_H
#define IMAGE_DISCOVERY_H
#include <stdbool.h>
#include <stddef.h>

#include "spec/types.h"
/*
 * Meta discovery of appc (inventory 2.5), the part that needs no network: which
 * pages to ask, what their meta tags say, how a template becomes a URL.
 */
#define DISCOVERY_IMAGE "ac-discovery"
#define DISCOVERY_KEYS	"ac-discovery-pubkeys"

/* "https://PATH?ac-discovery=1" */
char *discovery_page(const char *scheme, const char *path);

/* Cuts the last component off path. false: it was the last one. */
bool discovery_parent(char *path);

/*
 * What the page's tags of that kind offer for an image name, in order: the
 * second word of each content whose first word, the prefix, is the name or an
 * ancestor of it at a "/" (K3). NULL: nothing.
 */
char **discovery_tags(const char *html, size_t len, const char *kind, const char *name);

/*
 * The template with {name}, {LABEL} and {ext} filled in; a missing version is
 * "latest". NULL: a variable is left that nobody knows.
 */
char *discovery_render(const char *template, const char *name, const struct label *labels, size_t n_labels,
		       const char *ext);

/*
 * Where the signature of an image URL lies: "…/x.aci?q" has "…/x.aci.asc?q".
 * NULL: the path does not end in ".aci".
 */
char *discovery_signature_url(const char *url);
#endif
