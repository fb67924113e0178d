#include "os/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define TOP_GROUP "rkt"
#define SUPERVISOR_LINE "supervisor:"

enum { PROC_CGROUP_MAX = 64 << 10, CONTROLLERS_MAX = 4096, PERIOD_US = 100000, REMOVE_TRIES = 50, REMOVE_WAIT_MS = 2,
       MAKE_TRIES = 8, DEPTH_MAX = 16 };

static const char *const controllers[CGROUP_HIERARCHIES] = {
	[CGROUP_UNIFIED] = "", [CGROUP_MEMORY] = "memory", [CGROUP_CPU] = "cpu", [CGROUP_PIDS] = "pids",
	[CGROUP_DEVICES] = "devices",
};

#define BIT(hierarchy) (1u << (hierarchy))

static void close_fds(int fd[CGROUP_HIERARCHIES])
{
	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		if (fd[h] >= 0)
			close(fd[h]);
		fd[h] = -1;
	}
}

/* --- layout -------------------------------------------------------------- */

/* A path with ".." lies outside our cgroup namespace: then its root is the best place we can name. */
static char *own_path(const char *path)
{
	AUTO(strv_free) char **parts = strv_split(path, '/');

	return *path == '/' && !strv_has(parts, "..") ? path_clean(path) : xstrdup("/");
}

/* Controllers that are mounted together may be there under each one's name alone. */
static char *mount_of(const char *root, const char *list, const char *controller)
{
	AUTO(free) char *whole = xasprintf("%s/%s", root, list), *alone = xasprintf("%s/%s", root, controller);

	return access(whole, F_OK) < 0 && access(alone, F_OK) == 0 ? TAKE(alone) : TAKE(whole);
}

static void layout_line(struct cgroup_layout *l, const char *root, const char *list, const char *path, bool unified)
{
	AUTO(strv_free) char **names = strv_split(list, ',');

	if (!*list && unified) {
		l->has[CGROUP_UNIFIED] = true;
		l->mount[CGROUP_UNIFIED] = l->pure ? xstrdup(root) : xasprintf("%s/unified", root);
		l->own[CGROUP_UNIFIED] = own_path(path);
	}
	for (int h = CGROUP_UNIFIED + 1; h < CGROUP_HIERARCHIES && !l->pure; h++) {
		if (!strv_has(names, controllers[h]) || l->has[h])
			continue;
		l->has[h] = true;
		l->mount[h] = mount_of(root, list, controllers[h]);
		l->own[h] = own_path(path);
	}
}

