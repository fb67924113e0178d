#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_write_at(int fd, const void *data, size_t len, int64_t at)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

int fd_read_upto(int fd, void *data, size_t len, size_t *ret_len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	*ret_len = done;
	return 0;
}

/* What a file of that size holds. It ends where it says, so mostly the first call brings all. */
static int read_sized(int fd, size_t size, char *data, size_t room, size_t *ret_len)
{
	size_t done = 0;
	ssize_t n;

	do {
		n = pread(fd, data + done, room - done, (off_t)done);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	} while (n && done != size && done < room);
	*ret_len = done;
	return 0;
}

/* What a file of /proc or /sys holds, which says that its size is 0. */
static int read_unsized(int fd, char *data, size_t room, size_t *ret_len)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd_read_upto(fd, data, room, ret_len);
}

int fd_read_file(int fd, size_t max, char **ret, size_t *ret_len)
{
	AUTO(free) char *data = NULL;
	size_t len = 0, room;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > 0 && (uintmax_t)st.st_size > max)
		return -E2BIG;
	/* A growing file is cut at max. */
	room = st.st_size > 0 ? (size_t)st.st_size + 1 : max + 1;
	data = xmalloc(room + 1);
	r = st.st_size > 0 ? read_sized(fd, (size_t)st.st_size, data, room, &len) : read_unsized(fd, data, room, &len);
	if (r < 0)
		return r;
	if (len > max)
		return -E2BIG;
	data[len] = 0;
	if (ret_len)
		*ret_len = len;
	*ret = TAKE(data);
	return 0;
}

int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len)
{
	AUTO(close) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return fd_read_file(fd, max, ret, ret_len);
}

static int write_new(int dir_fd, const char *path, int flags, const void *data, size_t len, mode_t mode,
		     bool sync)
{
	AUTO(close) int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, len);
	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0)
		return -errno;
	if (sync && fsync(fd) < 0)
		return -errno;
	return 0;
}

int file_write(int dir_fd, const char *path, const void *data, size_t len, mode_t mode)
{
	return write_new(dir_fd, path, O_TRUNC, data, len, mode, false);
}

/* The directory part of a path, "." for a bare name. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

int file_write_atomic(int dir_fd, const char *path, const void *data, size_t len, mode_t mode)
{
	AUTO(free) char *temporary = name_random(path);
	AUTO(free) char *parent = parent_of(path);
	int r;

	r = write_new(dir_fd, temporary, O_EXCL, data, len, mode, true);
	if (r >= 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir_fd, temporary, 0);
		return r;
	}
	return dir_sync(dir_fd, parent);
}

int dir_make(int dir_fd, const char *path, mode_t mode)
{
	AUTO(close) int fd = -1;

	if (mkdirat(dir_fd, path, 0700) < 0)
		return -errno;
	fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return -errno;
	return 0;
}

int dir_make_all(int dir_fd, const char *path, mode_t mode)
{
	AUTO(free) char *copy = xstrdup(path);
	struct stat st;
	int r;

	for (char *p = copy + 1; *copy; p++) {
		char old = *p;

		if (old != '/' && old)
			continue;
		*p = 0;
		r = dir_make(dir_fd, copy, mode);
		if (r < 0 && r != -EEXIST)
			return r;
		if (r == -EEXIST && (fstatat(dir_fd, copy, &st, 0) < 0 || !S_ISDIR(st.st_mode)))
			return -ENOTDIR;
		*p = old;
		if (!old)
			break;
	}
	return 0;
}

bool fd_is_same(int a, int b)
{
	struct stat l, r;

	return fstat(a, &l) == 0 && fstat(b, &r) == 0 && l.st_ino == r.st_ino && l.st_dev == r.st_dev;
}

/* By way of /proc, as AT_EMPTY_PATH took a capability before Linux 6.10; without /proc by that. */
int fd_link(int fd, int dir_fd, const char *name)
{
	char self[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, dir_fd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno == ENOENT && linkat(fd, "", dir_fd, name, AT_EMPTY_PATH) == 0)
		return 0;
	return -errno;
}

int dir_open(int dir_fd, const char *path, int *ret_fd)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int dir_sync(int dir_fd, const char *path)
{
	AUTO(close) int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

void random_bytes(void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort();	/* getrandom(2) has been there since Linux 3.17 */
		p += n;
		len -= (size_t)n;
	}
}

char *name_random(const char *prefix)
{
	uint64_t n;

	random_bytes(&n, sizeof(n));
	return xasprintf("%s.%016llx", prefix, (unsigned long long)n);
}

int fd_std_fix(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);	/* fds 0 to 2 are meant to survive exec */
		if (fd < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

int fd_keep(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC) < 0 ? -errno : 0;
}
