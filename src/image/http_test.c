#include "image/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "spec/limits.h"

/* --- a server on loopback that says what it was told to, one connection after the other --------------- */

enum { SCRIPT_MAX = 8 };

struct server {
	int fd;
	int port;
	const char *script[SCRIPT_MAX];	/* answers in turn, the last for ever; "": hangs up */
	size_t n_asked;
	char *asked[SCRIPT_MAX * 4];	/* the requests */
	pthread_t thread;
};

static void serve_one(struct server *s, int fd)
{
	AUTO(buf_clear) struct buf request = {};
	const char *answer = "";
	size_t len = 1;
	char c;

	while (!(request.len >= 4 && memcmp(request.data + request.len - 4, "\r\n\r\n", 4) == 0)) {
		if (fd_read_upto(fd, &c, 1, &len) < 0 || !len)
			return;
		buf_addc(&request, c);
	}
	for (size_t i = 0; i <= s->n_asked && i < SCRIPT_MAX && s->script[i]; i++)
		answer = s->script[i];
	s->asked[s->n_asked++] = buf_steal(&request);
	(void)fd_write_all(fd, answer, strlen(answer));
}

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve_one(s, fd);
		close(fd);
	}
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (size_t i = 0; i < s->n_asked; i++)
		free(s->asked[i]);
	*s = (struct server){};
}

static void assert_asked(const struct server *s, size_t i, const char *line)
{
	AUTO(free) char *whole = xasprintf("\r\n%s\r\n", line);

	assert_true(i < s->n_asked);
	if (!strstr(s->asked[i], whole))
		fail_msg("request %zu does not have '%s': %s", i, line, s->asked[i]);
}

static void assert_not_asked(const struct server *s, size_t i, const char *field)
{
	AUTO(free) char *line = xasprintf("\r\n%s:", field);

	assert_true(i < s->n_asked);
	assert_null(strcasestr(s->asked[i], line));
}

/* --- one GET ----------------------------------------------------------------------------------------- */

/* A body of three overlaps. */
enum { SIZE = 3 * HTTP_OVERLAP };
static char body[SIZE + 1];

struct seen {
	int versions, fail_with;
	int64_t from;
	struct buf data;
};

static int on_version(void *arg, const struct http_answer *a, int64_t from, struct err *err)
{
	struct seen *seen = arg;

	assert_non_null(a->url);
	seen->versions++;
	seen->from = from;
	seen->data.len = 0;
	return seen->fail_with ? err_set(err, seen->fail_with, "no such version") : 0;
}

static int on_data(void *arg, const void *data, size_t len)
{
	struct seen *seen = arg;

	buf_add(&seen->data, data, len);
	return 0;
}

struct test {
	struct server server, other;
	struct http *http;
	struct seen seen;
	struct http_answer answer;
	struct err err;
	char *url;
	int fd;
	char **answers;		/* to be freed */
	struct http_get get;
};

static int set_up(void **state)
{
	struct test *t = xcalloc(1, sizeof(*t));

	for (size_t i = 0; i < SIZE; i++)
		body[i] = (char)('a' + i % 23);
	server_start(&t->server);
	server_start(&t->other);
	t->url = xasprintf("http://127.0.0.1:%d/x", t->server.port);
	t->fd = memfd_create("body", MFD_CLOEXEC);
	limits_set(&(struct limits){ .stall_seconds = 2 });
	assert_int_equal(http_new(&(struct http_config){ .wait_ms = 1 }, &t->http, NULL), 0);
	t->get = (struct http_get){ .url = t->url, .kind = "image", .max = 1 << 20, .fd = t->fd, .tries = 3,
				    .on_version = on_version, .on_version_arg = &t->seen, .on_data = on_data,
				    .on_data_arg = &t->seen, .answer = &t->answer };
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct test *t = *state;

	server_stop(&t->server);
	server_stop(&t->other);
	http_free(t->http);
	http_answer_clear(&t->answer);
	err_clear(&t->err);
	buf_clear(&t->seen.data);
	close(t->fd);
	strv_free(t->answers);
	free(t->url);
	free(t);
	return 0;
}

static int run(struct test *t) { return http_get(t->http, &t->get, NULL, &t->err); }

/* What fd holds already: n bytes of the body. */
static void hold(struct test *t, int64_t n, const char *version)
{
	assert_int_equal(ftruncate(t->fd, 0), 0);
	assert_int_equal(pwrite(t->fd, body, (size_t)n, 0), n);
	t->get.from = n;
	t->get.if_range = version;
}

