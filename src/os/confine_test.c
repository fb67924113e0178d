#include "os/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What a confined child did: its exit code, or 128 and the signal that ended it. */
static int in_child(int (*confine)(void), int (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(confine() < 0 ? 126 : act());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
enum { ENDED = 128 + SIGSYS };

/* An exit code: 0, or the errno that it failed with. */
static int said(long r)
{
	int number = errno;

	return r < 0 ? number : 0;
}

static int nothing(void) { return confine_calls(0, NULL); }
static int reading(void) { return confine_calls(CONFINE_READ, NULL); }
static int making(void) { return confine_calls(CONFINE_MAKE, NULL); }
static int talking(void) { return confine_calls(CONFINE_READ | CONFINE_IP, NULL); }
static int asking(void) { return confine_calls(CONFINE_READ | CONFINE_IP | CONFINE_LOCAL, NULL); }

/* --- acts ---------------------------------------------------------------- */

static int act_execute(void)
{
	char *argv[] = { (char *)"/bin/true", NULL };

	return said(execve(argv[0], argv, argv + 1));
}
static int act_fork(void) { return said(fork()); }
static int act_trace(void) { return said(ptrace(PTRACE_TRACEME, 0, NULL, NULL)); }
static int act_signal(void) { return said(kill(getppid(), 0)); }
static int act_abort(void) { abort(); }
static int act_raise(void) { signal(SIGUSR1, SIG_IGN); return said(raise(SIGUSR1)); }
static int act_thread_of_others(void) { return said(syscall(SYS_tgkill, getppid(), getppid(), 0)); }
static int act_uring(void) { return said(syscall(SYS_io_uring_setup, 1, NULL)); }
static int act_newest(void) { return said(syscall(511)); }
static int act_rare(void) { return said(syscall(SYS_mq_unlink, "/none")); }
static int act_open(void) { return said(open("/dev/null", O_RDONLY | O_CLOEXEC)); }
static int act_open_to_write(void) { return said(open("/dev/null", O_WRONLY | O_CLOEXEC)); }
static int act_create(void) { return said(openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CREAT, 0600)); }
static int act_unlink(void) { return said(unlink("/nonexistent/x")); }
static int act_chown(void) { return said(fchown(0, 0, 0)); }
static int act_fifo(void) { return said(mknodat(AT_FDCWD, "/nonexistent/x", S_IFIFO | 0600, 0)); }
static int act_device(void) { return said(mknodat(AT_FDCWD, "/nonexistent/x", S_IFCHR | 0600, 0)); }
static int act_socket(void) { return said(socket(AF_INET, SOCK_STREAM, 0)); }
static int act_socket_local(void) { return said(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int act_socket_audit(void) { return said(socket(AF_NETLINK, SOCK_RAW, 9)); }
static int act_socket_routes(void) { return said(socket(AF_NETLINK, SOCK_RAW, 0)); }
static int act_socket_packet(void) { return said(socket(AF_PACKET, SOCK_RAW, 0)); }
static int act_listen(void) { return said(listen(0, 1)); }
static int act_limits_of_others(void) { return said(prlimit(getppid(), RLIMIT_CORE, NULL, &(struct rlimit){})); }
static int act_own_limits(void) { return said(prlimit(0, RLIMIT_CORE, NULL, &(struct rlimit){})); }
static int act_dumpable(void) { return said(syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0)); }
static int act_signal_by_file(void) { return said(fcntl(0, F_SETOWN, getppid())); }

static int act_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 1;
	return said(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static void *thread_main(void *arg)
{
	*(int *)arg = 7;
	return NULL;
}

static int act_thread(void)
{
	pthread_t thread;
	int got = 0, pair[2];

	if (pthread_create(&thread, NULL, thread_main, &got) || pthread_join(thread, NULL))
		return 1;
	return got == 7 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? 0 : 2;
}

/* A call of the 32-bit ABI has other numbers: 20 is getpid there. */
static int act_foreign(void)
{
#if defined(__x86_64__)
	int r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory");
	return r > 0 ? 0 : 1;
#else
	return ENDED;
#endif
}

/* --- tests --------------------------------------------------------------- */

static void test_never(void **state)
{
	int (*const kinds[])(void) = { nothing, reading, making, talking, asking };
	int (*const acts[])(void) = { act_execute, act_fork, act_trace, act_signal, act_thread_of_others, act_uring,
				      act_listen, act_foreign };

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (size_t a = 0; a < ARRAY_LEN(acts); a++)
			if (in_child(kinds[k], acts[a]) != ENDED)
				fail_msg("kind %zu, act %zu", k, a);
		assert_int_equal(in_child(kinds[k], act_thread), 0);
		assert_int_equal(in_child(kinds[k], act_raise), 0);
		assert_int_equal(in_child(kinds[k], act_own_limits), 0);
		assert_int_equal(in_child(kinds[k], act_limits_of_others), EPERM);
		assert_int_equal(in_child(kinds[k], act_dumpable), EPERM);
		assert_int_equal(in_child(kinds[k], act_signal_by_file), EPERM);
		assert_int_equal(in_child(kinds[k], act_code), EPERM);
		assert_int_equal(in_child(kinds[k], act_newest), ENOSYS);
		assert_int_equal(in_child(kinds[k], act_rare), ENOSYS);
	}
	assert_int_equal(in_child(nothing, act_abort), 128 + SIGABRT);
}

static void test_files(void **state)
{
	assert_int_equal(in_child(nothing, act_open), ENOSYS);
	assert_int_equal(in_child(reading, act_open), 0);
	assert_int_equal(in_child(reading, act_open_to_write), EACCES);
	assert_int_equal(in_child(reading, act_create), EACCES);
	assert_int_equal(in_child(reading, act_unlink), ENDED);
	assert_int_equal(in_child(reading, act_chown), ENDED);
	assert_int_equal(in_child(reading, act_fifo), ENDED);
	assert_int_equal(in_child(making, act_open_to_write), 0);
	assert_int_equal(in_child(making, act_unlink), ENOENT);
	assert_int_equal(in_child(making, act_fifo), ENOENT);
	assert_int_equal(in_child(making, act_device), EPERM);
}

static void test_sockets(void **state)
{
	assert_int_equal(in_child(making, act_socket), ENDED);
	assert_int_equal(in_child(talking, act_socket), 0);
	assert_int_equal(in_child(talking, act_socket_routes), 0);
	assert_int_equal(in_child(talking, act_socket_local), EAFNOSUPPORT);
	assert_int_equal(in_child(talking, act_socket_packet), EAFNOSUPPORT);
	assert_int_equal(in_child(talking, act_socket_audit), EPROTONOSUPPORT);
	assert_int_equal(in_child(asking, act_socket_local), 0);
}

/* --- Landlock -------------------------------------------------------------- */

static int version;
static int below(bool write)
{
	struct confine_place places[] = { { .path = "/nonexistent" }, { .path = "a", .write = write } };

	return confine_files(places, ARRAY_LEN(places), &version, NULL);
}
static int below_to_read(void) { return below(false); }
static int below_to_write(void) { return below(true); }

static int act_read_inside(void) { return said(open("a/file", O_RDONLY)); }
static int act_read_outside(void) { return said(open("b/file", O_RDONLY)); }
static int act_write_inside(void) { return said(open("a/file", O_WRONLY)); }
static int act_write_outside(void) { return said(open("b/file", O_WRONLY)); }
static int act_make_inside(void) { return said(mkdir("a/new", 0700)) ?: said(rmdir("a/new")); }
static int act_make_outside(void) { return said(mkdir("b/new", 0700)); }
static int act_version(void) { return version; }

/* An abstract socket of a process outside. */
static int listener_fd;
static struct sockaddr_un listener = { .sun_family = AF_UNIX };
enum { LISTENER_LEN = sizeof(sa_family_t) + 1 + 12 };
static int act_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return said(connect(fd, (struct sockaddr *)&listener, LISTENER_LEN));
}

static void test_places(void **state)
{
	int have = in_child(below_to_read, act_version);

	if (!have) {
		print_message("this kernel has no Landlock\n");
		skip();
	}
	assert_int_equal(in_child(below_to_read, act_read_inside), 0);
	assert_int_equal(in_child(below_to_read, act_read_outside), EACCES);
	assert_int_equal(in_child(below_to_read, act_write_inside), EACCES);
	assert_int_equal(in_child(below_to_read, act_make_inside), EACCES);
	assert_int_equal(in_child(below_to_read, act_execute), EACCES);
	if (have >= 2) {
		assert_int_equal(in_child(below_to_write, act_write_inside), 0);
		assert_int_equal(in_child(below_to_write, act_make_inside), 0);
		assert_int_equal(in_child(below_to_write, act_write_outside), EACCES);
		assert_int_equal(in_child(below_to_write, act_make_outside), EACCES);
		assert_int_equal(in_child(below_to_write, act_execute), EACCES);
	}
	if (have >= 6) {
		assert_int_equal(in_child(below_to_read, act_signal), EPERM);
		assert_int_equal(in_child(below_to_read, act_connect), EPERM);
	}
}

static char dir[] = "/tmp/confine_test.XXXXXX";

static int make_files(void **state)
{
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		int fd;

		mkdir(i ? "b" : "a", 0700);
		fd = open(i ? "b/file" : "a/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return -1;
		close(fd);
	}
	snprintf(listener.sun_path + 1, sizeof(listener.sun_path) - 1, "confine%05d", (int)getpid() % 100000);
	listener_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return bind(listener_fd, (struct sockaddr *)&listener, LISTENER_LEN) < 0 ? -1 : listen(listener_fd, 8);
}

static int remove_files(void **state)
{
	close(listener_fd);
	unlink("a/file");
	unlink("b/file");
	rmdir("a");
	rmdir("b");
	return chdir("/") < 0 ? -1 : rmdir(dir);
}

static int few_files(void)
{
	confine_limit(RLIMIT_NOFILE, 32);
	confine_limit(RLIMIT_NOFILE, 64);
	return 0;
}
static int act_limit(void)
{
	struct rlimit now;

	getrlimit(RLIMIT_NOFILE, &now);
	return (int)now.rlim_max;
}

static void test_limits(void **state)
{
	assert_int_equal(in_child(few_files, act_limit), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test_setup_teardown(test_places, make_files, remove_files),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
