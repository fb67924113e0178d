#include "store/extract.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/path.h"
#include "spec/limits.h"

/* A directory whose metadata waits until nothing is made in it any more. */
struct late {
	char *path;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

struct extract {
	int root_fd;
	bool is_root, inherits_group;
	uid_t uid;
	gid_t gid;
	/* The directory of the last member, as the next one is likely to lie in it too. */
	char *parent;
	int parent_fd;
	int file_fd;			/* the member being written */
	int64_t written;		/* end of what was written to it */
	struct late *late;
	size_t n_late, room_late;
	int64_t late_bytes;
};

/* Beneath the root and through no link, whatever the archive made before. */
static int open_beneath(const struct extract *x, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd;

	do
		fd = (int)syscall(SYS_openat2, x->root_fd, *path ? path : ".", &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd < 0 ? -errno : fd;
}

int extract_open(int root_fd, struct extract **ret, struct err *err)
{
	AUTO(extract_free) struct extract *x = xcalloc(1, sizeof(*x));
	struct stat st;

	*x = (struct extract){ .root_fd = -1, .parent_fd = -1, .file_fd = -1, .uid = geteuid(), .gid = getegid() };
	x->is_root = x->uid == 0;
	x->root_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
	if (x->root_fd < 0 || fstat(x->root_fd, &st) < 0)
		return err_sys(err, -errno, "cannot use the directory to unpack into");
	x->inherits_group = st.st_mode & S_ISGID;
	*ret = TAKE(x);
	return 0;
}

static void forget_parent(struct extract *x)
{
	close_auto(&x->parent_fd);
	x->parent_fd = -1;
	free(TAKE(x->parent));
}

void extract_free(struct extract *x)
{
	if (!x)
		return;
	forget_parent(x);
	close_auto(&x->file_fd);
	close_auto(&x->root_fd);
	for (size_t i = 0; i < x->n_late; i++)
		free(x->late[i].path);
	free(x->late);
	free(x);
}

static int parent_failed(int r, const char *dir, struct err *err)
{
	if (r == -ELOOP)
		return err_set(err, -ERR_BAD_INPUT, "it lies below a symlink");
	if (r == -ENOTDIR || r == -EEXIST)
		return err_set(err, -ERR_BAD_INPUT, "it lies below what is no directory");
	return err_sys(err, r, "cannot open its directory '%s'", dir);
}

/* Makes the directories that the archive only implies, as 0755. */
static int make_parents(struct extract *x, const char *dir, struct err *err)
{
	AUTO(free) char *copy = xstrdup(dir);

	for (char *p = copy;; p++) {
		AUTO(close) int fd = -1;
		char old = *p;

		if (old && old != '/')
			continue;
		*p = 0;
		fd = open_beneath(x, copy, O_PATH | O_DIRECTORY);
		if (fd == -ENOENT) {
			const char *leaf = path_last(copy);
			AUTO(free) char *above = xstrndup(copy, leaf > copy ? (size_t)(leaf - copy) - 1 : 0);
			AUTO(close) int above_fd = open_beneath(x, above, O_PATH | O_DIRECTORY);
			int r;

			if (above_fd < 0)
				return parent_failed(above_fd, above, err);
			r = dir_make(above_fd, leaf, 0755);
			if (r < 0)
				return parent_failed(r, copy, err);
		} else if (fd < 0) {
			return parent_failed(fd, copy, err);
		}
		*p = old;
		if (!old)
			return 0;
	}
}

/* The directory in which path lies; *ret_leaf points into path. The fd stays ours. */
static int parent_of(struct extract *x, const char *path, int *ret_fd, const char **ret_leaf, struct err *err)
{
	const char *leaf = path_last(path);
	size_t len = leaf > path ? (size_t)(leaf - path) - 1 : 0;
	AUTO(free) char *dir = NULL;
	int fd, r;

	*ret_leaf = leaf;
	if (x->parent && strlen(x->parent) == len && memcmp(x->parent, path, len) == 0) {
		*ret_fd = x->parent_fd;
		return 0;
	}
	dir = xstrndup(path, len);
	fd = open_beneath(x, dir, O_PATH | O_DIRECTORY);
	if (fd == -ENOENT) {
		r = make_parents(x, dir, err);
		if (r < 0)
			return r;
		fd = open_beneath(x, dir, O_PATH | O_DIRECTORY);
	}
	if (fd < 0)
		return parent_failed(fd, dir, err);
	forget_parent(x);
	x->parent = TAKE(dir);
	*ret_fd = x->parent_fd = fd;
	return 0;
}

/* Makes room for a member that is no directory. */
static int clear_place(struct extract *x, int dir_fd, const char *leaf, struct err *err)
{
	int r;

	if (unlinkat(dir_fd, leaf, 0) == 0)
		return 0;
	/* A directory goes with all that is in it. */
	r = tree_remove(dir_fd, leaf);
	if (r < 0)
		return err_sys(err, r, "cannot replace what is there");
	return 0;
}

static bool owner_differs(const struct extract *x, const struct member *m)
{
	return x->is_root && (x->inherits_group || m->uid != x->uid || m->gid != x->gid);
}

static int late_add(struct extract *x, const struct member *m, struct err *err)
{
	x->late_bytes += (int64_t)strlen(m->path) + 1;
	if (x->late_bytes > limits()->directory_bytes)
		return limit_refuse(err, &limits()->directory_bytes, "the names of the directories are larger than");
	if (x->n_late == x->room_late) {
		x->room_late = x->room_late ? 2 * x->room_late : 256;
		x->late = xreallocarray(x->late, x->room_late, sizeof(*x->late));
	}
	x->late[x->n_late++] = (struct late){
		.path = xstrdup(m->path), .mode = m->mode, .uid = m->uid, .gid = m->gid, .mtime = m->mtime,
	};
	return 0;
}

static int set_xattrs(int fd, const struct member *m, struct err *err)
{
	for (size_t i = 0; i < m->n_xattrs; i++) {
		const struct member_xattr *a = &m->xattrs[i];

		/* Without privilege a capability cannot be given, only lost: as with owners. */
		if (fsetxattr(fd, a->name, a->value, a->len, 0) < 0 &&
		    !(errno == EPERM && geteuid() && str_starts(a->name, "security.")))
			return err_sys(err, -errno, "cannot set the attribute '%s'", a->name);
	}
	return 0;
}

static int set_directory_xattrs(struct extract *x, const struct member *m, struct err *err)
{
	AUTO(close) int fd = -1;

	if (!m->n_xattrs)
		return 0;
	fd = open_beneath(x, m->path, O_RDONLY | O_DIRECTORY);
	return fd < 0 ? err_sys(err, fd, "cannot open the directory") : set_xattrs(fd, m, err);
}

static int make_directory(struct extract *x, const struct member *m, struct err *err)
{
	const char *leaf;
	struct stat st;
	int dir_fd, r;

	if (*m->path) {
		r = parent_of(x, m->path, &dir_fd, &leaf, err);
		if (r < 0)
			return r;
		r = mkdirat(dir_fd, leaf, 0700) < 0 ? -errno : 0;
		if (r == -EEXIST) {
			if (fstatat(dir_fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
				return err_sys(err, -errno, "cannot look at what is there");
			r = 0;
			if (!S_ISDIR(st.st_mode)) {
				if (unlinkat(dir_fd, leaf, 0) < 0 || mkdirat(dir_fd, leaf, 0700) < 0)
					r = -errno;
			}
		}
		if (r < 0)
			return err_sys(err, r, "cannot make the directory");
	}
	r = set_directory_xattrs(x, m, err);
	return r < 0 ? r : late_add(x, m, err);
}

static int open_file(struct extract *x, const struct member *m, struct err *err)
{
	const char *leaf;
	int dir_fd, r;

	r = parent_of(x, m->path, &dir_fd, &leaf, err);
	if (r < 0)
		return r;
	for (int attempt = 0; attempt < 2; attempt++) {
		x->file_fd = openat(dir_fd, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (x->file_fd >= 0 || errno != EEXIST)
			break;
		r = clear_place(x, dir_fd, leaf, err);
		if (r < 0)
			return r;
		errno = EEXIST;
	}
	if (x->file_fd < 0)
		return err_sys(err, -errno, "cannot create the file");
	x->written = 0;
	return 0;
}

static int make_hardlink(struct extract *x, const struct member *m, struct err *err)
{
	const char *leaf = path_last(m->link);
	AUTO(free) char *dir = xstrndup(m->link, leaf > m->link ? (size_t)(leaf - m->link) - 1 : 0);
	AUTO(close) int target_fd = open_beneath(x, dir, O_PATH | O_DIRECTORY);
	const char *new_leaf;
	struct stat st;
	int dir_fd, r;

	if (target_fd < 0 || fstatat(target_fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, -ERR_BAD_INPUT, "the target '%s' of the hard link is not there", m->link);
	if (S_ISDIR(st.st_mode))
		return err_set(err, -ERR_BAD_INPUT, "the target '%s' of the hard link is a directory", m->link);
	r = parent_of(x, m->path, &dir_fd, &new_leaf, err);
	if (r < 0)
		return r;
	/* Nobody but us changes this tree, so the target is still what it was. No symlink is followed. */
	if (linkat(target_fd, leaf, dir_fd, new_leaf, 0) == 0)
		return 0;
	if (errno == EEXIST) {
		r = clear_place(x, dir_fd, new_leaf, err);
		if (r < 0)
			return r;
		if (linkat(target_fd, leaf, dir_fd, new_leaf, 0) == 0)
			return 0;
	}
	return err_sys(err, -errno, "cannot link to '%s'", m->link);
}

static int make_node(const struct member *m, int dir_fd, const char *leaf)
{
	int r;

	if (m->kind == MEMBER_SYMLINK)
		r = symlinkat(m->link, dir_fd, leaf);
	else
		r = mknodat(dir_fd, leaf, S_IFIFO | (m->mode & 0777), 0);
	return r < 0 ? -errno : 0;
}

/* A symlink or a fifo: neither is ever opened. */
static int make_special(struct extract *x, const struct member *m, struct err *err)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, m->mtime };
	const char *leaf;
	int dir_fd, r;

	r = parent_of(x, m->path, &dir_fd, &leaf, err);
	if (r < 0)
		return r;
	r = make_node(m, dir_fd, leaf);
	if (r == -EEXIST) {
		r = clear_place(x, dir_fd, leaf, err);
		if (r < 0)
			return r;
		r = make_node(m, dir_fd, leaf);
	}
	if (r < 0)
		return err_sys(err, r, "cannot make it");
	if (owner_differs(x, m) && fchownat(dir_fd, leaf, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, -errno, "cannot set its owner");
	if (utimensat(dir_fd, leaf, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, -errno, "cannot set its time");
	return 0;
}

static int sink_begin(void *arg, const struct member *m, struct err *err)
{
	static int (*const make[])(struct extract *, const struct member *, struct err *) = {
		[MEMBER_DIRECTORY] = make_directory, [MEMBER_FILE] = open_file, [MEMBER_HARDLINK] = make_hardlink,
		[MEMBER_SYMLINK] = make_special,     [MEMBER_FIFO] = make_special,
	};

	return make[m->kind](arg, m, err);
}

static int sink_data(void *arg, const void *data, size_t len, int64_t offset, struct err *err)
{
	struct extract *x = arg;
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(x->file_fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, -errno, "cannot write");
		p += n;
		len -= (size_t)n;
		offset += n;
	}
	if (offset > x->written)
		x->written = offset;
	return 0;
}

/* The order matters: a change of owner clears setuid bits and capabilities. */
static int sink_end(void *arg, const struct member *m, struct err *err)
{
	struct extract *x = arg;
	AUTO(close) int fd = TAKE_FD(x->file_fd);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, m->mtime };
	int r;

	if (m->kind != MEMBER_FILE)
		return 0;
	if (x->written < m->size && ftruncate(fd, m->size) < 0)
		return err_sys(err, -errno, "cannot set its size");
	if (owner_differs(x, m) && fchown(fd, m->uid, m->gid) < 0)
		return err_sys(err, -errno, "cannot set its owner");
	if (fchmod(fd, m->mode) < 0)
		return err_sys(err, -errno, "cannot set its mode");
	r = set_xattrs(fd, m, err);
	if (r < 0)
		return r;
	if (futimens(fd, times) < 0)
		return err_sys(err, -errno, "cannot set its time");
	return 0;
}

struct tar_sink extract_sink(struct extract *x)
{
	return (struct tar_sink){ .begin = sink_begin, .data = sink_data, .end = sink_end, .arg = x };
}

static int late_apply(struct extract *x, const struct late *l)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, l->mtime };
	AUTO(close) int fd = open_beneath(x, l->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	/* A later member took the directory's place, or that of one above it. */
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	if (fd < 0)
		return fd;
	if (x->is_root && fchown(fd, l->uid, l->gid) < 0)
		return -errno;
	if (fchmod(fd, l->mode) < 0 || futimens(fd, times) < 0)
		return -errno;
	return 0;
}

struct late_order {
	const struct late *late;
	size_t at;
};

/* Deeper before higher, as a mode may forbid us the way; of one path the last member counts. */
static int late_compare(const void *a, const void *b)
{
	const struct late_order *l = a, *r = b;
	int c = strcmp(r->late->path, l->late->path);

	return c ? c : (l->at > r->at) - (l->at < r->at);
}

int extract_finish(struct extract *x, struct err *err)
{
	AUTO(free) struct late_order *order = xcalloc(x->n_late + 1, sizeof(*order));
	int r;

	for (size_t i = 0; i < x->n_late; i++)
		order[i] = (struct late_order){ &x->late[i], i };
	qsort(order, x->n_late, sizeof(*order), late_compare);
	for (size_t i = 0; i < x->n_late; i++) {
		r = late_apply(x, order[i].late);
		if (r < 0)
			return err_sys(err, r, "cannot set the owner, mode and time of the directory 'rootfs/%s'",
				       order[i].late->path);
	}
	return 0;
}
