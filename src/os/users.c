#include "os/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"

enum { NAME_MAX_LEN = 256 };

int users_parse_id(const char *s, unsigned *ret)
{
	unsigned long long v;
	int r = str_to_u64(s, UINT32_MAX - 1, &v);

	if (r < 0)
		return r;
	*ret = (unsigned)v;
	return 0;
}

int users_find(const char *text, const char *name, unsigned *ret_id)
{
	size_t len = strlen(name);

	if (!len || len > NAME_MAX_LEN || strpbrk(name, ":\n"))
		return -ERR_NOT_FOUND;
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		char digits[16];
		const char *number;
		size_t n;

		end = line + strcspn(line, "\n");
		if ((size_t)(end - line) <= len || memcmp(line, name, len) || line[len] != ':')
			continue;
		number = memchr(line + len + 1, ':', (size_t)(end - line) - len - 1);
		if (!number)
			continue;
		number++;
		n = strcspn(number, ":\n");
		if (n >= sizeof(digits))
			continue;
		memcpy(digits, number, n);
		digits[n] = 0;
		if (users_parse_id(digits, ret_id) == 0)
			return 0;
	}
	return -ERR_NOT_FOUND;
}

/* The n-th field of a line, from 0. NULL: it has none, or one too long to be of use. */
static char *field_of(const char *line, size_t len, size_t n)
{
	const char *end = line + len, *colon;

	for (; n; n--) {
		colon = memchr(line, ':', (size_t)(end - line));
		if (!colon)
			return NULL;
		line = colon + 1;
	}
	colon = memchr(line, ':', (size_t)(end - line));
	len = (size_t)((colon ?: end) - line);
	return len <= NAME_MAX_LEN ? xstrndup(line, len) : NULL;
}

int users_find_group(const char *text, const char *name, uid_t uid, gid_t *ret_gid)
{
	for (const char *line = text; *line; line += strspn(line, "\n")) {
		size_t len = strcspn(line, "\n");
		AUTO(free) char *of = field_of(line, len, name ? 0 : 2), *group = field_of(line, len, 3);
		unsigned id = 0;

		line += len;
		if (!of || (name ? !*name || !str_eq(of, name) : users_parse_id(of, &id) < 0 || id != uid))
			continue;
		if (!group || users_parse_id(group, &id) < 0)
			return -ERR_NOT_FOUND;
		*ret_gid = id;
		return 0;
	}
	return -ERR_NOT_FOUND;
}

/* A FIFO, a device or an endless file must not hold us up: only a small regular file is read. */
static int read_in_root(int root_fd, const char *path, char **ret)
{
	AUTO(close) int fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? fd : fd_read_file(fd, USERS_FILE_MAX, ret, NULL);
}

static int from_owner(int root_fd, const char *what, const char *path, bool group, unsigned *ret, struct err *err)
{
	AUTO(close) int fd = path_open_in(root_fd, path, O_PATH);
	struct stat st;

	if (fd < 0)
		return err_sys(err, fd, "cannot take the %s of '%s'", what, path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot take the %s of '%s'", what, path);
	*ret = group ? st.st_gid : st.st_uid;
	return 0;
}

static int resolve(int root_fd, const char *text, bool group, unsigned *ret, struct err *err)
{
	const char *what = group ? "group" : "user", *file = group ? "/etc/group" : "/etc/passwd";
	AUTO(free) char *content = NULL;
	int r;

	*ret = 0;
	if (!text || !*text)
		return 0;
	r = users_parse_id(text, ret);
	if (r == -ERANGE)
		return err_set(err, -ERR_BAD_INPUT, "%s %s is out of range", what, text);
	if (r == 0)
		return 0;
	if (*text == '/')
		return from_owner(root_fd, what, text, group, ret, err);
	r = read_in_root(root_fd, file, &content);
	if (r == -EINVAL)
		return err_set(err, r, "'%s' of the image is not a regular file", file);
	if (r < 0 && r != -ENOENT)
		return err_sys(err, r, "cannot read the image's '%s'", file);
	if (r < 0 || users_find(content, text, ret) < 0)
		return err_set(err, -ERR_BAD_INPUT, "\"%s\" %s not found", text, what);
	return 0;
}

int users_resolve(int root_fd, const char *user, const char *group, struct identity_ids *ret, struct err *err)
{
	unsigned uid, gid;
	int r;

	r = resolve(root_fd, user, false, &uid, err);
	if (r < 0)
		return err_wrap(err, r, "failed to configure user \"%s\"", user);
	r = resolve(root_fd, group, true, &gid, err);
	/* Images made from Docker's name a user's own group even where no group file has it. */
	if (r == -ERR_BAD_INPUT && str_eq(user, group)) {
		gid = uid;
		r = 0;
	}
	if (r < 0)
		return err_wrap(err, r, "failed to configure group \"%s\"", group);
	*ret = (struct identity_ids){ .uid = uid, .gid = gid };
	return 0;
}

int users_resolve_alone(int root_fd, const char *user, struct identity_ids *ret, struct err *err)
{
	AUTO(free) char *content = NULL;
	struct identity_ids ids = {};
	unsigned uid = 0;
	int r;

	r = resolve(root_fd, user, false, &uid, err);
	if (r < 0)
		return err_wrap(err, r, "failed to configure user \"%s\"", user);
	ids.uid = uid;
	r = read_in_root(root_fd, "/etc/passwd", &content);
	if (r < 0 && r != -ENOENT)
		return err_sys(err, r, "failed to configure the group of user \"%s\": cannot read the image's '/etc/passwd'",
			       user);
	if (r >= 0 && user && *user)
		(void)users_find_group(content, users_parse_id(user, &uid) == 0 ? NULL : user, ids.uid, &ids.gid);
	*ret = ids;
	return 0;
}
