#include "base/err.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"

static void test_chain(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL, *tree = NULL;

	assert_int_equal(err_set(&err, -ERR_NOT_FOUND, "forgotten"), -ERR_NOT_FOUND);
	assert_int_equal(err_sys(&err, -ENOENT, "cannot open '%s'", "x"), -ENOENT);
	assert_int_equal(err_wrap(&err, -ERR_STATE, "cannot start"), -ERR_STATE);
	text = err_text(&err);
	assert_string_equal(text, "cannot start: cannot open 'x': No such file or directory");
	tree = err_tree(&err);
	assert_string_equal(tree, "cannot start\n  └─cannot open 'x'\n    └─No such file or directory");
}

static void test_wrap_of_nothing(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	err_wrap(&err, -EPERM, "cannot mount");
	text = err_text(&err);
	assert_string_equal(text, "cannot mount: Operation not permitted");
}

static void test_without_words(void **state)
{
	struct err err = {};
	AUTO(free) char *text = err_text(&err), *tree = err_tree(&err);

	assert_string_equal(text, "unknown error");
	assert_string_equal(tree, "unknown error");
	assert_int_equal(err_set(NULL, -5, "x"), -5);
	assert_int_equal(err_sys(NULL, -5, "x"), -5);
	assert_int_equal(err_wrap(NULL, -5, "x"), -5);
}

/* What comes from outside can't write to the terminal through an error. */
static void test_control_bytes(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	err_set(&err, -EINVAL, "bad '%s'", "\x1b[2J\nrkt: fine");
	text = err_text(&err);
	assert_string_equal(text, "bad '\\x1b[2J\\x0arkt: fine'");
}

static void test_names(void **state)
{
	for (int code = ERR_NO_SIGNATURE; code <= ERR_EXIT; code++)
		assert_true(err_name(-code) && *err_name(-code));
	assert_string_equal(err_name(-ERR_AMBIGUOUS), "ambiguous");
	assert_string_equal(err_name(ENOENT), "No such file or directory");
	assert_non_null(err_name(-ERR_EXIT - 1));
}

static void send_and_close(int *fds, int r, const struct err *err)
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	err_send(fds[1], r, err);
	close(fds[1]);
}

static void test_send(void **state)
{
	AUTO(err_clear) struct err err = {}, got = {};
	AUTO(free) char *text = NULL;
	int fds[2];

	err_set(&err, 0, "inner");
	err_wrap(&err, 0, "outer");
	err_set(&got, 0, "old");
	send_and_close(fds, -ERR_BAD_SIGNATURE, &err);
	assert_int_equal(err_recv(fds[0], &got), -ERR_BAD_SIGNATURE);
	close(fds[0]);
	text = err_text(&got);
	assert_string_equal(text, "outer: inner");
	send_and_close(fds, -EIO, NULL);
	assert_int_equal(err_recv(fds[0], NULL), -EIO);
	close(fds[0]);
}

static void test_send_too_long(void **state)
{
	AUTO(err_clear) struct err err = {}, got = {};
	AUTO(free) char *huge = xcalloc(1, 60000);
	int fds[2];

	memset(huge, 'x', 59999);
	err_set(&err, 0, "%s", huge);
	err_wrap(&err, 0, "outer");
	send_and_close(fds, -EIO, &err);
	assert_int_equal(err_recv(fds[0], &got), -EIO);
	close(fds[0]);
	assert_int_equal(strv_len(got.chain), 1);
	assert_string_equal(got.chain[0], "outer");
}

static void test_recv_odd(void **state)
{
	static const struct { const char *bytes; size_t len; int want; } cases[] = {
		{ "", 0, 0 }, { "0", 2, -EBADMSG }, { "5", 2, -EBADMSG }, { "x", 2, -EBADMSG }, { "-5", 2, -5 },
		{ "-5", 3, -5 }, { "-99999999999", 13, -EBADMSG }, { "-5\0no end", 9, -5 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		int fds[2];

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		assert_int_equal(fd_write_all(fds[1], cases[i].bytes, cases[i].len), 0);
		close(fds[1]);
		assert_int_equal(err_recv(fds[0], &err), cases[i].want);
		close(fds[0]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_wrap_of_nothing),
		cmocka_unit_test(test_without_words),
		cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_send_too_long),
		cmocka_unit_test(test_recv_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
