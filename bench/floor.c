/*
 * floor ROOT DIR COMMAND…: the least that the kernel lets a container start
 * cost: new pid, mount, ipc, uts, net and cgroup namespaces, an overlay with its
 * upper directory in DIR, pivot_root, proc, exec. No policy, nothing checked.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/mem.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(254);
}

int main(int argc, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	AUTO(free) char *options = NULL, *upper = NULL, *work = NULL;
	int status = 0;
	pid_t pid;

	if (argc < 4)
		return 2;
	/* A volatile overlay cannot be mounted twice: each run has its own, like a pod. */
	upper = xasprintf("%s/upper.%d", argv[2], (int)getpid());
	work = xasprintf("%s/work.%d", argv[2], (int)getpid());
	must(!mkdir(upper, 0755) && !mkdir(work, 0755), "mkdir");
	options = xasprintf("lowerdir=%s,upperdir=%s,workdir=%s,volatile", argv[1], upper, work);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	must(pid >= 0, "clone3");
	if (!pid) {
		must(!mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "slave");
		must(!mount("overlay", argv[1], "overlay", 0, options), "overlay");
		must(!chdir(argv[1]), "chdir");
		must(!syscall(SYS_pivot_root, ".", "."), "pivot_root");
		must(!umount2(".", MNT_DETACH), "umount");
		must(!mount("proc", "/proc", "proc", 0, NULL), "proc");
		execv(argv[3], argv + 3);
		must(false, "exec");
	}
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}
