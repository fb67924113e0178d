#include "base/proc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"

extern char **environ;

/* The test runs itself as the child; argv[1] says which. */
static int child(const char *what)
{
	if (str_eq(what, "exit"))
		return 7;
	if (str_eq(what, "die"))
		raise(SIGKILL);
	if (str_eq(what, "sleep"))
		pause();
	if (str_eq(what, "pipe"))	/* SIGPIPE was ignored in the parent */
		return signal(SIGPIPE, SIG_DFL) == SIG_DFL ? 0 : 1;
	if (str_eq(what, "environment"))
		return environ[0] ? 1 : 0;
	if (str_eq(what, "fds")) {
		/* 0 is /dev/null, 1 and 3 are the socket, 4 and above are closed. */
		if (read(0, &(char){ 0 }, 1) != 0)
			return 1;
		for (int fd = 4; fd < 64; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				return 2;
		return write(1, "o", 1) == 1 && write(3, "k", 1) == 1 ? 0 : 3;
	}
	return 99;
}

static int start(const char *what, const int *fds, size_t n_fds,
		 int (*before)(void *, struct err *), int *ret_pidfd, struct err *err)
{
	AUTO(close) int exe_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	char *argv[] = { (char *)"proc_test", (char *)(uintptr_t)what, NULL };
	struct proc proc = {
		.exe_fd = exe_fd, .argv = argv, .fds = fds, .n_fds = n_fds, .before_exec = before,
	};

	return proc_start(&proc, NULL, ret_pidfd, err);
}

static int run(const char *what)
{
	static const int fds[] = { -1, -1, 2 };
	AUTO(close) int pidfd = -1;

	assert_int_equal(start(what, fds, 3, NULL, &pidfd, NULL), 0);
	return proc_wait(pidfd);
}

static void exit_codes(void **state)
{
	assert_int_equal(run("exit"), 7);
	assert_int_equal(run("die"), 128 + SIGKILL);
}

static void clean_start(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(run("pipe"), 0);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(run("environment"), 0);
}

static void only_listed_fds(void **state)
{
	AUTO(close) int ours = -1, theirs = -1, stray = -1, pidfd = -1;
	char text[3] = "";
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ours = pair[0];
	theirs = pair[1];
	stray = fcntl(2, F_DUPFD, 20);	/* not close-on-exec */
	assert_true(stray >= 20);
	assert_int_equal(start("fds", (int[]){ -1, theirs, 2, theirs }, 4, NULL, &pidfd, NULL), 0);
	assert_int_equal(proc_wait(pidfd), 0);
	assert_int_equal(read(ours, text, 2), 2);
	assert_string_equal(text, "ok");
}

static int refuse(void *arg, struct err *err)
{
	return err_set(err, -EPERM, "not today");
}

static void failures_come_back(void **state)
{
	AUTO(err_clear) struct err err = {};
	static char *const argv[] = { (char *)"nothing", NULL };
	struct proc proc = { .argv = argv, .fds = (int[]){ -1, -1, -1 }, .n_fds = 3 };
	int pidfd = -1;

	assert_int_equal(start("exit", (int[]){ -1, -1, 2 }, 3, refuse, &pidfd, &err), -EPERM);
	assert_string_equal(err.chain[0], "not today");
	assert_int_equal(pidfd, -1);

	proc.exe_fd = open("/dev/null", O_PATH | O_CLOEXEC);
	assert_int_equal(proc_start(&proc, NULL, &pidfd, &err), -EACCES);
	assert_string_equal(err.chain[0], "cannot execute 'nothing'");
	close(proc.exe_fd);

	assert_int_equal(start("exit", (int[]){ -1 }, 1, NULL, &pidfd, &err), -EINVAL);
}

static void killing(void **state)
{
	AUTO(close) int pidfd = -1;

	assert_int_equal(start("sleep", (int[]){ -1, -1, 2 }, 3, NULL, &pidfd, NULL), 0);
	proc_kill(pidfd);
	assert_int_equal(proc_wait(pidfd), -ECHILD);	/* it is reaped */
	proc_kill(-1);
}

static int drop(void *arg, struct err *err)
{
	uid_t uid = getuid() ? getuid() : 65534;
	gid_t gid = getuid() ? getgid() : 65534;
	int r = proc_drop(uid, gid, err);

	if (r < 0)
		return r;
	if (getuid() != uid || getgid() != gid || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return err_set(err, -EINVAL, "not dropped");
	if (seteuid(0) == 0 || setegid(0) == 0)
		return err_set(err, -EINVAL, "came back");
	return proc_drop(uid, gid, err);	/* also for one who has nothing */
}

static void dropping(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(close) int pidfd = -1;
	int r = start("exit", (int[]){ -1, -1, 2 }, 3, drop, &pidfd, &err);

	if (r < 0 && err.chain)
		print_error("%s\n", err.chain[0]);
	assert_int_equal(r, 0);
	assert_int_equal(proc_wait(pidfd), 7);

	assert_int_equal(proc_drop(0, 0, &err), -EINVAL);
	assert_int_equal(proc_drop(65534, 0, NULL), -EINVAL);
	assert_int_equal(getuid(), geteuid());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes), cmocka_unit_test(clean_start), cmocka_unit_test(only_listed_fds),
		cmocka_unit_test(failures_come_back), cmocka_unit_test(killing), cmocka_unit_test(dropping),
	};

	if (argc > 1)
		return child(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
