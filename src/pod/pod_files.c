#include "pod/pod_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "pod/contract.h"
#include "pod/pods.h"

enum { LINE_MAX_BYTES = 512, EXIT_CODE_MAX = 255 };

int pod_read_manifest(const struct pod *pod, struct pod_manifest *ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = file_read(pod->fd, POD_MANIFEST, MANIFEST_MAX_BYTES, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read the manifest of pod \"%s\"", pod->uuid);
	r = pod_manifest_read(text, len, ret, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read the manifest of pod \"%s\"", pod->uuid);
	return 0;
}

/* --- times -------------------------------------------------------------- */

static int64_t ns_of(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

static int64_t mtime_of(const struct pod *pod, const char *name)
{
	struct stat st;

	return fstatat(pod->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? ns_of(st.st_mtim) : 0;
}

int64_t pod_created_at(const struct pod *pod)
{
	int64_t at = mtime_of(pod, POD_CREATED);

	/* Before "prepared" the manifest is only being written, its time tells nothing. */
	return at || pods_dir_of(pod->state) < DIR_PREPARED ? at : mtime_of(pod, POD_MANIFEST);
}

int64_t pod_started_at(const struct pod *pod)
{
	int64_t at = mtime_of(pod, POD_PID);

	return at ? at : mtime_of(pod, POD_PPID);
}

int64_t pod_gc_marked_at(const struct pod *pod)
{
	struct stat st;

	if (pods_dir_of(pod->state) < DIR_EXITED_GARBAGE || fstat(pod->fd, &st) < 0)
		return 0;
	return ns_of(st.st_ctim);
}

/* --- small files -------------------------------------------------------- */

/* A file of one short line, without the newline at its end. */
static int read_line(int fd, char **ret)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = fd_read_file(fd, LINE_MAX_BYTES, &text, &len);
	if (r < 0)
		return r;
	if (len && text[len - 1] == '\n')
		text[--len] = 0;
	if (strlen(text) != len)
		return -EBADMSG;
	*ret = TAKE(text);
	return 0;
}

static int read_line_at(int dir_fd, const char *path, char **ret)
{
	AUTO(close) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : read_line(fd, ret);
}

pid_t pod_read_pid(const struct pod *pod, const char *name)
{
	AUTO(free) char *text = NULL;
	unsigned long long pid;

	if (read_line_at(pod->fd, name, &text) < 0 || str_to_u64(text, INT32_MAX, &pid) < 0)
		return 0;
	return (pid_t)pid;
}

pid_t pod_pid(const struct pod *pod)
{
	pid_t pid = pod_read_pid(pod, POD_PID);

	return pid ? pid : pod_read_pid(pod, POD_PPID);
}

/* A name out of a manifest or a directory, before it becomes part of a path. */
static bool is_plain(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}

/* "deps-sha512-…", and in any case nothing that leads elsewhere. */
static bool is_tree_id(const char *s)
{
	return str_starts(s, "deps-sha512-") &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

int pod_read_tree_id(const struct pod *pod, const char *app, char **ret)
{
	AUTO(free) char *path = NULL, *id = NULL;
	int r;

	if (app && !is_plain(app))
		return -EBADMSG;
	path = app ? xasprintf(POD_APPSINFO "/%s/" POD_TREE_ID, app) : xstrdup(POD_STAGE1_TREE_ID);
	r = read_line_at(pod->fd, path, &id);
	if (r < 0)
		return r == -ENOTDIR ? -ENOENT : r;
	if (!is_tree_id(id))
		return -EBADMSG;
	*ret = TAKE(id);
	return 0;
}

char *pod_tree_id(const struct pod *pod, const char *app)
{
	char *id = NULL;

	(void)pod_read_tree_id(pod, app, &id);
	return id;
}

/* --- what the stage1 leaves --------------------------------------------- */

/* The directory that stage1's root file system writes into: the overlay's upper, or a copy of its own. */
static int open_stage1_files(const struct pod *pod)
{
	AUTO(free) char *tree = pod_tree_id(pod, NULL);
	AUTO(free) char *upper = tree ? xasprintf(POD_OVERLAY "/%s/upper", tree) : NULL;
	int fd = -1;

	if (upper)
		fd = openat(pod->fd, upper, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!upper || (fd < 0 && errno == ENOENT))
		fd = openat(pod->fd, POD_STAGE1_ROOTFS, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_status(const struct pod *pod, const char *app)
{
	AUTO(free) char *path = NULL;
	AUTO(close) int root = -1;

	if (!is_plain(app))
		return -EBADMSG;
	root = open_stage1_files(pod);
	if (root < 0)
		return root;
	path = xasprintf("/" STAGE1_STATUS "/%s", app);
	return path_open_in(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

int pod_app_exit_code(const struct pod *pod, const char *app, int *ret, struct err *err)
{
	AUTO(close) int fd = open_status(pod, app);
	AUTO(free) char *text = NULL;
	unsigned long long code;
	int r = fd;

	if (r >= 0)
		r = read_line(fd, &text);
	if (r == -ENOENT || r == -ENOTDIR)
		return err_set(err, -ERR_NOT_FOUND, "no exit code of app '%s' is recorded", app);
	if (r < 0)
		return err_sys(err, r, "cannot read the exit code of app '%s'", app);
	if (str_to_u64(text, EXIT_CODE_MAX, &code) < 0)
		return err_set(err, -ERR_BAD_INPUT, "the exit code of app '%s' makes no sense", app);
	*ret = (int)code;
	return 0;
}

int64_t pod_app_finished_at(const struct pod *pod, const char *app)
{
	AUTO(close) int fd = open_status(pod, app);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? ns_of(st.st_mtim) : 0;
}
