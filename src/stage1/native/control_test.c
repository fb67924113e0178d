#include "stage1/native/control.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

static void test_fds_come_along(void **state)
{
	int pair[2], pipe_ends[2], got[CONTROL_FDS];
	struct control_request sent = { CONTROL_MAGIC, 1, CONTROL_TTY }, received;
	struct stat a, b;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	assert_int_equal(control_send(pair[0], &sent, sizeof(sent), pipe_ends, 2), 0);
	assert_int_equal(control_receive(pair[1], &received, sizeof(received), got, CONTROL_FDS), 1);
	assert_memory_equal(&sent, &received, sizeof(sent));
	assert_int_equal(got[2], -1);
	assert_int_equal(fstat(pipe_ends[0], &a), 0);
	assert_int_equal(fstat(got[0], &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		close(got[i]);
		close(pipe_ends[i]);
		close(pair[i]);
	}
}

/* More fds than anybody asked for, a message too short, an end that is gone. */
static void test_what_does_not_fit(void **state)
{
	int pair[2], fds[2] = { 0, 1 }, got[1], probe;
	struct control_reply reply;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(control_send(pair[0], &(struct control_reply){ 1, 2 }, sizeof(reply), fds, 2), 0);
	assert_int_equal(control_receive(pair[1], &reply, sizeof(reply), got, 1), 1);
	close(got[0]);
	probe = fcntl(pair[0], F_DUPFD_CLOEXEC, 3);
	assert_true(probe <= got[0]);	/* the second one was closed again */
	close(probe);

	assert_int_equal(control_send(pair[0], "x", 1, NULL, 0), 0);
	assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
	assert_int_equal(control_receive(pair[1], &reply, sizeof(reply), got, 1), -EBADMSG);
	assert_int_equal(control_receive(pair[1], &reply, sizeof(reply), got, 1), 0);
	close(pair[0]);
	close(pair[1]);
}

static void test_peer(void **state)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(control_check_peer(pair[0]), geteuid() ? -EPERM : 0);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(control_check_peer(-1), -EBADF);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fds_come_along),
		cmocka_unit_test(test_what_does_not_fit),
		cmocka_unit_test(test_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