static void assert_whole(struct test *t)
{
	char got[SIZE + 2];

	assert_int_equal(pread(t->fd, got, sizeof(got), 0), SIZE);
	assert_memory_equal(got, body, SIZE);
}

static void assert_failed(struct test *t, int r, int want, const char *words)
{
	AUTO(free) char *text = err_text(&t->err);

	assert_int_equal(r, want);
	if (!strstr(text, words))
		fail_msg("no '%s' in: %s", words, text);
}

/* The server may still be at it when the client has all that it wants. */
static const char *lasting(struct test *t, char *text)
{
	strv_take(&t->answers, text);
	return text;
}

/* An answer with the body from byte "from" on; cut: so many bytes of it are missing. */
static const char *answer(struct test *t, const char *head, int from, int cut)
{
	return lasting(t, xasprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%.*s", head, SIZE - from,
				    SIZE - from - cut, body + from));
}

#define ETAG "\r\nETag: \"v1\""
#define RANGE(from) "206 Partial Content\r\nContent-Range: bytes " #from "-12287/12288"

/* --- tests ---------------------------------------------------------------------------------------------- */

static void redirects(void **state)
{
	AUTO(err_clear) struct err err = {};

	assert_int_equal(http_redirect_check("https://a/", "https://b/", false, NULL), 0);
	assert_int_equal(http_redirect_check("http://a/", "https://b/", false, NULL), 0);
	assert_int_equal(http_redirect_check("http://a/", "http://b/", false, NULL), 0);
	assert_int_equal(http_redirect_check("https://a/", "http://b/", true, NULL), 0);
	assert_int_equal(http_redirect_check("HTTPS://a/", "http://b/", false, &err), -EPROTO);
	assert_string_equal(err.chain[0], "redirect to insecure http: 'http://b/'");
	assert_int_equal(http_redirect_check("http://a/", "file:///etc/passwd", true, &err), -EPROTO);
	assert_string_equal(err.chain[0], "redirect to 'file:///etc/passwd', which is neither http nor https");
}

