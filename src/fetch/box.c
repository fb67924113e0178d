#include "fetch/box.h"

#include <curl/curl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/confine.h"

enum { FILES_MAX = 256, PLACES_MAX = 96 };

/* Distributions differ in where they keep these. */
static const char *const places[] = {
	/* looking up hosts */
	"/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/protocols", "/etc/resolv.conf",
	"/etc/services",
	/* libraries that this takes, and their conversions of characters */
	"/etc/ld.so.cache",
	/* authorities, and how OpenSSL is set up */
	"/etc/ca-certificates", "/etc/crypto-policies", "/etc/pki/ca-trust", "/etc/pki/tls/cert.pem",
	"/etc/pki/tls/certs", "/etc/pki/tls/openssl.cnf", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/usr/lib/ssl/openssl.cnf", "/usr/local/share/ca-certificates",
	"/usr/share/ca-certificates", "/usr/share/crypto-policies", "/usr/share/pki", "/var/lib/ca-certificates",
	"/dev/random", "/dev/urandom",	/* the OpenPGP library's */
	/* how many threads are worth while, and what time it is elsewhere */
	"/etc/localtime", "/sys/devices/system/cpu",
};

struct list {
	struct confine_place places[PLACES_MAX];
	char *owned[PLACES_MAX];
	size_t n;
};

static void list_clear(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->owned[i]);
}
static inline void list_clear_auto(struct list *l) { list_clear(l); }

/* Takes the path. What no longer fits is out of reach. */
static void list_add(struct list *l, char *path)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->owned[i], path)) {
			free(path);
			return;
		}
	}
	if (l->n == PLACES_MAX) {
		free(path);
		return;
	}
	l->owned[l->n] = path;
	l->places[l->n++].path = path;
}

/* The directory of a file, unless too much lies there. */
static void add_directory_of(struct list *l, const char *file)
{
	AUTO(free) char *real = realpath(file, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	if (!slash)
		return;
	*slash = '\0';
	if (*real && strcmp(real, "/etc") != 0 && strcmp(real, "/run") != 0)
		list_add(l, TAKE(real));
}

/* Modules for looking up hosts lie beside the libraries that are loaded, wherever that is. */
static int add_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	if (info->dlpi_name && *info->dlpi_name == '/')
		add_directory_of(arg, info->dlpi_name);
	return 0;
}

static void add_text(struct list *l, const char *path)
{
	if (path && *path == '/')
		list_add(l, xstrdup(path));
}

static void add_places(struct list *l)
{
	const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

	add_text(l, getenv("SSL_CERT_FILE"));
	add_text(l, getenv("SSL_CERT_DIR"));
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		add_text(l, places[i]);
	/* Written anew, it is another file; most who do that keep it in a directory of their own. */
	add_directory_of(l, "/etc/resolv.conf");
	if (curl->age >= CURLVERSION_SEVENTH) {
		add_text(l, curl->cainfo);
		add_text(l, curl->capath);
	}
	dl_iterate_phdr(add_library, l);
}

int box_enter(bool local_services, struct err *err)
{
	AUTO(list_clear) struct list list = {};
	int version, r;

	confine_limit(RLIMIT_CORE, 0);		/* a core would hold keys and URLs */
	confine_limit(RLIMIT_NOFILE, FILES_MAX);
	confine_limit(RLIMIT_MSGQUEUE, 0);
	add_places(&list);
	r = confine_files(list.places, list.n, &version, err);
	if (r >= 0)
		r = confine_calls(CONFINE_READ | CONFINE_IP | (local_services ? CONFINE_LOCAL : 0), err);
	return r;
}
