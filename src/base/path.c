#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/buf.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

enum { MAX_TRIES = 128 };

static int open_how(int root_fd, const char *path, const struct open_how *how)
{
	int fd, tries = 0;

	/* EAGAIN: a rename raced with it. Who renames without end must not keep us. */
	do
		fd = (int)syscall(SYS_openat2, root_fd, path, how, sizeof(*how));
	while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < MAX_TRIES)));
	return fd < 0 ? -errno : fd;
}

/* O_TMPFILE contains O_DIRECTORY, and a mode with nothing to make is refused. */
static bool makes_file(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

int path_open_in(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = makes_file(flags) ? 0600 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return open_how(root_fd, path, &how);
}

int path_open_beneath(int root_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = makes_file(flags) ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};

	return open_how(root_fd, path, &how);
}

/* Makes one missing component: the parent is open, so only the last name is new. */
static int make_one(int root_fd, const char *path, mode_t mode, bool directory)
{
	const char *name = path_last(path);
	AUTO(free) char *parent = xstrndup(path, (size_t)(name - path));
	AUTO(close) int dir_fd = -1, fd = -1;

	dir_fd = path_open_in(root_fd, *parent ? parent : "/", O_PATH | O_DIRECTORY);
	if (dir_fd < 0)
		return dir_fd;
	if (directory) {
		if (mkdirat(dir_fd, name, 0700) < 0)
			return errno == EEXIST ? 0 : -errno;
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	} else {
		fd = openat(dir_fd, name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0 && errno == EEXIST)
			return 0;
	}
	if (fd < 0 || fchmod(fd, mode) < 0)
		return -errno;
	return 0;
}

static int make_in(int root_fd, const char *path, mode_t mode, bool directory)
{
	AUTO(free) char *clean = path_clean(path);
	int fd, r;

	fd = path_open_in(root_fd, clean, O_PATH);
	if (fd != -ENOENT)
		return fd;
	for (char *p = clean + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		r = make_one(root_fd, clean, directory ? mode : 0755, true);
		*p = '/';
		if (r < 0)
			return r;
	}
	r = make_one(root_fd, clean, mode, directory);
	if (r < 0)
		return r;
	return path_open_in(root_fd, clean, O_PATH);
}

static int want_type(int fd, mode_t type, int otherwise)
{
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && ((st.st_mode & S_IFMT) == S_IFDIR) == (type == S_IFDIR))
		return fd;
	close(fd);
	return otherwise;
}

int path_make_dir_in(int root_fd, const char *path, mode_t mode)
{
	return want_type(make_in(root_fd, path, mode, true), S_IFDIR, -ENOTDIR);
}

int path_make_file_in(int root_fd, const char *path, mode_t mode)
{
	return want_type(make_in(root_fd, path, mode, false), S_IFREG, -EISDIR);
}

char *path_clean(const char *path)
{
	AUTO(strv_free) char **parts = strv_split(path, '/');
	AUTO(strv_free) char **kept = xcalloc(strv_len(parts) + 1, sizeof(char *));
	AUTO(free) char *joined = NULL;
	bool absolute = *path == '/';
	size_t n = 0;

	for (size_t i = 0; parts[i]; i++) {
		if (str_eq(parts[i], "") || str_eq(parts[i], "."))
			continue;
		if (str_eq(parts[i], "..") && n && !str_eq(kept[n - 1], "..")) {
			free(kept[--n]);
			kept[n] = NULL;
		} else if (!str_eq(parts[i], "..") || !absolute) {
			kept[n++] = xstrdup(parts[i]);
		}
	}
	joined = strv_join(kept, "/");
	if (absolute)
		return xasprintf("/%s", joined);
	return n ? TAKE(joined) : xstrdup(".");
}

bool path_is_clean(const char *path)
{
	AUTO(free) char *clean = path_clean(path);

	return *path == '/' && str_eq(clean, path);
}

bool path_has_prefix(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	while (n && prefix[n - 1] == '/')
		n--;
	return n && strncmp(name, prefix, n) == 0 && (!name[n] || name[n] == '/');
}

const char *path_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
