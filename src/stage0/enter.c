#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "pod/contract.h"
#include "stage0/entry.h"

/* Which app is meant, checked against the pod's manifest. */
static int choose_app(const struct pod *pod, const char *asked, char **ret, struct err *err)
{
	AUTO(pod_manifest_clear) struct pod_manifest m = {};
	int r;

	r = pod_read_manifest(pod, &m, err);
	if (r < 0)
		return r;
	if (!m.n_apps)
		return err_set(err, -ERR_NOT_FOUND, "pod contains zero apps");
	if (asked && !pod_manifest_app(&m, asked))
		return err_set(err, -ERR_NOT_FOUND, "pod \"%s\" contains no app \"%s\"", pod->uuid, asked);
	if (!asked && m.n_apps > 1) {
		AUTO(buf_clear) struct buf list = {};

		buf_addf(&list, "%s: pod contains multiple apps:\n", log_prefix());
		for (size_t i = 0; i < m.n_apps; i++) {
			buf_addf(&list, "%s: \t", log_prefix());
			buf_add_printable(&list, m.apps[i].name);
			buf_addc(&list, '\n');
		}
		(void)fd_write_all(STDERR_FILENO, list.data, list.len);
		return err_set(err, -ERR_AMBIGUOUS,
			       "unable to determine app name: specify app using \"rkt enter --app= ...\"");
	}
	*ret = xstrdup(asked ? asked : m.apps[0].name);
	return 0;
}

static int become(int exe_fd, char *const *args, struct err *err)
{
	AUTO(strv_free) char **env = entry_env();

	syscall(SYS_execveat, exe_fd, "", args, env, AT_EMPTY_PATH);
	return err_sys(err, -errno, "cannot execute the stage1's '%s'", args[0]);
}

int pod_enter(const struct engine *e, struct pods *pods, struct pod *pod, const char *app, char *const *cmd,
	      struct err *err)
{
	AUTO(stage1_clear) struct stage1 stage1 = {};
	AUTO(strv_free) char **args = NULL;
	AUTO(free) char *name = NULL;
	AUTO(close) int root = -1, exe = -1;
	const char *path;
	pid_t pid = 0;
	int r;

	r = pod_refresh(pods, pod, err);
	if (r < 0)
		return r;
	if (pod->state != POD_RUNNING)
		return err_set(err, -ERR_STATE, "pod \"%s\" isn't currently running", pod->uuid);
	r = choose_app(pod, app, &name, err);
	if (r >= 0)
		r = pod_container_pid(pod, &pid, err);
	if (r >= 0)
		r = stage1_read(pod, &stage1, err);
	if (r >= 0)
		r = stage1_entry(&stage1, STAGE1_ENTRY_ENTER, &path, err);
	if (r >= 0)
		r = stage1_open_root(e, pod, &root, err);
	if (r >= 0)
		r = stage1_open_exe(root, path, &exe, err);
	if (r < 0)
		return r;
	if (fchdir(pod->fd) < 0)
		return err_sys(err, -errno, "cannot enter the directory of pod \"%s\"", pod->uuid);
	strv_take(&args, xasprintf(POD_STAGE1_ROOTFS "%s", path));
	strv_take(&args, xasprintf("--pid=%d", pid));
	strv_take(&args, xasprintf("--appname=%s", name));
	strv_add(&args, "--");
	for (; *cmd; cmd++)
		strv_add(&args, *cmd);
	return become(exe, args, err);
}
