#include "image/wire.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "spec/oci.h"

enum { LAYERS = 500 };	/* the default limit */

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
		{ (char[]){ "c.com" }, .identity_token = (char[]){ "refresh" } },
	};
	struct wire_location locations[] = { { (char[]){ "https://a/k" } }, { (char[]){ "./k" }, true } };
	struct wire_request sent = {
		.action = (char[]){ "name" }, .name = (char[]){ "a.com/x" }, .labels = labels, .n_labels = 1,
		.trusted = trusted, .n_trusted = 1, .locations = locations, .n_locations = 2,
		.credentials = credentials, .n_credentials = 3,
		.skip_tls = true, .debug = true, .limits = (char[]){ "{\"layers\":7}" },
	};
	AUTO(wire_request_clear) struct wire_request got = {};

	assert_int_equal(wire_send_request(pair[0], &sent), 0);
	assert_int_equal(wire_recv_request(pair[1], &got, NULL), 0);
	assert_string_equal(got.action, "name");
	assert_string_equal(got.name, "a.com/x");
	assert_string_equal(got.labels[0].value, "linux");
	assert_string_equal(got.trusted[0].armor, "-----BEGIN\nx=\n");
	assert_int_equal(got.n_locations, 2);
	assert_int_equal(got.n_credentials, 3);
	assert_string_equal(got.credentials[0].authorization, "Basic eA==");
	assert_null(got.credentials[0].aws_secret);
	assert_string_equal(got.credentials[1].domain, "b.com:1");
	assert_string_equal(got.credentials[1].aws_secret, "s");
	assert_null(got.credentials[1].authorization);
	assert_string_equal(got.credentials[2].identity_token, "refresh");
	assert_false(got.locations[0].file);
	assert_true(got.locations[1].file);
	assert_true(got.skip_tls && got.debug && !got.skip_signature && !got.has_signature);
	assert_true(str_eq(got.limits, "{\"layers\":7}"));
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

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA256 "sha256:" DIGITS
#define SHA512 "sha512:" DIGITS DIGITS

static void oci_requests(void **state)
{
	char *mirrors[] = { (char[]){ "https://a.com" }, (char[]){ "https://b.com:5000/hub" }, NULL };
	struct wire_trusted keys[] = { { (char[]){ "cosign-1" }, (char[]){ "-----BEGIN PUBLIC KEY-----\n" } } };
	struct wire_request sent = {
		.action = (char[]){ "registry" },
		.oci = {
			.registry = (char[]){ "c.com" }, .mirrors = mirrors, .repository = (char[]){ "x/y" },
			.tag = (char[]){ "1" }, .digest = (char[]){ SHA256 }, .os = (char[]){ "linux" },
			.arch = (char[]){ "amd64" }, .cosign_keys = keys, .n_cosign_keys = 1, .accepted = true,
			.unproven = true,
		},
		.has_signature = true, .named_signature = true,
		.etag = (char[]){ "\"e\"" }, .last_modified = (char[]){ "Mon" },
		.if_url = (char[]){ "https://c.com/x" },
		.part_url = (char[]){ "https://c.com/p" }, .part_version = (char[]){ "\"p\"" },
	};
	AUTO(wire_request_clear) struct wire_request got = {};

	assert_int_equal(wire_send_request(pair[0], &sent), 0);
	assert_int_equal(wire_recv_request(pair[1], &got, NULL), 0);
	assert_string_equal(got.oci.registry, "c.com");
	assert_int_equal(strv_len(got.oci.mirrors), 2);
	assert_string_equal(got.oci.mirrors[1], "https://b.com:5000/hub");
	assert_string_equal(got.oci.repository, "x/y");
	assert_string_equal(got.oci.tag, "1");
	assert_string_equal(got.oci.digest, SHA256);
	assert_string_equal(got.oci.os, "linux");
	assert_string_equal(got.oci.arch, "amd64");
	assert_string_equal(got.oci.cosign_keys[0].armor, "-----BEGIN PUBLIC KEY-----\n");
	assert_true(got.oci.accepted && got.oci.unproven);
	assert_true(got.has_signature && got.named_signature);
	assert_string_equal(got.etag, "\"e\"");
	assert_string_equal(got.last_modified, "Mon");
	assert_string_equal(got.if_url, "https://c.com/x");
	assert_string_equal(got.part_url, "https://c.com/p");
	assert_string_equal(got.part_version, "\"p\"");
}

