#include "image/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"

static int pair[2];

static int connect_both(void **state) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair); }

static int close_both(void **state)
{
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void requests(void **state)
{
	struct label labels[] = { { (char[]){ "os" }, (char[]){ "linux" } } };
	struct wire_trusted trusted[] = { { (char[]){ "abc" }, (char[]){ "-----BEGIN\nx=\n" } } };
	struct wire_credential credentials[] = {
		{ (char[]){ "a.com" }, .authorization = (char[]){ "Basic eA==" } },
		{ (char[]){ "b.com:1" }, .aws_key_id = (char[]){ "id" }, .aws_secret = (char[]){ "s" } },
	};
	struct wire_location locations[] = { { (char[]){ "https://a/k" } }, { (char[]){ "./k" }, true } };
	struct wire_request sent = {
		.action = (char[]){ "name" }, .name = (char[]){ "a.com/x" }, .labels = labels, .n_labels = 1,
		.trusted = trusted, .n_trusted = 1, .locations = locations, .n_locations = 2,
		.credentials = credentials, .n_credentials = 2,
		.skip_tls = true, .debug = true, .max_image = (int64_t)1 << 40, .stall_seconds = 7,
	};
	AUTO(wire_request_clear) struct wire_request got = {};

	assert_int_equal(wire_send_request(pair[0], &sent), 0);
	assert_int_equal(wire_recv_request(pair[1], &got, NULL), 0);
	assert_string_equal(got.action, "name");
	assert_string_equal(got.name, "a.com/x");
	assert_string_equal(got.labels[0].value, "linux");
	assert_string_equal(got.trusted[0].armor, "-----BEGIN\nx=\n");
	assert_int_equal(got.n_locations, 2);
	assert_int_equal(got.n_credentials, 2);
	assert_string_equal(got.credentials[0].authorization, "Basic eA==");
	assert_null(got.credentials[0].aws_secret);
	assert_string_equal(got.credentials[1].domain, "b.com:1");
	assert_string_equal(got.credentials[1].aws_secret, "s");
	assert_null(got.credentials[1].authorization);
	assert_false(got.locations[0].file);
	assert_true(got.locations[1].file);
	assert_true(got.skip_tls && got.debug && !got.skip_signature && !got.has_signature);
	assert_true(got.max_image == sent.max_image && got.stall_seconds == 7);
	assert_null(got.url);
}

static void replies(void **state)
{
	char *chain[] = { (char[]){ "outer" }, (char[]){ "inner" }, NULL };
	struct wire_reply sent = { .kind = (char[]){ "error" }, .code = -ERR_NO_SIGNATURE, .chain = chain };
	AUTO(wire_reply_clear) struct wire_reply got = {};

	assert_int_equal(wire_send_reply(pair[1], &sent), 0);
	assert_int_equal(wire_recv_reply(pair[0], &got, NULL), 0);
	assert_int_equal(got.code, -ERR_NO_SIGNATURE);
	assert_string_equal(got.chain[1], "inner");
}

/* What a taken-over rkt-fetch might say. */
static void hostile_replies(void **state)
{
	static const char *const bad[] = {
		"{}", "[]", "{\"kind\":\"error\"}", "{\"kind\":\"error\",\"code\":0,\"chain\":[\"x\"]}",
		"{\"kind\":\"error\",\"code\":-9999999999,\"chain\":[\"x\"]}",
		"{\"kind\":\"error\",\"code\":-5,\"chain\":[]}",
		"{\"kind\":\"image\",\"fingerprint\":\"../../etc/passwd\"}",
		"{\"kind\":\"image\",\"fingerprint\":\"\"}",
		"{\"kind\":\"progress\",\"label\":\"x\",\"done\":-1}", "{\"kind\":\"progress\"}",
		"{\"kind\":\"log\"}", "{\"kind\":\"shell\"}", "{\"kind\":3}",
		"{\"kind\":\"keys\",\"keys\":[{\"location\":\"x\",\"armor\":\"y\",\"fingerprint\":\"z\"}]}",
		"{\"kind\":\"log\",\"text\":\"x\"} ",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(wire_reply_clear) struct wire_reply got = {};
		unsigned char head[4] = { 0, 0, 0, (unsigned char)strlen(bad[i]) };
		int want = i + 1 < ARRAY_LEN(bad) ? -EBADMSG : 0;	/* the last one is fine */

		print_message("%s\n", bad[i]);
		assert_int_equal(fd_write_all(pair[1], head, 4), 0);
		assert_int_equal(fd_write_all(pair[1], bad[i], strlen(bad[i])), 0);
		assert_int_equal(wire_recv_reply(pair[0], &got, NULL), want);
	}
}

static void lengths(void **state)
{
	AUTO(wire_reply_clear) struct wire_reply got = {};
	AUTO(err_clear) struct err err = {};

	assert_int_equal(fd_write_all(pair[1], "\xff\xff\xff\xff", 4), 0);
	assert_int_equal(wire_recv_reply(pair[0], &got, &err), -EBADMSG);
	assert_string_equal(err.chain[0], "received a message that makes no sense");
	assert_int_equal(fd_write_all(pair[1], "\0\0\0\x09{", 5), 0);
	close(pair[1]);
	pair[1] = -1;
	assert_int_equal(wire_recv_reply(pair[0], &got, &err), -EPIPE);
	assert_int_equal(wire_recv_reply(pair[0], &got, &err), -EPIPE);
	assert_int_equal(wire_send_reply(pair[0], &(struct wire_reply){ .kind = (char[]){ "keys" } }), -EPIPE);
}

static void too_large(void **state)
{
	char *text = xcalloc(1, WIRE_MAX + 1);
	struct wire_reply sent = { .kind = (char[]){ "log" }, .text = text };

	memset(text, 'x', WIRE_MAX);
	assert_int_equal(wire_send_reply(pair[1], &sent), -E2BIG);
	free(text);
}

int main(void)
{
#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, connect_both, close_both)
	const struct CMUnitTest tests[] = {
		WITH_PAIR(requests), WITH_PAIR(replies), WITH_PAIR(hostile_replies), WITH_PAIR(lengths),
		WITH_PAIR(too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
