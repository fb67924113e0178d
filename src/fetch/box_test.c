#include "fetch/box.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/confine.h"

/* What a process in the box did: its exit code, or 128 and the signal that ended it. */
static int in_box_of(bool local_services, int (*act)(void))
{
	AUTO(err_clear) struct err err = {};
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(box_enter(local_services, &err) < 0 ? 126 : act());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
static int in_box(int (*act)(void)) { return in_box_of(false, act); }

static int said(long r)
{
	int number = errno;

	return r < 0 ? number : 0;
}

/* --- what rkt-fetch has to do ------------------------------------------------- */

static int act_look_up(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;

	return getaddrinfo("localhost", "443", &hints, &list) == 0 ? 0 : 1;
}

static void *look_up(void *arg)
{
	*(int *)arg = act_look_up();
	return NULL;
}

static int act_look_up_in_thread(void)
{
	pthread_t threads[4];
	int got[4] = { 9, 9, 9, 9 };

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		if (pthread_create(&threads[i], NULL, look_up, &got[i]))
			return 2;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	return got[0] | got[1] | got[2] | got[3];
}

/* A file that comes over the socket, open to write, can be written. */
static int outside_fd, inside_fd;
static int act_take_file(void)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(inside_fd, &msg, MSG_CMSG_CLOEXEC) != 1)
		return 1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return pwrite(fd, "x", 1, 5) == 1 && ftruncate(fd, 100) == 0 ? 0 : 2;
}

static void send_file(int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(outside_fd, &msg, 0), 1);
}

static int act_read_hosts(void) { return said(open("/etc/nsswitch.conf", O_RDONLY)); }

static void test_can(void **state)
{
	char name[] = "/tmp/box_test.XXXXXX";
	int pair[2], fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	outside_fd = pair[0];
	inside_fd = pair[1];
	send_file(fd);
	assert_int_equal(in_box(act_take_file), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 100);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(in_box(act_look_up), 0);
	assert_int_equal(in_box(act_look_up_in_thread), 0);
	if (access("/etc/nsswitch.conf", R_OK) == 0)
		assert_int_equal(in_box(act_read_hosts), 0);
}

/* --- what it must not -------------------------------------------------------- */

static int act_read_passwd(void) { return said(open("/etc/passwd", O_RDONLY)); }
static int act_read_etc(void) { return said(open("/etc", O_RDONLY | O_DIRECTORY)); }
static int act_write(void) { return said(open("/tmp/box_test", O_WRONLY | O_CREAT, 0600)); }
static int act_write_again(void) { return said(open("/proc/self/fd/1", O_WRONLY)); }
static int act_execute(void) { return said(execl("/bin/true", "true", NULL)); }
static int act_local(void) { return said(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int act_serve(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EACCES))
		return 1;
	return said(listen(fd, 1));
}

static int landlock_version;
static int act_version(void)
{
	struct confine_place none[1];

	return confine_files(none, 0, &landlock_version, NULL) < 0 ? 0 : landlock_version;
}
static int outside(int (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(act());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void test_cannot(void **state)
{
	assert_int_equal(in_box(act_write), EACCES);
	assert_int_equal(in_box(act_write_again), EACCES);
	assert_int_equal(in_box(act_execute), 128 + SIGSYS);
	assert_int_equal(in_box(act_serve), 128 + SIGSYS);
	assert_int_equal(in_box(act_local), EAFNOSUPPORT);
	assert_int_equal(in_box_of(true, act_local), 0);
	if (!outside(act_version)) {
		print_message("this kernel has no Landlock\n");
		return;
	}
	assert_int_equal(in_box(act_read_passwd), EACCES);
	assert_int_equal(in_box(act_read_etc), EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_can), cmocka_unit_test(test_cannot) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