/* The documents are what was hashed: not a byte of them may change. */
static void manifests(void **state)
{
	struct wire_layer layers[] = {
		{ (char[]){ SHA256 }, (char[]){ SHA512 }, 0 },
		{ (char[]){ SHA512 }, (char[]){ SHA256 }, WIRE_LAYER_MAX },
	};
	struct wire_reply sent = {
		.kind = (char[]){ "manifest" },
		.manifest = (char[]){ "{\r\n\t\"a\": \"\\u0007\x7f\xc3\xa9\xe2\x80\xae\"\n}\n" },
		.config = (char[]){ "{}" }, .appc = (char[]){ "{\"acKind\":\"ImageManifest\"}" },
		.digest = (char[]){ SHA256 }, .config_digest = (char[]){ SHA512 }, .layers = layers, .n_layers = 2,
		.fingerprint = (char[]){ "cosign-" DIGITS },
	};
	AUTO(wire_reply_clear) struct wire_reply got = {};

	assert_int_equal(wire_send_reply(pair[1], &sent), 0);
	assert_int_equal(wire_recv_reply(pair[0], &got, NULL), 0);
	assert_string_equal(got.manifest, sent.manifest);
	assert_string_equal(got.config, "{}");
	assert_string_equal(got.appc, sent.appc);
	assert_string_equal(got.digest, SHA256);
	assert_string_equal(got.config_digest, SHA512);
	assert_int_equal(got.n_layers, 2);
	assert_string_equal(got.layers[0].diff_id, SHA512);
	assert_true(got.layers[1].size == WIRE_LAYER_MAX);
}

