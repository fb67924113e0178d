#include "pod/pods.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "pod/contract.h"
#include "pod/uuid.h"

const struct pod_dir pod_dirs[PODS_DIRS] = {
	{ "embryo", POD_EMBRYO, POD_EMBRYO },
	{ "prepare", POD_ABORTED_PREPARE, POD_PREPARING },
	{ "prepared", POD_PREPARED, POD_PREPARED },
	{ "run", POD_EXITED, POD_RUNNING },
	{ "exited-garbage", POD_EXITED_GARBAGE, POD_EXITED_DELETING },
	{ "garbage", POD_GARBAGE, POD_DELETING },
};
enum {
	CREATE_TRIES = 16,	/* a collector may take an embryo away before it is locked */
	LOCK_TRIES = 4096,	/* of those who only look whether somebody holds the lock */
};

static const char *const state_names[POD_STATES] = {
	[POD_EMBRYO] = "embryo", [POD_PREPARING] = "preparing", [POD_ABORTED_PREPARE] = "aborted prepare",
	[POD_PREPARED] = "prepared", [POD_RUNNING] = "running", [POD_EXITED] = "exited",
	[POD_EXITED_GARBAGE] = "exited garbage", [POD_EXITED_DELETING] = "exited deleting",
	[POD_GARBAGE] = "garbage", [POD_DELETING] = "deleting",
};

const char *pod_state_name(enum pod_state state) { return state_names[state]; }

enum pods_dir pods_dir_of(enum pod_state state)
{
	enum pods_dir i = 0;

	while (pod_dirs[i].free != state && pod_dirs[i].held != state)
		i++;
	return i;
}

static char *path_in(enum pods_dir dir, const char *uuid) { return xasprintf("%s/%s", pod_dirs[dir].name, uuid); }

void pod_close(struct pod *pod)
{
	if (pod->fd >= 0)
		close(pod->fd);
	*pod = POD_NONE;
}

/* --- the directory ------------------------------------------------------ */

/* Members of the group rkt may look at pods; what is made here gets it from its parent. */
static void give_to_group(int fd, bool with_group, gid_t gid)
{
	if (with_group && fchown(fd, 0, gid) == 0)
		(void)fchmod(fd, 02750);
}

static int make_one(int dir_fd, const char *path, bool with_group, gid_t gid)
{
	AUTO(close) int fd = -1;
	int r = dir_make(dir_fd, path, 0750);

	if (r < 0)
		return r == -EEXIST ? 0 : r;
	r = dir_open(dir_fd, path, &fd);
	if (r < 0)
		return r;
	give_to_group(fd, with_group, gid);
	return 0;
}

/* The first directory comes last, so that where it is all are. */
static int make_dirs(const char *data_dir, struct pods *pods, struct err *err)
{
	struct group *group = geteuid() == 0 ? getgrnam("rkt") : NULL;
	gid_t gid = group ? group->gr_gid : 0;
	int r = 0;

	if (pods->data_fd < 0) {
		AUTO(free) char *clean = xstrdup(data_dir);
		char *slash = strrchr(clean, '/');

		if (slash && slash != clean) {
			*slash = 0;
			r = dir_make_all(AT_FDCWD, clean, 0755);
		}
		if (r >= 0)
			r = make_one(AT_FDCWD, data_dir, group, gid);
		if (r >= 0)
			r = pods->data_fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r < 0)
			return err_sys(err, pods->data_fd < 0 && r == -1 ? -errno : r,
				       "cannot make the data directory '%s'", data_dir);
	}
	r = make_one(pods->data_fd, "pods", group, gid);
	if (r >= 0 && pods->fd < 0)
		r = dir_open(pods->data_fd, "pods", &pods->fd);
	if (r >= 0)
		r = make_one(pods->data_fd, "locks", group, gid);
	/* The first one last: where it is, others take all the rest to be there. */
	for (size_t i = PODS_DIRS; r >= 0 && i-- > 0;)
		r = make_one(pods->fd, pod_dirs[i].name, group, gid);
	if (r >= 0 && (fsync(pods->fd) < 0 || fsync(pods->data_fd) < 0))
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot make the directories of pods below '%s'", data_dir);
	return 0;
}

