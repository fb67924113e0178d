#ifndef SPEC_TYPES_H
#define SPEC_TYPES_H
#include <stdint.h>

#include "base/err.h"
/*
 * The scalar types of appc 0.8.11 (inventory A.1) and what is built of them.
 * Every check returns -ERR_BAD_INPUT and says what is wrong with which text.
 */

/* ^[a-z0-9]+([-._~/][a-z0-9]+)*$ : names of images and labels. */
int ac_identifier_check(const char *s, struct err *err);

/* ^[a-z0-9]+([-][a-z0-9]+)*$ : names of apps, volumes, ports. */
int ac_name_check(const char *s, struct err *err);

/* Makes an AC name of an image name's last part ("example.com/my_app" → "my-app"). NULL: nothing usable in it. */
char *ac_name_from(const char *image_name);

/* semver 2.0 other than 0.0.0. */
int ac_version_check(const char *s, struct err *err);

/* ^[A-Za-z_][A-Za-z_0-9.-]*$ */
int env_name_check(const char *s, struct err *err);

/* RFC 3339 date and time. */
int date_check(const char *s, struct err *err);

/*
 * Image IDs: "sha512-" and 1 to 128 lower-case hex digits. The full one has
 * 128, the store's key the first 64. A whole ID is compared as a whole: a
 * wrong tail is another image (security.md K12).
 */
enum { IMAGE_ID_LEN = 7 + 128, IMAGE_KEY_LEN = 7 + 64 };
int image_id_check(const char *s, struct err *err);	/* a full ID or a prefix of one with 2 digits or more */
int image_hash_check(const char *s, struct err *err);	/* likewise, or "sha256-" and 2 to 64: an OCI manifest's digest */

/* os and arch as rkt names them, e.g. "linux" and "amd64". */
const char *host_os(void);
const char *host_arch(void);
bool host_runs(const char *arch);	/* its own programs, and those of the smaller one that such machines run too */
int os_arch_check(const char *os, const char *arch, struct err *err);

/* One label or annotation of a manifest. */
struct label {
	char *name, *value;
};
const char *label_get(const struct label *labels, size_t n, const char *name);	/* NULL: none */
void label_set(struct label **labels, size_t *n, const char *name, const char *value);	/* adds or replaces */
void labels_free(struct label *labels, size_t n);
struct label *labels_copy(const struct label *labels, size_t n);

/*
 * Kubernetes-like quantities: digits with an optional fraction and one of the
 * suffixes m k K M G T P E Ki Mi Gi Ti Pi Ei or an exponent. -ERANGE: does not
 * fit. Fractions of a unit are rounded up, as Kubernetes does.
 */
int quantity_parse(const char *s, int64_t *ret, struct err *err);	/* whole units */
int quantity_parse_milli(const char *s, int64_t *ret, struct err *err);	/* thousandths */
#endif
