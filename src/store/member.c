#include "store/member.h"

#include <string.h>

#include "spec/limits.h"

enum { COMPONENT_MAX = 255 };	/* what any file system takes */

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

int member_name_check(const char *name, char **ret, struct err *err)
{
	size_t len = strlen(name);
	int64_t depth = 0;
	const char *p, *end;
	int r;

	if (!len)
		return err_set(err, -ERR_BAD_INPUT, "the name is empty");
	if ((int64_t)len > limits()->path_bytes)
		return limit_refuse(err, &limits()->path_bytes, "the name is longer than");
	if (*name == '/')
		return err_set(err, -ERR_BAD_INPUT, "an absolute name is not allowed");
	while (str_starts(name, "./"))
		name += 2;
	len = strlen(name);
	if (len && name[len - 1] == '/')
		len--;
	if (!len || (len == 1 && *name == '.')) {
		*ret = xstrdup("");
		return 0;
	}
	for (p = name; p <= name + len; p = end + 1) {
		end = memchr(p, '/', (size_t)(name + len - p));
		if (!end)
			end = name + len;
		r = component_check(p, (size_t)(end - p), err);
		if (r < 0)
			return r;
		if (++depth > limits()->path_depth)
			return limit_refuse(err, &limits()->path_depth, "the name has more parts than");
	}
	*ret = xstrndup(name, len);
	return 0;
}

int member_place(const char *name, bool *ret_manifest, const char **ret_path, struct err *err)
{
	*ret_manifest = false;
	*ret_path = NULL;
	if (!*name)
		return 0;
	if (str_eq(name, "manifest"))
		*ret_manifest = true;
	else if (str_eq(name, "rootfs"))
		*ret_path = name + strlen("rootfs");
	else if (str_starts(name, "rootfs/"))
		*ret_path = name + strlen("rootfs/");
	else
		return err_set(err, -ERR_BAD_INPUT, "only 'manifest' and what is below 'rootfs' is allowed");
	return 0;
}

int member_xattr_check(const char *name, bool regular, struct err *err)
{
	/* An overlay believes its own markers wherever it meets them: an image may bring none. */
	if (str_starts(name, "trusted.") || str_starts(name, "user.overlay."))
		return err_set(err, -ERR_BAD_INPUT, "the attribute '%s' is not allowed", name);
	if (!regular)
		return 0;
	return str_starts(name, "user.") || str_eq(name, "security.capability");
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
		return err_set(err, -ERR_BAD_INPUT, "rootfs must be a directory");
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