void cgroup_layout_parse(const char *root, const char *text, bool pure, bool unified, struct cgroup_layout *ret)
{
	AUTO(strv_free) char **lines = strv_split(text, '\n');

	*ret = (struct cgroup_layout){ .pure = pure };
	for (char **line = lines; *line; line++) {
		char *list = strchr(*line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

		if (!path)
			continue;
		*path = 0;
		layout_line(ret, root, list + 1, path + 1, unified && !ret->has[CGROUP_UNIFIED]);
	}
}

static bool is_cgroup2(const char *path)
{
	struct statfs st;

	return statfs(path, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

int cgroup_layout_read(struct cgroup_layout *ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	bool pure = is_cgroup2(CGROUP_ROOT);
	int r = file_read(AT_FDCWD, "/proc/self/cgroup", PROC_CGROUP_MAX, &text, NULL);

	*ret = (struct cgroup_layout){};
	if (r == -ENOENT)
		return 0;	/* a kernel without cgroups */
	if (r < 0)
		return err_sys(err, r, "cannot read '/proc/self/cgroup'");
	cgroup_layout_parse(CGROUP_ROOT, text, pure, pure || is_cgroup2(CGROUP_ROOT "/unified"), ret);
	return 0;
}

void cgroup_layout_clear(struct cgroup_layout *l)
{
	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		free(l->mount[h]);
		free(l->own[h]);
	}
	*l = (struct cgroup_layout){};
}

/* --- the pod's group ----------------------------------------------------- */

unsigned cgroup_needs(const struct cgroup_limits *limits)
{
	return (limits->memory_bytes ? BIT(CGROUP_MEMORY) : 0) |
	       (limits->cpu_milli || limits->cpu_shares ? BIT(CGROUP_CPU) : 0) | (limits->pids ? BIT(CGROUP_PIDS) : 0);
}

static int write_file(int dir_fd, const char *file, const char *text)
{
	AUTO(close) int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Opens the hierarchy at the group; where that is not to be seen from here, its root, and tells so in *path. */
static int open_group(const char *mount, char **path)
{
	AUTO(close) int root = -1;
	int fd, r = dir_open(AT_FDCWD, mount, &root);

	if (r < 0)
		return r;
	fd = path_open_in(root, *path, O_RDONLY | O_DIRECTORY);
	if (fd != -ENOENT)
		return fd;
	free(*path);
	*path = xstrdup("/");
	return TAKE_FD(root);
}

/* Makes and opens one directory; it may be there. */
static int open_child(int dir_fd, const char *name, int *ret)
{
	if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return dir_open(dir_fd, name, ret);
}

static bool delegated(int fd)
{
	char value;

	return (fgetxattr(fd, "user.delegate", &value, 1) == 1 || fgetxattr(fd, "trusted.delegate", &value, 1) == 1) &&
	       value == '1';
}

/* Hands the controllers on to the children. Returns those that the children have, a bit each. */
static unsigned enable_controllers(int fd, unsigned need)
{
	AUTO(free) char *text = NULL;
	AUTO(strv_free) char **have = NULL;
	unsigned done = 0;

	if (file_read(fd, "cgroup.controllers", CONTROLLERS_MAX, &text, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = 0;
	have = strv_split(text, ' ');
	for (int h = CGROUP_UNIFIED + 1; h < CGROUP_DEVICES; h++) {
		char word[16];

		if (!(need & BIT(h)) || !strv_has(have, controllers[h]))
			continue;
		snprintf(word, sizeof(word), "+%s", controllers[h]);
		if (write_file(fd, "cgroup.subtree_control", word) >= 0)
			done |= BIT(h);
	}
	return done;
}

/*
 * With controllers, our own group can take the pod only when it is delegated
 * and nobody is left in it: a group with processes cannot limit its children.
 * So we move to a leaf, or back again where others stay. *ret is that leaf's
 * path; it can only be removed when we have ended.
 */
static int share_own_group(int own_fd, const char *own, const char *name, unsigned need, char **ret)
{
	AUTO(free) char *leaf = xasprintf("%s" CGROUP_SUPERVISOR, name);
	AUTO(close) int fd = -1;
	int r = open_child(own_fd, leaf, &fd);

	if (r >= 0)
		r = write_file(fd, "cgroup.procs", "0");
	if (r >= 0 && (enable_controllers(own_fd, need) & need) != need) {
		r = write_file(own_fd, "cgroup.procs", "0");
		if (r >= 0)
			r = -EBUSY;
	}
	if (r >= 0)
		*ret = xasprintf("%s/%s", own, leaf);
	else
		(void)unlinkat(own_fd, leaf, AT_REMOVEDIR);
	return r;
}

/* The directory that takes the pod's group in cgroup2 with controllers, and its path. */
static int pure_parent(const struct cgroup_layout *l, const char *name, unsigned need, char **path, char **supervisor,
		       int *ret_fd)
{
	AUTO(close) int own = -1, root = -1;
	int r;

	*path = xstrdup(l->own[CGROUP_UNIFIED]);
	own = open_group(l->mount[CGROUP_UNIFIED], path);
	if (own >= 0 && !str_eq(*path, "/") && delegated(own) &&
	    share_own_group(own, *path, name, need, supervisor) >= 0) {
		*ret_fd = TAKE_FD(own);
		return 0;
	}
	free(*path);
	*path = xstrdup("/" TOP_GROUP);
	r = dir_open(AT_FDCWD, l->mount[CGROUP_UNIFIED], &root);
	if (r >= 0) {
		(void)enable_controllers(root, need);	/* the root may have processes */
		r = open_child(root, TOP_GROUP, ret_fd);
	}
	if (r >= 0)
		(void)enable_controllers(*ret_fd, need);
	return r;
}

static int parent_open(const struct cgroup_layout *l, enum cgroup_hierarchy h, const char *name, unsigned need,
		       char **path, char **supervisor, int *ret_fd)
{
	int fd;

	*path = NULL;
	if (h == CGROUP_UNIFIED && l->pure)
		return pure_parent(l, name, need, path, supervisor, ret_fd);
	*path = xstrdup(l->own[h]);
	fd = open_group(l->mount[h], path);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static int place_in(struct cgroup_pod *pod, enum cgroup_hierarchy h, const char *name)
{
	AUTO(free) char *parent = NULL;
	AUTO(close) int fd = -1;
	int r = parent_open(pod->layout, h, name, pod->need, &parent, &pod->supervisor, &fd);

	if (r < 0)
		return r;
	pod->path[h] = xasprintf("%s/%s", str_eq(parent, "/") ? "" : parent, name);
	pod->parent[h] = TAKE_FD(fd);
	return 0;
}

int cgroup_pod_place(const struct cgroup_layout *layout, const char *name, unsigned need, struct cgroup_pod *ret,
		     struct err *err)
{
	int r;

	*ret = CGROUP_POD_NONE;
	ret->layout = layout;
	ret->need = need;
	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		if (!layout->has[h] || (h != CGROUP_UNIFIED && !(need & BIT(h))))
			continue;
		r = place_in(ret, (enum cgroup_hierarchy)h, name);
		/* A hierarchy that is not mounted is as good as none. */
		if (r == -ENOENT && h != CGROUP_UNIFIED)
			continue;
		if (r < 0) {
			cgroup_pod_clear(ret);
			return err_sys(err, r, "cannot find a place for the cgroup '%s' in '%s'", name, layout->mount[h]);
		}
	}
	return 0;
}

static int make_in(struct cgroup_pod *pod, enum cgroup_hierarchy h)
{
	AUTO(free) char *name = xstrdup(path_last(pod->path[h]));
	int r = open_child(pod->parent[h], name, &pod->fd[h]);

	/* Another pod that ended may have taken the common group away meanwhile. */
	for (int i = 0; i < MAKE_TRIES && (r == -ENOENT || r == -ENODEV); i++) {
		free(TAKE(pod->path[h]));
		free(TAKE(pod->supervisor));
		close(TAKE_FD(pod->parent[h]));
		r = place_in(pod, h, name);
		if (r >= 0)
			r = open_child(pod->parent[h], name, &pod->fd[h]);
	}
	return r;
}

int cgroup_pod_make(struct cgroup_pod *pod, struct err *err)
{
	bool pure = pod->layout->pure && pod->path[CGROUP_UNIFIED];

	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		int r = pod->path[h] ? make_in(pod, (enum cgroup_hierarchy)h) : 0;

		if (r < 0)
			return err_sys(err, r, "cannot make the pod's cgroup in '%s'", pod->layout->mount[h]);
		if (!pure && (pod->need & BIT(h)) && !pod->path[h])
			pod->missing |= BIT(h);
	}
	if (pure)
		pod->missing = pod->need & ~enable_controllers(pod->fd[CGROUP_UNIFIED], pod->need);
	return 0;
}

/* The tracking group's path alone, as rkt has it; the others say where they are. */
char *cgroup_record_line(enum cgroup_hierarchy h, const char *path, bool supervisor)
{
	if (supervisor)
		return xasprintf(SUPERVISOR_LINE "%s", path);
	return xasprintf("%s%s%s", controllers[h], h == CGROUP_UNIFIED ? "" : ":", path);
}

static void add_line(struct buf *out, enum cgroup_hierarchy h, const char *path, bool supervisor)
{
	AUTO(free) char *line = path ? cgroup_record_line(h, path, supervisor) : NULL;

	if (line)
		buf_addf(out, "%s\n", line);
}

char *cgroup_pod_record(const struct cgroup_pod *pod)
{
	struct buf out = {};

	for (int h = 0; h < CGROUP_HIERARCHIES; h++)
		add_line(&out, (enum cgroup_hierarchy)h, pod->path[h], false);
	add_line(&out, CGROUP_UNIFIED, pod->supervisor, true);
	return buf_steal(&out);
}

/* --- removal ------------------------------------------------------------- */

static int remove_group(int dir_fd, const char *name, int depth)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int fd = -1, r;

	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY || depth > DEPTH_MAX)
		return -errno;
	r = dir_open(dir_fd, name, &fd);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		r = remove_group(fd, entry->d_name, depth + 1);
		if (r < 0)
			return r;
	}
	return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* The last of the dead leave a group a moment after their parent heard of it. */
static int remove_path(const char *mount, const char *path)
{
	AUTO(free) char *parent = xstrndup(path, (size_t)(path_last(path) - path));
	AUTO(close) int root = -1, fd = -1;
	int r;

	r = dir_open(AT_FDCWD, mount, &root);
	if (r < 0)
		return r;
	fd = path_open_in(root, parent, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	for (int i = 0;; i++) {
		r = remove_group(fd, path_last(path), 0);
		if (r != -EBUSY || i == REMOVE_TRIES)
			break;
		(void)poll(NULL, 0, REMOVE_WAIT_MS);
	}
	/* Ours, and kept while other pods are in it. */
	if (r >= 0 && str_eq(parent, "/" TOP_GROUP "/"))
		(void)unlinkat(root, TOP_GROUP, AT_REMOVEDIR);
	return r;
}

int cgroup_pod_remove(struct cgroup_pod *pod, struct err *err)
{
	int r, first = 0;

	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		if (!pod->path[h])
			continue;
		r = remove_path(pod->layout->mount[h], pod->path[h]);
		if (r < 0 && !first)
			first = err_sys(err, r, "cannot remove the cgroup '%s%s'", pod->layout->mount[h], pod->path[h]);
		free(pod->path[h]);
		pod->path[h] = NULL;
	}
	return first;
}

void cgroup_pod_clear(struct cgroup_pod *pod)
{
	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		free(pod->path[h]);
		pod->path[h] = NULL;
	}
	free(TAKE(pod->supervisor));
	close_fds(pod->fd);
	close_fds(pod->parent);
}

int cgroup_record_parse(const char *line, const char *name, enum cgroup_hierarchy *ret, const char **ret_path)
{
	if (str_starts(line, SUPERVISOR_LINE)) {
		AUTO(free) char *leaf = xasprintf("%s" CGROUP_SUPERVISOR, name);

		*ret = CGROUP_UNIFIED;
		*ret_path = line + strlen(SUPERVISOR_LINE);
		return path_is_clean(*ret_path) && str_eq(path_last(*ret_path), leaf) ? 0 : -EINVAL;
	}
	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		size_t n = strlen(controllers[h]);
		const char *path = h == CGROUP_UNIFIED ? line : line + n + 1;

		if (h != CGROUP_UNIFIED && (strncmp(line, controllers[h], n) || line[n] != ':'))
			continue;
		if (!path_is_clean(path) || !str_eq(path_last(path), name))
			continue;
		*ret = (enum cgroup_hierarchy)h;
		*ret_path = path;
		return 0;
	}
	return -EINVAL;
}

