#ifndef OS_USERS_H
#define OS_USERS_H
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
/*
 * Users and groups of an app, from the files of its own root and never by the
 * host's name services: nothing of a pod is run or loaded on our side.
 *
 * A text of digits alone is a number, and one out of range fails instead of
 * being tried as a name. 4294967295 is no user: system calls take it for
 * "leave it alone".
 */
enum { USERS_FILE_MAX = 1 << 20 };

struct identity_ids {
	uid_t uid;
	gid_t gid;
};

/*
 * user and group: digits, an absolute path (the owner of that file inside the
 * root), or a name of the root's /etc/passwd or /etc/group; "" and NULL mean 0.
 */
int users_resolve(int root_fd, const char *user, const char *group, struct identity_ids *ret, struct err *err);

/*
 * The same for an image that names a user and no group, which means his own to
 * Docker: that of the first line of the root's /etc/passwd with this name, or with
 * this number where it is one, else 0.
 */
int users_resolve_alone(int root_fd, const char *user, struct identity_ids *ret, struct err *err);

/* One number as above. -EINVAL: not all digits. -ERANGE: digits, but no id. */
int users_parse_id(const char *s, unsigned *ret);

/*
 * Finds name in the text of a passwd (field 2: uid) or group (field 2: gid)
 * file. -ERR_NOT_FOUND. A line whose number is no id counts as absent.
 */
int users_find(const char *text, const char *name, unsigned *ret_id);

/* The group of the first line of a passwd file with this name; NULL: with this uid. -ERR_NOT_FOUND: none, or no number. */
int users_find_group(const char *text, const char *name, uid_t uid, gid_t *ret_gid);
#endif
