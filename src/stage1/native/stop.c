#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include "base/fd.h"
#include "base/log.h"
#include "os/cgroup.h"
#include "os/process.h"
#include "pod/contract.h"
#include "stage1/native/args.h"
#include "stage1/native/run.h"

enum { PID_TEXT_MAX = 32, RECORD_MAX = 16 << 10 };

/* A pod runs as long as somebody holds the lock on its directory. */
static int check_running(const char *uuid, struct err *err)
{
	AUTO(close) int fd = -1;
	int r = dir_open(AT_FDCWD, ".", &fd);

	if (r < 0)
		return err_sys(err, r, "cannot open the pod's directory");
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return err_set(err, -ERR_STATE, "pod \"%s\" is not running", uuid);
	return errno == EWOULDBLOCK ? 0 : err_sys(err, -errno, "cannot look at the pod's lock");
}

static int read_pid(pid_t *ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	unsigned long long pid;
	size_t len;
	int r = file_read(AT_FDCWD, POD_PPID, PID_TEXT_MAX, &text, &len);

	if (r < 0)
		return err_sys(err, r, "cannot read '" POD_PPID "'");
	while (len && text[len - 1] == '\n')
		text[--len] = 0;
	if (str_to_u64(text, INT32_MAX, &pid) < 0 || pid < 2)
		return err_set(err, -ERR_BAD_INPUT, "'" POD_PPID "' holds no pid: '%s'", text);
	*ret = (pid_t)pid;
	return 0;
}

/*
 * The pid is that of the supervisor only while the pod runs. Held before and
 * after the pidfd was opened, the lock says that the pid was not somebody
 * else's by then, and from there on the pidfd cannot become another's.
 */
static int open_supervisor(const char *uuid, int *ret_fd, struct err *err)
{
	AUTO(close) int fd = -1;
	pid_t pid;
	int r;

	r = check_running(uuid, err);
	if (r >= 0)
		r = read_pid(&pid, err);
	if (r < 0)
		return r;
	fd = process_open(pid);
	if (fd == -ESRCH)
		return err_set(err, -ERR_STATE, "pod \"%s\" is not running", uuid);
	if (fd < 0)
		return err_sys(err, fd, "cannot open process %d", (int)pid);
	r = check_running(uuid, err);
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

static void kill_cgroup(const char *uuid)
{
	AUTO(free) char *name = xasprintf("rkt-%s", uuid);
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *record = NULL;
	int r = file_read(AT_FDCWD, POD_SUBCGROUP, RECORD_MAX, &record, NULL);

	/* The supervisor's end is the pod's end anyway. */
	if (r >= 0 && cgroup_record_kill(record, name, &err) < 0) {
		AUTO(free) char *text = err_text(&err);

		log_warn("%s", text);
	}
}

int stop_main(char *const *argv, struct err *err)
{
	AUTO(close) int fd = -1;
	struct pod_args args;
	int r;

	log_set_prefix("stop");
	r = pod_args_parse(argv, &args, err);
	if (r >= 0)
		r = open_supervisor(args.uuid, &fd, err);
	if (r < 0)
		return r;
	if (args.force)
		kill_cgroup(args.uuid);
	r = process_signal(fd, args.force ? SIGKILL : SIGTERM);
	if (r < 0 && r != -ESRCH)
		return err_sys(err, r, "cannot signal the pod's supervisor");
	return 0;
}
