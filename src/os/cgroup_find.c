#include "os/cgroup_find.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/path.h"
#include "os/cgroup.h"

enum { DEPTH_MAX = 32, UUID_CHARACTERS = 36 };

struct search {
	const char *prefix;
	enum cgroup_hierarchy hierarchy;
	const char *mount;
	void (*found)(void *arg, const struct cgroup_found *f);
	void *arg;
};

/* Calls each() for the groups in this one until it returns other than 0. */
static int each_child(int fd, int (*each)(void *arg, int dir_fd, const char *name), void *arg)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3), r = 0;

	dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		close_auto(&own);
		return -ENOMEM;
	}
	rewinddir(dir);
	while (!r && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			r = each(arg, fd, entry->d_name);
	return r;
}

/* 1: somebody is in it, or it cannot be known. */
static int is_busy(void *arg, int dir_fd, const char *name)
{
	AUTO(close) int fd = -1, procs = -1;
	char byte;
	size_t len = 1;

	(void)arg;
	if (dir_open(dir_fd, name, &fd) < 0)
		return errno != ENOENT;
	procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (procs < 0 || fd_read_upto(procs, &byte, 1, &len) < 0 || len)
		return 1;
	return each_child(fd, is_busy, NULL);
}

static int64_t age_of(int fd)
{
	struct timespec now;
	struct stat st;

	if (fstat(fd, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 || st.st_mtim.tv_sec > now.tv_sec)
		return 0;
	return now.tv_sec - st.st_mtim.tv_sec;
}

/* "rkt-UUID", also of the supervisor's leaf; the caller frees it. NULL: it is no pod's. */
static char *name_of(const char *prefix, const char *entry)
{
	size_t len = strlen(prefix) + UUID_CHARACTERS;

	if (!str_starts(entry, prefix) ||
	    strspn(entry + strlen(prefix), "0123456789abcdef-") != UUID_CHARACTERS ||
	    (entry[len] && !str_eq(entry + len, CGROUP_SUPERVISOR)))
		return NULL;
	return xstrndup(entry, len);
}

struct here {
	const struct search *search;
	const char *path;	/* in the hierarchy, "" for its root */
	int depth;
};

static int look_at(void *arg, int dir_fd, const char *entry)
{
	const struct here *here = arg;
	const struct search *s = here->search;
	AUTO(free) char *path = xasprintf("%s/%s", here->path, entry), *name = name_of(s->prefix, entry);
	AUTO(close) int fd = -1;

	if (here->depth > DEPTH_MAX || dir_open(dir_fd, entry, &fd) < 0)
		return 0;
	if (name) {
		AUTO(free) char *full = xasprintf("%s%s", s->mount, path);
		AUTO(free) char *record = cgroup_record_line(s->hierarchy, path, !str_eq(name, entry));
		const struct cgroup_found f = {
			.path = full, .name = name, .record = record, .age = age_of(fd),
			.empty = is_busy(NULL, dir_fd, entry) == 0,
		};

		s->found(s->arg, &f);
		return 0;
	}
	(void)each_child(fd, look_at, &(struct here){ s, path, here->depth + 1 });
	return 0;
}

int cgroup_find(const char *prefix, void (*found)(void *arg, const struct cgroup_found *f), void *arg,
		struct err *err)
{
	struct cgroup_layout l = {};
	int r = cgroup_layout_read(&l, err);

	for (int h = 0; h < CGROUP_HIERARCHIES && r >= 0; h++) {
		const struct search s = { prefix, (enum cgroup_hierarchy)h, l.mount[h], found, arg };
		struct here top = { .search = &s, .path = "" };
		AUTO(close) int fd = -1;

		if (l.has[h] && dir_open(AT_FDCWD, l.mount[h], &fd) >= 0)
			(void)each_child(fd, look_at, &top);
	}
	cgroup_layout_clear(&l);
	return r;
}
