#include "store/member.h"

#include <string.h>

#include "spec/limits.h"

enum { COMPONENT_MAX = 255, XATTR_NAME_BYTES = 255 };	/* what any file system, and Linux, takes */

static int component_check(const char *s, size_t len, struct err *err)
{
	if (!len)
		return err_set(err, -ERR_BAD_INPUT, "the name has an empty part");
	if (len == 2 && memcmp(s, "..", 2) == 0)
		return err_set(err, -ERR_BAD_INPUT, "'..' is not allowed in a name");
	if (len == 1 && *s == '.')
		return err_set(err, -ERR_BAD_INPUT, "'.' is not allowed in a name");
	if (len > COMPONENT_MAX)
		return err_set(err, -ERR_BAD_INPUT, "a part of the name is longer than %d bytes", COMPONENT_MAX);
	return 0;
}

/* An ACI's name without its leading "./" and trailing "/"; what is odd about it stays, and is refused later. */
static char *strip_aci(const char *name)
{
	size_t len;

	while (str_starts(name, "./"))
		name += 2;
	len = strlen(name);
	if (len && name[len - 1] == '/')
		len--;
	return len == 1 && *name == '.' ? xstrdup("") : xstrndup(name, len);
}

/* The parts of a layer's name but the empty ones and ".". */
static char *strip_oci(const char *name)
{
	char *clean = xmalloc(strlen(name) + 1), *to = clean;

	while (*name) {
		size_t len = strcspn(name, "/");

		if (len && !(len == 1 && *name == '.')) {
			if (to > clean)
				*to++ = '/';
			memcpy(to, name, len);
			to += len;
		}
		name += len;
		name += strspn(name, "/");
	}
	*to = 0;
	return clean;
}

static int components_check(const char *name, struct err *err)
{
	int64_t depth = 0;
	int r;

	for (;;) {
		size_t len = strcspn(name, "/");

		r = component_check(name, len, err);
		if (r < 0)
			return r;
		if (++depth > limits()->path_depth)
			return limit_refuse(err, &limits()->path_depth, "the name has more parts than");
		if (!name[len])
			return 0;
		name += len + 1;
	}
}

int member_name_check(enum tar_format format, const char *name, char **ret, struct err *err)
{
	AUTO(free) char *clean = NULL;
	int r;

	if (!*name)
		return err_set(err, -ERR_BAD_INPUT, "the name is empty");
	if ((int64_t)strlen(name) > limits()->path_bytes)
		return limit_refuse(err, &limits()->path_bytes, "the name is longer than");
	if (format == TAR_ACI && *name == '/')
		return err_set(err, -ERR_BAD_INPUT, "an absolute name is not allowed");
	clean = format == TAR_ACI ? strip_aci(name) : strip_oci(name);
	if (*clean) {
		r = components_check(clean, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE(clean);
	return 0;
}

int member_place(enum tar_format format, const char *name, bool *ret_manifest, const char **ret_path,
		 struct err *err)
{
	*ret_manifest = false;
	*ret_path = NULL;
	if (format == TAR_OCI) {
		*ret_path = name;
		return 0;
	}
	if (!*name)
		return 0;
	if (str_eq(name, "manifest"))
		*ret_manifest = true;
	else if (str_eq(name, "rootfs"))
		*ret_path = name + strlen("rootfs");
	else if (str_starts(name, "rootfs/"))
		*ret_path = name + strlen("rootfs/");
	else
		return err_set(err, -ERR_BAD_INPUT, "only 'manifest' and what is below 'rootfs' is allowed in an ACI (an "
			       "archive of another format is written oci-archive:FILE or docker-archive:FILE)");
	return 0;
}

int member_xattr_check(enum tar_format format, enum member_kind kind, const char *name, struct err *err)
{
	/* An overlay believes its own markers wherever it meets them: an image may bring none. */
	if (str_starts(name, "trusted.") || str_starts(name, "user.overlay."))
		return err_set(err, -ERR_BAD_INPUT, "the attribute '%s' is not allowed", name);
	if (strlen(name) > XATTR_NAME_BYTES)
		return err_set(err, -ERR_BAD_INPUT, "the name of an attribute is longer than %d bytes",
			       XATTR_NAME_BYTES);
	if (kind == MEMBER_FILE && str_eq(name, "security.capability"))
		return 1;
	/* appc knows attributes of files alone. */
	if (kind != MEMBER_FILE && !(kind == MEMBER_DIRECTORY && format == TAR_OCI))
		return 0;
	return str_starts(name, "user.") && name[strlen("user.")];
}

static int manifest_check(const struct member *m, struct err *err)
{
	if (m->size > limits()->document_bytes)
		return limit_refuse(err, &limits()->document_bytes, "the manifest is larger than");
	return 0;
}

static int symlink_check(const struct member *m, struct err *err)
{
	if (!m->link || !*m->link)
		return err_set(err, -ERR_BAD_INPUT, "the symlink has no target");
	if ((int64_t)strlen(m->link) > limits()->link_bytes)
		return limit_refuse(err, &limits()->link_bytes, "the symlink's target is longer than");
	return 0;
}

static int hardlink_check(const struct member *m, struct err *err)
{
	if (!m->link || !*m->link)
		return err_set(err, -ERR_BAD_INPUT, "the hard link's target is no file below rootfs");
	if (str_eq(m->link, m->path))
		return err_set(err, -ERR_BAD_INPUT, "the hard link is its own target");
	return 0;
}

int member_check(const struct member *m, struct err *err)
{
	if (m->size < 0)
		return err_set(err, -ERR_BAD_INPUT, "the size is negative");
	if (m->mtime.tv_nsec < 0 || m->mtime.tv_nsec > 999999999)
		return err_set(err, -ERR_BAD_INPUT, "the modification time is no time");
	if (m->kind != MEMBER_MANIFEST && !*m->path && m->kind != MEMBER_DIRECTORY)
		return err_set(err, -ERR_BAD_INPUT, "the root must be a directory");
	switch (m->kind) {
	case MEMBER_MANIFEST:
		return manifest_check(m, err);
	case MEMBER_SYMLINK:
		return symlink_check(m, err);
	case MEMBER_HARDLINK:
		return hardlink_check(m, err);
	default:
		return 0;
	}
}
