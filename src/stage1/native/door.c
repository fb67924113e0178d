#include "stage1/native/door.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "os/process.h"
#include "stage1/native/exe.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

/* --- looking ------------------------------------------------------------- */

static const char *env_get(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

int door_check(struct door *d, struct err *err)
{
	const char *dir = d->working_dir && *d->working_dir ? d->working_dir : "/";
	int r;

	/* Links of /proc that lead out of the root are refused here: the root is all that is searched. */
	d->dir_fd = path_open_in(d->root_fd, dir, O_PATH | O_DIRECTORY);
	if (d->dir_fd < 0)
		return err_sys(err, d->dir_fd, "working directory '%s' cannot be used", dir);
	r = exe_find(d->root_fd, d->argv[0], dir, env_get(d->app->env, "PATH"), &d->exe, err);
	return r < 0 ? r : exe_check(d->root_fd, d->exe, err);
}

/* --- steps, in their order ----------------------------------------------- */

static int set_session(struct door *d, struct err *err)
{
	process_reset_signals();
	umask(022);
	if (setsid() < 0 && errno != EPERM)
		return err_sys(err, -errno, "cannot start a session");
	if (d->tty_fd >= 0 && ioctl(d->tty_fd, TIOCSCTTY, 0) < 0)
		return err_sys(err, -errno, "cannot take the terminal");
	return 0;
}

/*
 * The terminal as the app finds it in its own /dev: what was opened before has
 * no name there, and ttyname() must give one. An app that put something else in
 * its place gets what it had.
 */
static int name_terminal(struct door *d, struct err *err)
{
	AUTO(close) int fd = -1;
	char path[32];
	struct stat was, is;

	if (d->tty_fd < 0)
		return 0;
	if (fstat(d->tty_fd, &was) < 0)
		return err_sys(err, -errno, "cannot find the terminal");
	snprintf(path, sizeof(path), "dev/pts/%u", minor(was.st_rdev));
	fd = path_open_in(d->root_fd, path, O_RDWR | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &is) < 0 || !S_ISCHR(is.st_mode) || is.st_rdev != was.st_rdev ||
	    is.st_dev != was.st_dev || fcntl(fd, F_SETFL, O_RDWR) < 0)
		return 0;
	for (int i = 0; i < 3; i++)
		if (d->fds[i] == d->tty_fd)
			d->fds[i] = fd;
	d->tty_fd = TAKE_FD(fd);
	return 0;
}

/* A keyring of its own: the one that we came with is the caller's. A kernel without keyrings has nothing to share. */
static int set_keyring(struct door *d, struct err *err)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return err_sys(err, -errno, "cannot make a session keyring");
	return 0;
}

