#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "pod/contract.h"
#include "pod/pod_files.h"

enum { STAT_MAX_BYTES = 4096, CHILDREN_MAX_BYTES = 64 << 10, ANCESTORS_MAX = 3 };

/* Whether the process has the pod's directory open, as only whoever got the lock's fd does. */
static bool holds_pod(pid_t pid, const struct stat *pod_dir)
{
	AUTO(free) char *path = xasprintf("/proc/%d/fd", pid);
	AUTO(closedir) DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir)))
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && st.st_ino == pod_dir->st_ino &&
		    st.st_dev == pod_dir->st_dev)
			return true;
	return false;
}

/* 0: gone. The name in parentheses may hold anything, so fields are counted behind its end. */
static pid_t parent_of(pid_t pid)
{
	AUTO(free) char *path = xasprintf("/proc/%d/stat", pid), *text = NULL;
	const char *end;
	int parent;

	if (file_read(AT_FDCWD, path, STAT_MAX_BYTES, &text, NULL) < 0)
		return 0;
	end = strrchr(text, ')');
	return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

static bool belongs(const struct pod *pod, pid_t pid)
{
	struct stat st;

	if (fstat(pod->fd, &st) < 0)
		return false;
	for (int i = 0; pid > 1 && i < ANCESTORS_MAX; i++, pid = parent_of(pid))
		if (holds_pod(pid, &st))
			return true;
	return false;
}

/* The only child of a process, by what the kernel lists for its main thread. */
static int only_child(pid_t pid, pid_t *ret, struct err *err)
{
	AUTO(free) char *path = xasprintf("/proc/%d/task/%d/children", pid, pid), *text = NULL;
	unsigned long long child;
	size_t len;
	int r;

	r = file_read(AT_FDCWD, path, CHILDREN_MAX_BYTES, &text, NULL);
	if (r < 0)
		return err_sys(err, r, "cannot list the children of pid %d", pid);
	len = strlen(text);
	if (len && text[len - 1] == ' ')
		text[--len] = 0;
	if (!len)
		return err_set(err, -ERR_STATE, "pid %d has no child yet", pid);
	if (str_to_u64(text, INT32_MAX, &child) < 0)
		return err_set(err, -ERR_STATE, "too many children of pid %d", pid);
	*ret = (pid_t)child;
	return 0;
}

int pod_container_pid(const struct pod *pod, pid_t *ret, struct err *err)
{
	pid_t pid = pod_read_pid(pod, POD_PID), parent = pid ? 0 : pod_read_pid(pod, POD_PPID);
	int r;

	if (!pid && !parent)
		return err_set(err, -ERR_STATE, "pod \"%s\" has not started yet", pod->uuid);
	if (!belongs(pod, pid ? pid : parent))
		return err_set(err, -ERR_STATE, "pod \"%s\" is not running anymore", pod->uuid);
	if (!pid) {
		r = only_child(parent, &pid, err);
		if (r < 0)
			return r;
	}
	*ret = pid;
	return 0;
}