int pods_open(const char *data_dir, bool make, struct pods **ret, struct err *err)
{
	AUTO(pods_close) struct pods *pods = xcalloc(1, sizeof(*pods));
	int r;

	pods->fd = -1;
	pods->data_fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pods->data_fd < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot open the data directory '%s'", data_dir);
	if (pods->data_fd >= 0) {
		r = dir_open(pods->data_fd, "pods", &pods->fd);
		if (r < 0 && r != -ENOENT)
			return err_sys(err, r, "cannot open the pods of '%s'", data_dir);
	}
	if (make && (pods->fd < 0 || faccessat(pods->fd, pod_dirs[0].name, F_OK, 0) < 0)) {
		r = make_dirs(data_dir, pods, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE(pods);
	return 0;
}

void pods_close(struct pods *pods)
{
	if (!pods)
		return;
	if (pods->fd >= 0)
		close(pods->fd);
	if (pods->data_fd >= 0)
		close(pods->data_fd);
	free(pods);
}

int pods_lock_prepare(struct pods *pods, bool exclusive, int *ret_fd, struct err *err)
{
	int how = exclusive ? LOCK_EX : LOCK_SH;
	AUTO(close) int fd = -1;

	fd = openat(pods->data_fd, "locks/prepareLock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open the lock of preparing pods");
	if (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_sys(err, -errno, "cannot take the lock of preparing pods");
		log_info("waiting for another rkt to finish preparing or collecting");
		if (flock(fd, how) < 0)
			return err_sys(err, -errno, "cannot take the lock of preparing pods");
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* --- state -------------------------------------------------------------- */

/* Whether the fd's directory is what the name in that directory stands for. */
bool pods_is_at(struct pods *pods, enum pods_dir dir, const struct pod *pod)
{
	AUTO(free) char *path = path_in(dir, pod->uuid);
	struct stat named, open_one;

	return pods->fd >= 0 && fstatat(pods->fd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(pod->fd, &open_one) == 0 && named.st_ino == open_one.st_ino &&
	       named.st_dev == open_one.st_dev;
}

/* The state that the directory and the lock give. A look by somebody else is no lock. */
static int probe(struct pod *pod, enum pods_dir dir)
{
	if (pod->locked) {
		if (pods_dir_of(pod->state) != dir)
			pod->state = pod_dirs[dir].free;
		return 0;
	}
	if (pod_dirs[dir].free == pod_dirs[dir].held) {
		pod->state = pod_dirs[dir].free;
		return 0;
	}
	if (flock(pod->fd, LOCK_SH | LOCK_NB) == 0) {
		(void)flock(pod->fd, LOCK_UN);
		pod->state = pod_dirs[dir].free;
	} else if (errno == EWOULDBLOCK) {
		pod->state = pod_dirs[dir].held;
	} else {
		return -errno;
	}
	return 0;
}

/* Opens what lies in one directory. -ENOENT: not there. */
int pods_open_in(struct pods *pods, enum pods_dir dir, const char *uuid, struct pod *ret)
{
	struct pod pod = POD_NONE;
	AUTO(free) char *path = path_in(dir, uuid);
	int r;

	if (pods->fd < 0)
		return -ENOENT;
	r = dir_open(pods->fd, path, &pod.fd);
	if (r < 0)
		return r;
	memcpy(pod.uuid, uuid, UUID_LEN + 1);
	r = probe(&pod, dir);
	if (r < 0) {
		pod_close(&pod);
		return r;
	}
	*ret = pod;
	return 0;
}

int pods_open_pod(struct pods *pods, const char *uuid, struct pod *ret)
{
	for (enum pods_dir i = 0; i < PODS_DIRS; i++) {
		int r = pods_open_in(pods, i, uuid, ret);

		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

int pod_refresh(struct pods *pods, struct pod *pod, struct err *err)
{
	/* A rename leaves the directory the same, so the fd stays right wherever the pod went. */
	for (enum pods_dir i = pods_dir_of(pod->state); i < PODS_DIRS; i++) {
		int r;

		if (!pods_is_at(pods, i, pod))
			continue;
		r = probe(pod, i);
		if (r < 0)
			return err_sys(err, r, "cannot tell the state of pod \"%s\"", pod->uuid);
		/* It may have moved on between the two looks, and then the lock says something else. */
		if (pods_is_at(pods, i, pod))
			return 0;
	}
	return err_set(err, -ERR_NOT_FOUND, "pod \"%s\" is gone", pod->uuid);
}

int pod_lock(struct pods *pods, struct pod *pod, struct err *err)
{
	enum pods_dir dir = pods_dir_of(pod->state);

	for (int i = 0; flock(pod->fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return err_sys(err, -errno, "cannot lock pod \"%s\"", pod->uuid);
		/* Shared is to be had: so only somebody who looks stands in the way, for a moment. */
		if (i == LOCK_TRIES || flock(pod->fd, LOCK_SH | LOCK_NB) < 0)
			return err_set(err, -EWOULDBLOCK, "pod \"%s\" is in use by another process", pod->uuid);
		sched_yield();
	}
	if (!pods_is_at(pods, dir, pod)) {
		(void)flock(pod->fd, LOCK_UN);
		return err_set(err, -ESTALE, "pod \"%s\" changed its state meanwhile", pod->uuid);
	}
	pod->locked = true;
	pod->state = pod_dirs[dir].free;
	return 0;
}

/* --- transitions -------------------------------------------------------- */

/* Whether the move must outlive a power cut. */
enum lasting { MAY_BE_LOST, MUST_LAST };

static int move(struct pods *pods, struct pod *pod, enum pods_dir to, enum pod_state state,
		enum lasting lasting, struct err *err)
{
	AUTO(free) char *from_path = path_in(pods_dir_of(pod->state), pod->uuid);
	AUTO(free) char *to_path = path_in(to, pod->uuid);
	int r;

	if (!pod->locked)
		return err_set(err, -EBADF, "pod \"%s\" is not locked", pod->uuid);
	if (renameat(pods->fd, from_path, pods->fd, to_path) < 0)
		return err_sys(err, -errno, "cannot move pod \"%s\" to '%s'", pod->uuid, pod_dirs[to].name);
	pod->state = state;
	r = lasting == MUST_LAST ? dir_sync(pods->fd, pod_dirs[to].name) : 0;
	if (r < 0)
		return err_sys(err, r, "cannot make the move of pod \"%s\" to '%s' last", pod->uuid, pod_dirs[to].name);
	return 0;
}

static int wrong_state(const struct pod *pod, struct err *err)
{
	return err_set(err, -ERR_STATE, "pod \"%s\" is in state '%s'", pod->uuid, pod_state_name(pod->state));
}

/* One try. -EAGAIN: a collector took the unlocked embryo for a dead one. */
static int create_once(struct pods *pods, struct pod *pod)
{
	AUTO(free) char *path = NULL;
	int r;

	uuid_new(pod->uuid);
	path = path_in(DIR_EMBRYO, pod->uuid);
	r = dir_make(pods->fd, path, 0750);
	if (r >= 0)
		r = dir_open(pods->fd, path, &pod->fd);
	if (r < 0)
		return r == -EEXIST || r == -ENOENT ? -EAGAIN : r;
	if (flock(pod->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (!pods_is_at(pods, DIR_EMBRYO, pod))
		return -EAGAIN;
	pod->locked = true;
	r = file_write(pod->fd, POD_CREATED, "", 0, 0640);
	if (r < 0)
		(void)tree_remove(pods->fd, path);
	return r;
}

int pod_create(struct pods *pods, struct pod *ret, struct err *err)
{
	struct pod pod = POD_NONE;
	int r = -EAGAIN;

	for (int i = 0; i < CREATE_TRIES && r == -EAGAIN; i++) {
		pod_close(&pod);
		r = create_once(pods, &pod);
	}
	if (r < 0) {
		pod_close(&pod);
		return err_sys(err, r, "cannot make a pod's directory");
	}
	/* Nobody has been told of it: after a power cut it is an aborted embryo as well as an aborted prepare. */
	r = move(pods, &pod, DIR_PREPARE, POD_PREPARING, MAY_BE_LOST, err);
	if (r < 0) {
		AUTO(free) char *path = path_in(pods_dir_of(pod.state), pod.uuid);

		(void)tree_remove(pods->fd, path);
		pod_close(&pod);
		return r;
	}
	*ret = pod;
	return 0;
}

enum { SYNC_DEPTH = 8 };	/* of what is written for a pod, far above what there is */

static int sync_tree(int dir_fd, int depth)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (own < 0)
		return -errno;
	dir = fdopendir(own);
	if (!dir) {
		close(own);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		AUTO(close) int fd = -1;

		if (entry->d_name[0] == '.' || (entry->d_type != DT_REG && entry->d_type != DT_DIR))
			continue;
		fd = openat(dir_fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (entry->d_type == DT_REG)
			r = fsync(fd) < 0 ? -errno : 0;
		else
			r = depth < SYNC_DEPTH ? sync_tree(fd, depth + 1) : 0;
		if (r < 0)
			return r;
	}
	return fsync(dir_fd) < 0 ? -errno : 0;
}

/*
 * Somebody is told that the pod is prepared, so it must be so after a power cut
 * as well: what it consists of goes to the disk before its new name does. With
 * copied trees in it these are too many files to sync one by one.
 */
static int sync_files(const struct pod *pod, struct err *err)
{
	int r;

	if (faccessat(pod->fd, POD_OVERLAY_PREPARED, F_OK, 0) == 0)
		r = sync_tree(pod->fd, 0);
	else
		r = syncfs(pod->fd) < 0 ? -errno : 0;
	if (r < 0)
		return err_sys(err, r, "cannot write pod \"%s\" to disk", pod->uuid);
	return 0;
}

int pod_to_prepared(struct pods *pods, struct pod *pod, struct err *err)
{
	int r;

	if (pod->state != POD_PREPARING)
		return wrong_state(pod, err);
	r = sync_files(pod, err);
	if (r < 0)
		return r;
	r = move(pods, pod, DIR_PREPARED, POD_PREPARED, MUST_LAST, err);
	if (r < 0)
		return r;
	(void)flock(pod->fd, LOCK_UN);
	pod->locked = false;
	return 0;
}

int pod_to_run(struct pods *pods, struct pod *pod, struct err *err)
{
	if (pod->state != POD_PREPARING && pod->state != POD_PREPARED)
		return wrong_state(pod, err);
	/*
	 * A prepared pod must not look fresh again after a power cut: its overlays can't be mounted twice.
	 * One that "rkt run" prepared is over then in any case, and an fsync would cost more than all else.
	 */
	return move(pods, pod, DIR_RUN, POD_RUNNING, pod->state == POD_PREPARED ? MUST_LAST : MAY_BE_LOST, err);
}

int pod_to_garbage(struct pods *pods, struct pod *pod, struct err *err)
{
	if (pods_dir_of(pod->state) > DIR_PREPARED)
		return wrong_state(pod, err);
	return move(pods, pod, DIR_GARBAGE, POD_GARBAGE, MUST_LAST, err);
}

int pod_to_exited_garbage(struct pods *pods, struct pod *pod, struct err *err)
{
	if (pods_dir_of(pod->state) != DIR_RUN)
		return wrong_state(pod, err);
	return move(pods, pod, DIR_EXITED_GARBAGE, POD_EXITED_GARBAGE, MAY_BE_LOST, err);	/* exited is true as well */
}

int pod_remove(struct pods *pods, struct pod *pod, struct err *err)
{
	AUTO(free) char *path = NULL, *where = NULL;
	int r;

	if (pods_dir_of(pod->state) < DIR_EXITED_GARBAGE)
		return wrong_state(pod, err);
	if (!pod->locked)
		return err_set(err, -EBADF, "pod \"%s\" is not locked", pod->uuid);
	/* From the moment on that it loses files nobody is to see it; on a full disk it must do as it is. */
	if (pods_dir_of(pod->state) == DIR_EXITED_GARBAGE)
		(void)move(pods, pod, DIR_GARBAGE, POD_GARBAGE, MAY_BE_LOST, NULL);
	path = path_in(pods_dir_of(pod->state), pod->uuid);
	r = tree_remove_where(pods->fd, path, &where);
	if (r == -EPERM)
		return err_set(err, r, "unable to remove pod \"%s\": '%s' cannot be removed (immutable?)",
			       pod->uuid, where);
	if (r == -EXDEV || r == -EBUSY)
		return err_set(err, r, "unable to remove pod \"%s\": something is mounted on '%s'", pod->uuid, where);
	if (r < 0)
		return err_sys(err, r, "unable to remove pod \"%s\": cannot remove '%s'", pod->uuid, where);
	pod_close(pod);
	return 0;
}