static int write_score(int proc_fd, int64_t score)
{
	AUTO(close) int fd = openat(proc_fd, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	char text[24];
	int len = snprintf(text, sizeof(text), "%lld", (long long)score);

	if (fd < 0)
		return -errno;
	return write(fd, text, (size_t)len) < 0 ? -errno : 0;
}

/* Ours is lower than that of any pod, so an app never keeps it. */
static int set_oom_score(struct door *d, struct err *err)
{
	const struct json_opt_int *wanted = &d->app->isolation.oom_score_adj;
	int r = write_score(d->proc_fd, wanted->set ? wanted->value : d->plan->oom_score);

	/* Lowering it takes a capability that an engine inside a container may lack: the app would die sooner, not later. */
	if (r == -EACCES) {
		if (wanted->set)
			log_warn("cannot lower oom_score_adj to %lld: permission denied", (long long)wanted->value);
		return 0;
	}
	return r < 0 ? err_sys(err, r, "cannot set oom_score_adj") : 0;
}

static int set_groups(struct door *d, struct err *err)
{
	size_t n = d->app->n_gids;
	gid_t *gids = xcalloc(n + 1, sizeof(*gids));
	int r = 0;

	gids[0] = d->ids.gid;
	memcpy(gids + 1, d->app->gids, n * sizeof(*gids));
	if (setgroups(n + 1, gids) < 0)
		r = err_sys(err, -errno, "cannot set the supplementary groups");
	free(gids);
	return r;
}

/*
 * Exactly the app's: a program that is executed has what the bounding set and
 * its user allow and no more, since nothing is inheritable. Until then
 * CAP_SYS_ADMIN stays in force, to load the filter as the very last step.
 */
static int set_ids(struct door *d, struct err *err)
{
	const caps_t admin = CAPS_BIT(CAP_SYS_ADMIN);
	caps_t bounding;
	int r;

	r = caps_bounding(&bounding);
	if (r >= 0)
		r = caps_bound(d->app->caps);
	if (r < 0)
		return err_sys(err, r, "cannot limit the capabilities");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot keep capabilities for a moment");
	if (setresgid(d->ids.gid, d->ids.gid, d->ids.gid) < 0 || setresuid(d->ids.uid, d->ids.uid, d->ids.uid) < 0)
		return err_sys(err, -errno, "cannot become user %u and group %u", d->ids.uid, d->ids.gid);
	r = caps_set((d->ids.uid ? 0 : d->app->caps) | (bounding & admin), bounding & admin);
	return r < 0 ? err_sys(err, r, "cannot set the capabilities") : 0;
}

static bool wants_no_new_privs(const struct door *d)
{
	const struct json_opt_bool *said = &d->app->isolation.no_new_privs;
	bool user = d->ids.uid != 0;

	if (d->plan->args->hardened)
		return said->set ? said->value : user;
	return (said->set && said->value) || (user && d->app->has_filter);
}

static int set_no_new_privs(struct door *d, struct err *err)
{
	if (wants_no_new_privs(d) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot set no_new_privs");
	return 0;
}

/* A directory that lies outside the root has a path that does not begin at it. */
static int set_directory(struct door *d, struct err *err)
{
	char path[PATH_MAX];

	if (fchdir(d->dir_fd) < 0)
		return err_sys(err, -errno, "working directory '%s' cannot be used", d->working_dir ? d->working_dir : "/");
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0 || path[0] != '/')
		return err_set(err, -ERR_BAD_INPUT, "working directory is outside the root");
	return 0;
}

static int set_fds(struct door *d, struct err *err)
{
	int moved[3];

	/* Out of the way first: one may have the number that another is to get. */
	for (int i = 0; i < 3; i++) {
		moved[i] = fcntl(d->fds[i], F_DUPFD_CLOEXEC, 3);
		if (moved[i] < 0)
			return err_sys(err, -errno, "cannot pass on an fd");
	}
	for (int i = 0; i < 3; i++)
		if (dup2(moved[i], i) < 0)
			return err_sys(err, -errno, "cannot pass on an fd");
	if (syscall(SYS_close_range, 3u, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot close our files");
	return 0;
}

static int set_filter(struct door *d, struct err *err)
{
	int r = d->app->has_filter ? seccomp_apply(&d->app->filter) : 0;

	return r < 0 ? err_sys(err, r, "cannot load the seccomp filter") : 0;
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n + 1) == 0;
}

static char **whole_env(const struct door *d)
{
	size_t n = strv_len(d->app->env), extra = strv_len(d->extra_env), at = 0;
	char **env = xcalloc(n + extra + 1, sizeof(char *));

	for (size_t i = 0; i < n; i++) {
		bool replaced = false;

		for (size_t k = 0; k < extra; k++)
			replaced |= same_name(d->extra_env[k], d->app->env[i]);
		if (!replaced)
			env[at++] = d->app->env[i];
	}
	for (size_t k = 0; k < extra; k++)
		env[at++] = d->extra_env[k];
	return env;
}

int door_pass(struct door *d, struct err *err)
{
	static int (*const steps[])(struct door *d, struct err *err) = {
		set_session, name_terminal, set_keyring, set_oom_score, set_groups, set_directory, set_ids, set_no_new_privs, set_fds,
		set_filter,
	};
	char **env = whole_env(d);

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int r = steps[i](d, err);

		if (r < 0)
			return r;
	}
	execve(d->exe, d->argv, env);
	return err_sys(err, -errno, "Unable to execute \"%s\"", d->exe);
}