static void shown(void **state)
{
	static const struct { const char *url, *shown; } cases[] = {
		{ "https://a.com/x", "https://a.com/x" }, { "https://a.com/x?sig=s3cret#y", "https://a.com/x?…" },
		{ "https://a.com#s3cret", "https://a.com?…" }, { "", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *text = http_url_shown(cases[i].url);

		assert_string_equal(text, cases[i].shown);
	}
}

static void loopback(void **state)
{
	static const struct { const char *url; bool own; } urls[] = {
		{ "https://localhost/x", true }, { "http://127.0.0.1:80/", true }, { "https://127.9.9.9", true },
		{ "https://[::1]:443/", true }, { "https://LOCALHOST:1/", true },
		{ "https://127.0.0.1.example.com/", false }, { "https://example.com/localhost", false },
		{ "https://localhost@example.com/", false }, { "nonsense", false }, { "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		assert_int_equal(http_url_is_loopback(urls[i].url), urls[i].own);
}

static void origins(void **state)
{
	static const struct { const char *a, *b; bool same; } urls[] = {
		{ "https://a.com/x", "HTTPS://A.com:443/y?z", true },
		{ "http://a.com/", "http://a.com:80", true },
		{ "https://a.com/", "http://a.com/", false },
		{ "https://a.com/", "https://a.com:444/", false },
		{ "https://a.com/", "https://a.com.b.com/", false },
		{ "https://a.com/", "https://a.com@b.com/", false },
		{ "https://user@a.com/", "https://a.com/", true },
		{ "nonsense::", "nonsense::", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		assert_int_equal(http_url_same_origin(urls[i].a, urls[i].b), urls[i].same);
}

static void links(void **state)
{
	static const struct { const char *link, *next; } cases[] = {
		{ NULL, NULL }, { "", NULL }, { "</v2/x?n=2>", NULL }, { "</v2/x?n=2>; rel=\"prev\"", NULL },
		{ "</v2/x?n=2>; rel=\"next\"", "https://a.com:1/v2/x?n=2" },
		{ "</v2/x>; REL=next", "https://a.com:1/v2/x" },
		{ "<y>; rel=\"first\", <z?last=b,c>; title=\"a\"; rel=\"next\"", "https://a.com:1/v2/w/z?last=b,c" },
		{ "<../../../x>; rel=\"next\"", "https://a.com:1/x" },
		{ "<https://b.com/x>; rel=\"next\"", "https://b.com/x" },
		{ "</v2/x; rel=\"next\"", NULL }, { "rel=\"next\"", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_answer a = { .url = (char[]){ "https://a.com:1/v2/w/list?n=1" }, .link = xstrdup(cases[i].link) };
		AUTO(free) char *next = http_url_next(&a);

		assert_true(str_eq(next, cases[i].next));
		free(a.link);
	}
}

static void only_http(void **state)
{
	struct test *t = *state;

	t->get.url = "file:///etc/passwd";
	assert_failed(t, run(t), -EPROTO, "cannot get file:///etc/passwd: only http and https are supported");
	assert_int_equal(t->seen.versions, 0);
}

static void whole(void **state)
{
	struct test *t = *state;

	t->server.script[0] = answer(t, "200 OK" ETAG "\r\nContent-Type: a/b\r\nCache-Control: max-age=5", 0, 0);
	t->get.accept = "a/b, c/d";
	assert_int_equal(run(t), 0);
	assert_whole(t);
	assert_int_equal(t->seen.versions, 1);
	assert_int_equal(t->seen.data.len, SIZE);
	assert_asked(&t->server, 0, "Accept: a/b, c/d");
	assert_not_asked(&t->server, 0, "Range");
	assert_not_asked(&t->server, 0, "Authorization");
	assert_int_equal(t->answer.status, 200);
	assert_string_equal(t->answer.url, t->url);
	assert_string_equal(t->answer.content_type, "a/b");
	assert_string_equal(t->answer.etag, "\"v1\"");
	assert_int_equal(t->answer.max_age, 5);
}

static void into_memory(void **state)
{
	struct test *t = *state;
	AUTO(buf_clear) struct buf b = {};

	buf_adds(&b, "before ");
	t->get.fd = -1;
	t->get.body = &b;
	t->server.script[0] = answer(t, "200 OK" ETAG, 0, 1);
	t->server.script[1] = answer(t, "200 OK", 0, 0);
	assert_int_equal(run(t), 0);
	assert_int_equal(b.len, 7 + SIZE);
	assert_memory_equal(b.data + 7, body, SIZE);
	assert_not_asked(&t->server, 1, "Range");
}

/* Whoever the first server sends us to does not learn what is for that one alone. */
static void authorization_stays(void **state)
{
	struct test *t = *state;
	t->server.script[0] = lasting(t, xasprintf("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/y\r\n\r\n",
						   t->other.port));
	t->server.script[1] = answer(t, "200 OK", 0, 0);
	t->other.script[0] = lasting(t, xasprintf("HTTP/1.1 307 Found\r\nLocation: %s\r\n\r\n", t->url));
	t->get.authorization = "Bearer secret";
	assert_int_equal(run(t), 0);
	assert_asked(&t->server, 0, "Authorization: Bearer secret");
	assert_not_asked(&t->other, 0, "Authorization");
	assert_asked(&t->server, 1, "Authorization: Bearer secret");
}

static void one_line_each(void **state)
{
	struct test *t = *state;

	t->get.authorization = "Bearer x\r\nX-Evil: y";
	assert_failed(t, run(t), -EINVAL, "control character");
	assert_int_equal(t->server.n_asked, 0);
}

static void refusals(void **state)
{
	static const struct { const char *status; int r; } cases[] = {
		{ "401 No", -EACCES }, { "403 No", -EACCES }, { "404 No", -ERR_NOT_FOUND }, { "410 No", -ERR_NOT_FOUND },
		{ "202 Later", -EPROTO }, { "204 Empty", -EPROTO }, { "304 Not Modified", -EPROTO }, { "418 No", -EPROTO },
		{ "501 No", -EPROTO }, { "300 Many", -EPROTO }, { "416 No", -EPROTO },
	};
	struct test *t = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *challenge = xasprintf("Bearer realm=\"%zu\"", i);
		AUTO(free) char *words = xasprintf("bad HTTP status code: %.3s", cases[i].status);

		t->server.script[0] = lasting(t, xasprintf("HTTP/1.1 %s\r\nWWW-Authenticate: Bearer realm=\"%zu\"\r\n"
							   "Content-Length: 0\r\n\r\n", cases[i].status, i));
		assert_failed(t, run(t), cases[i].r, words);
		assert_string_equal(t->answer.challenge, challenge);
		assert_string_equal(t->answer.url, t->url);
		assert_int_equal(t->server.n_asked, i + 1);
		err_clear(&t->err);
	}
	assert_int_equal(t->seen.versions, 0);
}

/* However long the page that says so. */
static void long_refusal(void **state)
{
	struct test *t = *state;

	t->server.script[0] = lasting(t, xasprintf("HTTP/1.1 404 No\r\n\r\n%0200000d", 0));
	assert_failed(t, run(t), -ERR_NOT_FOUND, "404");
}

static void conditional(void **state)
{
	struct test *t = *state;

	t->server.script[0] = "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=7\r\nETag: \"v1\"\r\n\r\n";
	t->get.if_none_match = "\"v1\"";
	t->get.if_modified_since = "Sun, 06 Nov 1994 08:49:37 GMT";
	assert_int_equal(run(t), 304);
	assert_asked(&t->server, 0, "If-None-Match: \"v1\"");
	assert_asked(&t->server, 0, "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT");
	assert_int_equal(t->answer.max_age, 7);
	assert_int_equal(t->seen.versions, 0);
}

static void accepted(void **state)
{
	struct test *t = *state;

	t->server.script[0] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
	t->get.accept_202 = true;
	assert_int_equal(run(t), 202);
}

static void goes_on(void **state)
{
	struct test *t = *state;

	hold(t, SIZE - 100, "\"v1\"");
	t->server.script[0] = answer(t, RANGE(8092) ETAG, 8092, 0);
	assert_int_equal(run(t), 0);
	assert_whole(t);
	assert_asked(&t->server, 0, "Range: bytes=8092-");
	assert_asked(&t->server, 0, "If-Range: \"v1\"");
	assert_int_equal(t->seen.from, SIZE - 100);
	assert_int_equal(t->seen.data.len, 100);
	assert_int_equal(t->server.n_asked, 1);
}

/* Whoever was killed after the last byte need not fetch anything but the end once more. */
static void was_whole(void **state)
{
	struct test *t = *state;

	hold(t, SIZE, "\"v1\"");
	t->server.script[0] = answer(t, RANGE(8192), 8192, 0);
	assert_int_equal(run(t), 0);
	assert_whole(t);
	assert_int_equal(t->seen.versions, 1);
	assert_int_equal(t->seen.from, SIZE);
	assert_int_equal(t->seen.data.len, 0);
}

static void under_any_version(void **state)
{
	struct test *t = *state;

	hold(t, 5000, NULL);
	t->get.fixed = true;
	t->server.script[0] = answer(t, RANGE(904) ETAG, 904, 0);
	assert_int_equal(run(t), 0);
	assert_whole(t);
	assert_asked(&t->server, 0, "Range: bytes=904-");
	assert_not_asked(&t->server, 0, "If-Range");
}

static void nothing_to_go_on_with(void **state)
{
	struct test *t = *state;

	t->server.script[0] = answer(t, "200 OK", 0, 0);
	hold(t, 5000, NULL);	/* of which version? */
	assert_int_equal(run(t), 0);
	hold(t, HTTP_OVERLAP, "\"v1\"");	/* too little */
	assert_int_equal(run(t), 0);
	assert_whole(t);
	for (size_t i = 0; i < 2; i++)
		assert_not_asked(&t->server, i, "Range");
}

/* Another version, or a server that knows no ranges. */
static void all_of_it_instead(void **state)
{
	struct test *t = *state;

	hold(t, SIZE - 1, "\"v0\"");
	assert_int_equal(ftruncate(t->fd, 2 * SIZE), 0);
	t->server.script[0] = answer(t, "200 OK" ETAG, 0, 0);
	assert_int_equal(run(t), 0);
	assert_whole(t);
	assert_int_equal(t->seen.from, 0);
	assert_int_equal(t->server.n_asked, 1);
}

static void wrong_ranges(void **state)
{
	static const char short_one[] = "HTTP/1.1 " RANGE(904) "\r\nContent-Length: 3\r\n\r\nabc";
	struct test *t = *state;
	const char *const wrong[] = {
		answer(t, RANGE(0), 0, 0), answer(t, RANGE(905), 905, 0), answer(t, RANGE(904) "\r\nETag: \"v2\"", 904, 0),
		answer(t, "206 Partial Content", 904, 0), answer(t, RANGE(904), 905, 0),
		answer(t, "206 Partial Content\r\nContent-Range: bytes 904-12287/*", 904, 0),
		answer(t, "206 Partial Content\r\nContent-Range: bytes 904-999/1000", 904, 0),
		answer(t, "416 No\r\nContent-Range: bytes */10", 904, 0), short_one,
	};

	t->server.script[1] = answer(t, "200 OK", 0, 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		t->seen.versions = 0;
		t->server.script[0] = wrong[i];
		hold(t, 5000, "\"v1\"");
		assert_int_equal(run(t), 0);
		assert_whole(t);
		assert_int_equal(t->seen.versions, 1);
		assert_int_equal(t->seen.data.len, SIZE);
		assert_int_equal(t->server.n_asked, 2);
		assert_not_asked(&t->server, 1, "Range");
		free(t->server.asked[0]);
		free(t->server.asked[1]);
		t->server.n_asked = 0;
	}
}

static void wrong_range_for_ever(void **state)
{
	struct test *t = *state;

	hold(t, 5000, "\"v1\"");
	t->server.script[0] = answer(t, RANGE(0), 0, 0);
	assert_failed(t, run(t), -EPROTO, "206, without having been asked");
	assert_int_equal(t->server.n_asked, 2);
}

static void range_unasked(void **state)
{
	struct test *t = *state;

	t->server.script[0] = answer(t, RANGE(0), 0, 0);
	assert_failed(t, run(t), -EPROTO, "206, without having been asked");
	assert_int_equal(t->server.n_asked, 1);
}

static void broken(void **state)
{
	struct test *t = *state;

	t->server.script[0] = answer(t, "200 OK" ETAG, 0, 100);
	t->server.script[1] = "";
	t->server.script[2] = answer(t, RANGE(8092), 8092, 0);
	assert_int_equal(run(t), 0);
	assert_whole(t);
	for (size_t i = 1; i < 3; i++) {
		assert_asked(&t->server, i, "Range: bytes=8092-");
		assert_asked(&t->server, i, "If-Range: \"v1\"");
	}
	assert_int_equal(t->seen.versions, 2);
	assert_int_equal(t->seen.from, SIZE - 100);
}

static void broken_without_version(void **state)
{
	struct test *t = *state;

	t->server.script[0] = answer(t, "200 OK", 0, 100);
	t->server.script[1] = answer(t, "200 OK", 0, 0);
	assert_int_equal(run(t), 0);
	assert_whole(t);
	assert_not_asked(&t->server, 1, "Range");
}

static void broken_for_ever(void **state)
{
	struct test *t = *state;

	t->server.script[0] = answer(t, "200 OK", 0, 100);
	assert_failed(t, run(t), -EPROTO, "after 3 tries: the answer ends before its end");
	assert_int_equal(t->server.n_asked, 3);
	t->get.tries = 0;
	assert_failed(t, run(t), -EPROTO, "the answer ends before its end");
	assert_int_equal(t->server.n_asked, 4);
}

/* Part of the rest, and then the rest of the rest. */
static void by_pieces(void **state)
{
	struct test *t = *state;

	hold(t, 5000, "\"v1\"");
	t->server.script[0] = lasting(t, xasprintf("HTTP/1.1 206 Partial Content\r\n"
						   "Content-Range: bytes 904-9999/12288\r\n"
						   "Content-Length: 9096\r\n\r\n%.9096s", body + 904));
	t->server.script[1] = answer(t, RANGE(5904), 5904, 0);
	assert_int_equal(run(t), 0);
	assert_whole(t);
	assert_asked(&t->server, 1, "Range: bytes=5904-");
}

static void busy(void **state)
{
	struct test *t = *state;

	t->server.script[0] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
	t->server.script[1] = "HTTP/1.1 429 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
	t->server.script[2] = answer(t, "200 OK", 0, 0);
	assert_int_equal(run(t), 0);
	assert_whole(t);
}

static void busy_for_ever(void **state)
{
	struct test *t = *state;

	t->server.script[0] = "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n";
	assert_failed(t, run(t), -EAGAIN, "after 3 tries: bad HTTP status code: 500");
	assert_int_equal(t->server.n_asked, 3);
}

static void busy_for_an_hour(void **state)
{
	struct test *t = *state;

	t->server.script[0] = "HTTP/1.1 429 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
	assert_failed(t, run(t), -EAGAIN, "bad HTTP status code: 429, to be asked again in 3600 seconds");
	assert_int_equal(t->server.n_asked, 1);
}

/* Whoever never answered is not waited for. */
static void unreachable(void **state)
{
	struct test *t = *state;

	t->get.url = "http://127.0.0.1:1/x";
	assert_failed(t, run(t), -ECONNREFUSED, "cannot get http://127.0.0.1:1/x: F");
}

static void unwanted_version(void **state)
{
	struct test *t = *state;

	t->seen.fail_with = -ESTALE;
	t->server.script[0] = answer(t, "200 OK", 0, 0);
	assert_failed(t, run(t), -ESTALE, "no such version");
	assert_int_equal(t->server.n_asked, 1);
	assert_int_equal(lseek(t->fd, 0, SEEK_END), 0);
}

static void empty(void **state)
{
	struct test *t = *state;

	hold(t, 100, NULL);
	t->server.script[0] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	assert_int_equal(run(t), 0);
	assert_int_equal(lseek(t->fd, 0, SEEK_END), 0);
	assert_int_equal(t->seen.versions, 1);
}

static void too_large(void **state)
{
	struct test *t = *state;

	t->get.max = SIZE - 1;
	t->server.script[0] = answer(t, "200 OK", 0, 0);
	assert_failed(t, run(t), -E2BIG, "the image is larger than 12287 bytes");
	assert_int_equal(t->seen.versions, 0);
	t->server.script[0] = lasting(t, xasprintf("HTTP/1.1 200 OK\r\n\r\n%s", body));
	assert_failed(t, run(t), -E2BIG, "the image is larger than 12287 bytes");
	t->get.need_length = true;
	assert_failed(t, run(t), -EPROTO, "does not say how long the image is");
	assert_int_equal(t->server.n_asked, 3);
}

static void encoded(void **state)
{
	struct test *t = *state;

	t->server.script[0] = answer(t, "200 OK\r\nContent-Encoding: br", 0, 0);
	assert_failed(t, run(t), -EPROTO, "unexpected content encoding 'br'");
}

static void header_too_large(void **state)
{
	struct test *t = *state;

	t->server.script[0] = lasting(t, xasprintf("HTTP/1.1 200 OK\r\nX: %070000d\r\n\r\n", 0));
	assert_failed(t, run(t), -E2BIG, "the answer's header is larger than the limit header-bytes (64KiB; limits.d)");
}

static void *get_alone(void *arg)
{
	struct test *t = arg;
	AUTO(http_free) struct http *http = NULL;
	AUTO(buf_clear) struct buf b = {};
	struct http_get get = { .url = t->url, .kind = "layer", .max = 1 << 20, .fd = -1, .body = &b };
	bool good = http_new(&(struct http_config){}, &http, NULL) == 0 && http_get(http, &get, NULL, NULL) == 0;

	return good && b.len == SIZE ? arg : NULL;
}

static void threads(void **state)
{
	struct test *t = *state;
	pthread_t list[4];
	void *result;

	t->server.script[0] = answer(t, "200 OK", 0, 0);
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		assert_int_equal(pthread_create(&list[i], NULL, get_alone, t), 0);
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		assert_int_equal(pthread_join(list[i], &result), 0);
		assert_ptr_equal(result, t);
	}
}

#define SERVED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redirects), cmocka_unit_test(loopback), cmocka_unit_test(shown), cmocka_unit_test(origins),
		cmocka_unit_test(links),
		SERVED(only_http), SERVED(whole), SERVED(into_memory), SERVED(authorization_stays), SERVED(one_line_each),
		SERVED(refusals), SERVED(long_refusal), SERVED(conditional), SERVED(accepted), SERVED(goes_on),
		SERVED(was_whole), SERVED(under_any_version), SERVED(nothing_to_go_on_with), SERVED(all_of_it_instead),
		SERVED(wrong_ranges), SERVED(wrong_range_for_ever), SERVED(range_unasked), SERVED(broken),
		SERVED(broken_without_version), SERVED(broken_for_ever), SERVED(by_pieces), SERVED(busy),
		SERVED(busy_for_ever), SERVED(busy_for_an_hour), SERVED(unreachable), SERVED(unwanted_version),
		SERVED(empty), SERVED(too_large), SERVED(encoded), SERVED(header_too_large), SERVED(threads),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