static void good_replies(void **state)
{
	const struct wire_reply good[] = {
		{ .kind = (char[]){ "unchanged" } },
		{ .kind = (char[]){ "unchanged" }, .etag = (char[]){ "W/\"a b\"" }, .max_age = 60 },
		{ .kind = (char[]){ "version" }, .source = (char[]){ "https://a.com/" } },
		{ .kind = (char[]){ "version" }, .source = (char[]){ "https://a.com/" },
		  .version = (char[]){ "Tue, 15 Nov 1994 12:45:26 GMT" } },
		{ .kind = (char[]){ "open" }, .path = (char[]){ "oci-layout" } },
		{ .kind = (char[]){ "open" }, .path = (char[]){ "index.json" } },
		{ .kind = (char[]){ "open" }, .path = (char[]){ "blobs/sha256/" DIGITS } },
		{ .kind = (char[]){ "open" }, .path = (char[]){ "blobs/sha512/" DIGITS DIGITS } },
		{ .kind = (char[]){ "layer" } },
		{ .kind = (char[]){ "layer" }, .index = LAYERS - 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(wire_reply_check(&good[i], NULL), 0);
}

/* What rkt-fetch may see of a directory that it could not open itself. */
static void files_of_a_layout(void **state)
{
	static const char *const bad[] = {
		"", "/etc/shadow", "blobs", "blobs/", "blobs/sha256", "blobs/sha256/", "blobs/sha256/..", "../index.json",
		"blobs/sha256/" DIGITS "/x", "blobs/sha256/../" DIGITS, "blobs/sha256:" DIGITS, "blobs/sha1/" DIGITS,
		"blobs//sha256/" DIGITS, "blobs/sha256/" DIGITS DIGITS, "index.json/", "./index.json", "manifest.json",
		"blobs:sha256/" DIGITS, "blobs/sha256/../../../etc/shadow",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct wire_reply open = { .kind = (char[]){ "open" }, .path = (char *)bad[i] };

		assert_int_equal(wire_reply_check(&open, NULL), -EBADMSG);
	}
}

static void hostile_strings(void **state)
{
	char *validators = xcalloc(1, WIRE_VALIDATOR_MAX + 2);
	struct wire_reply bad[] = {
		{ .kind = (char[]){ "version" } },
		{ .kind = (char[]){ "version" }, .version = (char[]){ "\"a\"" } },
		{ .kind = (char[]){ "version" }, .source = (char[]){ "u" }, .version = (char[]){ "a\r\nX: y" } },
		{ .kind = (char[]){ "version" }, .source = (char[]){ "u" }, .version = (char[]){ "" } },
		{ .kind = (char[]){ "version" }, .source = (char[]){ "u" }, .version = (char[]){ "\x7f" } },
		{ .kind = (char[]){ "unchanged" }, .last_modified = (char[]){ "\xc3\xa9" } },
		{ .kind = (char[]){ "unchanged" }, .etag = validators },
		{ .kind = (char[]){ "unchanged" }, .max_age = -1 },
		{ .kind = (char[]){ "image" }, .max_age = WIRE_MAX_AGE_MAX + 1 },
		{ .kind = (char[]){ "open" } },
		{ .kind = (char[]){ "layer" }, .index = -1 },
		{ .kind = (char[]){ "layer" }, .index = LAYERS },
	};

	memset(validators, 'x', WIRE_VALIDATOR_MAX + 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(wire_reply_check(&bad[i], NULL), -EBADMSG);
	validators[WIRE_VALIDATOR_MAX] = 0;
	assert_true(wire_validator_valid(validators));
	free(validators);
}

static void hostile_manifests(void **state)
{
	struct wire_layer layer = { (char[]){ SHA256 }, (char[]){ SHA256 }, 1 };
	struct wire_layer *many = xcalloc(LAYERS + 1, sizeof(*many));
	const struct wire_reply good = {
		.kind = (char[]){ "manifest" }, .manifest = (char[]){ "{}" }, .config = (char[]){ "{}" },
		.appc = (char[]){ "{}" }, .digest = (char[]){ SHA256 }, .config_digest = (char[]){ SHA256 },
		.layers = &layer, .n_layers = 1,
	};
	static const char *const digests[] = {
		"", "sha256:../../x", "sha256:abc", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"x" SHA256, SHA256 "0",
	};
	struct wire_reply r = good;

	assert_int_equal(wire_reply_check(&r, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		AUTO(free) char *digest = xstrdup(digests[i]);
		char **const members[] = { &r.digest, &r.config_digest, &layer.digest, &layer.diff_id };

		for (size_t k = 0; k < ARRAY_LEN(members); k++) {
			char *kept = *members[k];

			*members[k] = digest;
			assert_int_equal(wire_reply_check(&r, NULL), -EBADMSG);
			*members[k] = kept;
		}
	}
	layer.size = -1;
	assert_int_equal(wire_reply_check(&r, NULL), -EBADMSG);
	layer.size = WIRE_LAYER_MAX + 1;
	assert_int_equal(wire_reply_check(&r, NULL), -EBADMSG);
	layer.size = 0;
	for (size_t i = 0; i <= LAYERS; i++)
		many[i] = layer;
	r.layers = many;
	r.n_layers = LAYERS;
	assert_int_equal(wire_reply_check(&r, NULL), 0);
	r.n_layers = LAYERS + 1;
	assert_int_equal(wire_reply_check(&r, NULL), -EBADMSG);
	r = good;
	r.appc = NULL;
	assert_int_equal(wire_reply_check(&r, NULL), -EBADMSG);
	r = good;
	r.fingerprint = (char[]){ "cosign-../x" };
	assert_int_equal(wire_reply_check(&r, NULL), -EBADMSG);
	free(many);
}

/* --- commands ---------------------------------------------------------------- */

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void commands(void **state)
{
	static const struct { const char *action; size_t n_fds; } good[] = {
		{ "layer", 2 }, { "file", 1 }, { "missing", 0 }, { "version", 0 }, { "done", 0 },
	};
	const int before = open_fds();

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(free) char *action = xstrdup(good[i].action);
		AUTO(wire_command_clear) struct wire_command got = {};
		struct wire_command sent = { action, (int64_t)i };
		int fds[WIRE_COMMAND_FDS];

		assert_int_equal(wire_send_command(pair[0], &sent, pair, good[i].n_fds), 0);
		assert_int_equal(wire_recv_command(pair[1], &got, fds, NULL), 0);
		assert_string_equal(got.action, action);
		assert_int_equal(got.index, i);
		for (size_t k = 0; k < WIRE_COMMAND_FDS; k++) {
			assert_true(k < good[i].n_fds ? fcntl(fds[k], F_GETFD) & FD_CLOEXEC : fds[k] == -1);
			close_auto(&fds[k]);
		}
	}
	assert_int_equal(open_fds(), before);
}

/* Sends text as a document, with descriptors on its first byte and on its third. */
static void send_raw(const char *text, size_t n_first, size_t n_third)
{
	unsigned char head[4] = { 0, 0, 0, (unsigned char)strlen(text) };
	alignas(struct cmsghdr) char control[CMSG_SPACE(32 * sizeof(int))] = {};
	const size_t counts[] = { n_first, n_third };

	for (size_t i = 0; i < 2; i++) {
		struct iovec io = { head + 2 * i, 2 };
		struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
					  .msg_controllen = CMSG_SPACE(counts[i] * sizeof(int)) };

		memset(control, 0, sizeof(control));
		((struct cmsghdr *)control)->cmsg_len = CMSG_LEN(counts[i] * sizeof(int));
		((struct cmsghdr *)control)->cmsg_level = SOL_SOCKET;
		((struct cmsghdr *)control)->cmsg_type = SCM_RIGHTS;
		if (!counts[i])
			message.msg_controllen = 0;
		assert_int_equal(sendmsg(pair[0], &message, 0), 2);
	}
	assert_int_equal(fd_write_all(pair[0], text, strlen(text)), 0);
}

static void hostile_commands(void **state)
{
	static const struct { const char *text; size_t n_first, n_third; int r; } cases[] = {
		{ "{\"action\":\"layer\",\"index\":3}", 1, 1, 0 },	/* in parts, but all there */
		{ "{\"action\":\"layer\",\"index\":3}", 1, 0, -EBADMSG },
		{ "{\"action\":\"layer\",\"index\":3}", 2, 1, -EBADMSG },
		{ "{\"action\":\"layer\",\"index\":3}", 3, 0, -EBADMSG },
		{ "{\"action\":\"layer\",\"index\":3}", 32, 32, -EBADMSG },
		{ "{\"action\":\"layer\",\"index\":-1}", 2, 0, -EBADMSG },
		{ "{\"action\":\"layer\",\"index\":500}", 2, 0, -EBADMSG },
		{ "{\"action\":\"file\"}", 0, 0, -EBADMSG },
		{ "{\"action\":\"missing\"}", 1, 0, -EBADMSG },
		{ "{\"action\":\"sing\"}", 0, 0, -EBADMSG },
		{ "{}", 2, 0, -EBADMSG },
		{ "{", 2, 0, -EBADMSG },
	};
	const int before = open_fds();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(wire_command_clear) struct wire_command got = {};
		int fds[WIRE_COMMAND_FDS];

		send_raw(cases[i].text, cases[i].n_first, cases[i].n_third);
		assert_int_equal(wire_recv_command(pair[1], &got, fds, NULL), cases[i].r);
		for (size_t k = 0; k < WIRE_COMMAND_FDS; k++) {
			assert_int_equal(fds[k] >= 0, cases[i].r == 0);
			close_auto(&fds[k]);
		}
		assert_int_equal(open_fds(), before);
	}
}

/* Descriptors where none may come are not taken, and a cut command leaves none. */
static void stray_descriptors(void **state)
{
	const int before = open_fds();
	AUTO(wire_request_clear) struct wire_request request = {};
	AUTO(wire_command_clear) struct wire_command command = {};
	int fds[WIRE_COMMAND_FDS];

	send_raw("{\"action\":\"keys\"}", 2, 0);
	assert_int_equal(wire_recv_request(pair[1], &request, NULL), 0);
	assert_int_equal(open_fds(), before);
	send_raw("", 2, 0);
	assert_int_equal(wire_recv_command(pair[1], &command, fds, NULL), -EBADMSG);
	assert_int_equal(open_fds(), before);
	close(pair[0]);
	pair[0] = -1;
	assert_int_equal(wire_recv_command(pair[1], &command, fds, NULL), -EPIPE);
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
		WITH_PAIR(too_large), WITH_PAIR(oci_requests), WITH_PAIR(manifests), WITH_PAIR(commands),
		WITH_PAIR(hostile_commands), WITH_PAIR(stray_descriptors), cmocka_unit_test(good_replies),
		cmocka_unit_test(files_of_a_layout), cmocka_unit_test(hostile_strings), cmocka_unit_test(hostile_manifests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
