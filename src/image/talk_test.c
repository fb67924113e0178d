#include "image/talk.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/fd.h"

static int pair[2];
static struct talk *talk;

static int connect_both(void **state)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	talk = talk_new(pair[1], true);
	return 0;
}

static int close_both(void **state)
{
	talk_free(talk);
	close_auto(&pair[0]);
	close(pair[1]);
	return 0;
}

static void tell(const char *action, int64_t index)
{
	AUTO(free) char *copy = xstrdup(action);
	struct wire_command c = { copy, index };
	size_t n = str_eq(action, "layer") ? 2 : str_eq(action, "file") ? 1 : 0;

	assert_int_equal(wire_send_command(pair[0], &c, pair, n), 0);
}

/* What it hears within a moment; an index, or -1: nothing. */
static int64_t heard(void)
{
	AUTO(wire_command_clear) struct wire_command c = {};
	int fds[WIRE_COMMAND_FDS] = { -1, -1 };
	int r = talk_command(talk, 10, &c, fds, NULL);

	for (size_t i = 0; i < WIRE_COMMAND_FDS; i++)
		close_auto(&fds[i]);
	assert_true(r >= 0);
	return r ? c.index : -1;
}

static void one_thread(void **state)
{
	int fd = -1;

	assert_int_equal(heard(), -1);
	tell("layer", 4);
	assert_int_equal(heard(), 4);
	assert_int_equal(heard(), -1);
	/* Answers that come behind commands. */
	tell("layer", 5);
	tell("layer", 6);
	tell("file", 0);
	tell("missing", 0);
	assert_int_equal(talk_open(talk, "index.json", &fd, NULL), 0);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	close(fd);
	assert_int_equal(talk_open(talk, "oci-layout", &fd, NULL), -ERR_NOT_FOUND);
	assert_int_equal(heard(), 5);
	assert_int_equal(heard(), 6);
}

static void said(void **state)
{
	AUTO(wire_reply_clear) struct wire_reply got = {};

	talk_say(talk, "a %d", 1);
	assert_int_equal(wire_recv_reply(pair[0], &got, NULL), 0);
	assert_string_equal(got.text, "a 1");
}

static void too_many(void **state)
{
	AUTO(err_clear) struct err err = {};
	int fd = -1;

	for (int i = 0; i < 33; i++)
		tell("layer", i);
	assert_int_equal(talk_open(talk, "index.json", &fd, &err), -EBADMSG);
	assert_string_equal(err.chain[0], "received more commands than were agreed");
	assert_int_equal(heard(), 0);	/* what came before that is still there */
}

static void gone(void **state)
{
	AUTO(wire_command_clear) struct wire_command c = {};
	AUTO(err_clear) struct err err = {};
	int fds[WIRE_COMMAND_FDS];

	close(pair[0]);
	pair[0] = -1;
	for (int i = 0; i < 2; i++) {
		err_clear(&err);
		assert_int_equal(talk_command(talk, -1, &c, fds, &err), -EPIPE);
		assert_non_null(err.chain);
	}
}

/* rkt: gives a file for every second path that is asked for, and says "layer" in between. */
static void *answer(void *arg)
{
	for (int i = 0; i < 200; i++) {
		AUTO(wire_reply_clear) struct wire_reply got = {};

		if (wire_recv_reply(pair[0], &got, NULL) < 0)
			return (void *)1;
		if (i % 20 == 0)
			tell("layer", i / 20);
		tell(str_eq(got.path, "index.json") ? "file" : "missing", 0);
	}
	return NULL;
}

static void *ask(void *path)
{
	for (int i = 0; i < 50; i++) {
		AUTO(close) int fd = -1;
		int r = talk_open(talk, path, &fd, NULL);

		if (r != (str_eq(path, "index.json") ? 0 : -ERR_NOT_FOUND))
			return (void *)1;
	}
	return NULL;
}

static void many_threads(void **state)
{
	static const char *const paths[] = { "index.json", "oci-layout", "index.json", "oci-layout" };
	pthread_t threads[5];
	int64_t next = 0;

	assert_int_equal(pthread_create(&threads[4], NULL, answer, NULL), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, (void *)(uintptr_t)paths[i]), 0);
	while (next < 10) {
		int64_t index = heard();

		if (index >= 0)
			assert_int_equal(index, next++);
	}
	for (size_t i = 0; i < 5; i++) {
		void *bad = NULL;

		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
}

int main(void)
{
#define WITH_BOTH(test) cmocka_unit_test_setup_teardown(test, connect_both, close_both)
	const struct CMUnitTest tests[] = {
		WITH_BOTH(one_thread), WITH_BOTH(said), WITH_BOTH(too_many), WITH_BOTH(gone), WITH_BOTH(many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