static int kill_path(const char *mount, const char *path)
{
	AUTO(close) int root = -1, fd = -1;
	int r = dir_open(AT_FDCWD, mount, &root);

	if (r < 0)
		return r;
	fd = path_open_in(root, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = write_file(fd, "cgroup.kill", "1");
	return r == -ENOENT ? 0 : r;	/* Linux before 5.14: the caller kills the pod's init instead */
}

static int record_each(const char *record, const char *name, bool kill, struct err *err)
{
	AUTO(strv_free) char **lines = strv_split(record, '\n');
	struct cgroup_layout l = {};
	int r, first = 0;

	r = cgroup_layout_read(&l, err);
	if (r < 0)
		return r;
	for (char **line = lines; *line; line++) {
		enum cgroup_hierarchy h;
		const char *path;

		if (!**line)
			continue;
		if (cgroup_record_parse(*line, name, &h, &path) < 0) {
			first = err_set(err, -ERR_BAD_INPUT, "'%s' is not a cgroup of this pod", *line);
			break;
		}
		if (!l.has[h] || (kill && h != CGROUP_UNIFIED))
			continue;
		r = kill ? kill_path(l.mount[h], path) : remove_path(l.mount[h], path);
		if (r < 0 && !first)
			first = err_sys(err, r, "cannot %s the cgroup '%s'", kill ? "kill" : "remove", *line);
	}
	cgroup_layout_clear(&l);
	return first;
}

int cgroup_record_remove(const char *record, const char *name, struct err *err)
{
	return record_each(record, name, false, err);
}

int cgroup_record_kill(const char *record, const char *name, struct err *err)
{
	return record_each(record, name, true, err);
}

/* --- leaves -------------------------------------------------------------- */

static void format_plain(int64_t v, bool pure, char *out, size_t size) { snprintf(out, size, "%" PRId64, v); }

static void format_cpu(int64_t milli, bool pure, char *out, size_t size)
{
	int64_t quota = milli * (PERIOD_US / 1000);

	/* The kernel takes no quota below a millisecond. */
	if (quota < 1000)
		quota = 1000;
	snprintf(out, size, pure ? "%" PRId64 " %d" : "%" PRId64, quota, PERIOD_US);
}

/* cpu.weight goes from 1 to 10000 where cpu.shares goes from 2 to 262144. */
static void format_shares(int64_t shares, bool pure, char *out, size_t size)
{
	format_plain(pure ? 1 + (shares - 2) * 9999 / 262142 : shares, pure, out, size);
}

static const struct limit {
	size_t at;
	enum cgroup_hierarchy hierarchy;
	const char *file_v1, *file_v2, *words;
	void (*format)(int64_t value, bool pure, char *out, size_t size);
} limit_files[] = {
#define AT(member) offsetof(struct cgroup_limits, member)
	{ AT(memory_bytes), CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", "memory limit", format_plain },
	{ AT(cpu_milli), CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max", "cpu limit", format_cpu },
	{ AT(cpu_shares), CGROUP_CPU, "cpu.shares", "cpu.weight", "cpu shares", format_shares },
	{ AT(pids), CGROUP_PIDS, "pids.max", "pids.max", "limit of processes", format_plain },
#undef AT
};

static int leaf_limit(const struct cgroup_pod *pod, const struct cgroup_leaf *leaf, const struct limit *limit,
		      int64_t value, struct err *err)
{
	bool pure = pod->layout->pure;
	char text[64];
	int r;

	limit->format(value, pure, text, sizeof(text));
	r = write_file(leaf->fd[pure ? CGROUP_UNIFIED : limit->hierarchy], pure ? limit->file_v2 : limit->file_v1, text);
	if (r < 0)
		return err_sys(err, r, "cannot set the %s to %s", limit->words, text);
	return 0;
}

int cgroup_leaf_make(const struct cgroup_pod *pod, const char *name, const struct cgroup_limits *limits,
		     struct cgroup_leaf *ret, struct err *err)
{
	int r = 0;

	*ret = CGROUP_LEAF_NONE;
	for (int h = 0; h < CGROUP_HIERARCHIES && r >= 0; h++) {
		/* Device rules hold for the whole pod: its group is the leaf. */
		if (h == CGROUP_DEVICES && pod->fd[h] >= 0)
			r = dir_open(pod->fd[h], ".", &ret->fd[h]);
		else if (pod->fd[h] >= 0 && (h == CGROUP_UNIFIED || (cgroup_needs(limits) & BIT(h))))
			r = open_child(pod->fd[h], name, &ret->fd[h]);
	}
	if (r < 0)
		err_sys(err, r, "cannot make the cgroup '%s'", name);
	for (size_t i = 0; i < ARRAY_LEN(limit_files) && r >= 0; i++) {
		int64_t value = *(const int64_t *)((const char *)limits + limit_files[i].at);

		if (value && !(pod->missing & BIT(limit_files[i].hierarchy)))
			r = leaf_limit(pod, ret, &limit_files[i], value, err);
	}
	if (r < 0)
		cgroup_leaf_clear(ret);
	return r < 0 ? r : 0;
}

void cgroup_leaf_clear(struct cgroup_leaf *leaf) { close_fds(leaf->fd); }

int cgroup_leaf_join(const struct cgroup_leaf *leaf)
{
	int r;

	for (int h = CGROUP_UNIFIED + 1; h < CGROUP_HIERARCHIES; h++) {
		if (leaf->fd[h] < 0)
			continue;
		r = write_file(leaf->fd[h], "tasks", "0");
		if (r < 0)
			return r;
	}
	return 0;
}
