#include "image/layers.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <zstd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "spec/limits.h"

enum { LAYERS = 6, AT_ONCE = 4, LAYER_LEN = 1 << 20 };
#define TYPE OCI_TYPE_LAYER "+zstd"

/* A source whose layers are zstd of so many times one letter, and which fails at one of them. */
struct fake {
	struct source source;
	char *packed[LAYERS];
	size_t len[LAYERS];
	int fails_at, fails_with;
	pthread_barrier_t *meet;	/* NULL: none; so many must be under way at the same time */
};

static int fake_blob(struct source *s, const struct oci_descriptor *d, const struct blob_sink *sink, struct err *err)
{
	struct fake *f = (struct fake *)s;
	int i = d->digest[0] - 'a';
	size_t done = 0;

	if (f->meet)
		pthread_barrier_wait(f->meet);
	if (f->fails_at == i && f->fails_with)
		return err_set(err, f->fails_with, "no such layer");
	while (done < f->len[i]) {
		size_t n = f->len[i] - done < 7 ? f->len[i] - done : 7;
		int r;

		assert_int_equal(pwrite(sink->fd, f->packed[i] + done, n, (off_t)done), n);
		done += n;
		__atomic_store_n(sink->done, (int64_t)done, __ATOMIC_RELAXED);
		r = sink->grown(sink->arg, (int64_t)done);
		if (r < 0)
			return err_sys(err, r, "stopped");
	}
	return 0;
}

static const struct source_ops fake_ops = { .blob = fake_blob };

static struct fake *fake_new(void)
{
	struct fake *f = xcalloc(1, sizeof(*f));
	AUTO(free) char *text = xmalloc(LAYER_LEN);

	f->source.ops = &fake_ops;
	f->fails_at = -1;
	for (int i = 0; i < LAYERS; i++) {
		memset(text, 'a' + i, LAYER_LEN);
		f->packed[i] = xmalloc(LAYER_LEN);
		f->len[i] = ZSTD_compress(f->packed[i], LAYER_LEN, text, LAYER_LEN, 1);
		assert_false(ZSTD_isError(f->len[i]));
	}
	return f;
}

static void fake_free(struct fake *f)
{
	for (int i = 0; i < LAYERS; i++)
		free(f->packed[i]);
	free(f);
}

static struct oci_document image_of(const struct fake *f)
{
	struct oci_document image = { .kind = OCI_KIND_MANIFEST, .n = LAYERS };

	image.list = xcalloc(LAYERS, sizeof(*image.list));
	for (int i = 0; i < LAYERS; i++) {
		image.list[i].digest = xasprintf("%c", 'a' + i);
		image.list[i].media_type = xstrdup(TYPE);
		image.list[i].size = (int64_t)f->len[i];
	}
	return image;
}

/* --- rkt's side ----------------------------------------------------------------------- */

static int pair[2];

static void tell(const char *action, int64_t index, const int *fds, size_t n)
{
	AUTO(free) char *copy = xstrdup(action);
	struct wire_command c = { copy, index };

	assert_int_equal(wire_send_command(pair[0], &c, fds, n), 0);
}

/* Asks for a layer; what comes out of the pipe is read by a thread. */
struct want {
	int64_t index;
	int pipe_fd;
	pthread_t thread;
	bool ended;
	size_t n_right;		/* bytes that were the right ones */
};

static void *read_pipe(void *arg)
{
	struct want *w = arg;
	char bytes[4096];
	ssize_t n;

	while ((n = read(w->pipe_fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			w->n_right += bytes[i] == 'a' + w->index;
	__atomic_store_n(&w->ended, n == 0, __ATOMIC_RELAXED);
	close(w->pipe_fd);
	return NULL;
}

static struct want *ask(int64_t index)
{
	struct want *w = xcalloc(1, sizeof(*w));	/* not freed where the thread may go on after a failure */
	int fds[2], pipe_fds[2];

	fds[0] = memfd_create("download", MFD_CLOEXEC);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	fds[1] = pipe_fds[1];
	*w = (struct want){ .index = index, .pipe_fd = pipe_fds[0] };
	tell("layer", index, fds, 2);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(pthread_create(&w->thread, NULL, read_pipe, w), 0);
	return w;
}

static void check(struct want *w)
{
	pthread_join(w->thread, NULL);
	assert_true(w->ended);
	assert_int_equal(w->n_right, LAYER_LEN);
	free(w);
}

/* The next "layer". */
static int64_t heard(void)
{
	for (;;) {
		AUTO(wire_reply_clear) struct wire_reply got = {};

		assert_int_equal(wire_recv_reply(pair[0], &got, NULL), 0);
		if (str_eq(got.kind, "layer"))
			return got.index;
		assert_string_equal(got.kind, "progress");
		assert_string_equal(got.label, "Downloading layers");
		assert_true(got.done <= got.total);
	}
}

/* --- rkt-fetch's side ------------------------------------------------------------------- */

struct serving {
	struct fake *fake;
	struct talk *talk;
	pthread_t thread;
	struct err err;
	int r;
};

static void *serve(void *arg)
{
	struct serving *s = arg;
	struct oci_document image = image_of(s->fake);

	s->r = layers_serve(s->talk, &s->fake->source, &image, &s->err);
	return NULL;
}

/* fake NULL: one that does as it should. */
static struct serving *start(struct fake *fake)
{
	struct serving *s = xcalloc(1, sizeof(*s));

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s->fake = fake ?: fake_new();
	s->talk = talk_new(pair[1], false);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	return s;
}

/* After a failure nothing is freed: threads may still be at work with it. */
static void stop(struct serving *s, int r, const char *words)
{
	AUTO(free) char *text = NULL;

	pthread_join(s->thread, NULL);
	assert_int_equal(s->r, r);
	close(pair[0]);
	if (r < 0) {
		text = err_text(&s->err);
		assert_string_equal(text, words);
	} else {
		talk_free(s->talk);
		fake_free(s->fake);
		close(pair[1]);
	}
	err_clear(&s->err);
	if (r >= 0)
		free(s);
}

static void one_after_the_other(void **state)
{
	struct serving *s = start(NULL);

	for (int64_t i = 0; i < LAYERS; i++) {
		struct want *w = ask(i);

		assert_int_equal(heard(), i);
		check(w);
	}
	tell("done", 0, NULL, 0);
	stop(s, 0, NULL);
}

static void at_once(void **state)
{
	struct fake *fake = fake_new();
	struct serving *s;
	pthread_barrier_t meet;
	struct want *w[AT_ONCE];
	unsigned seen = 0;

	pthread_barrier_init(&meet, NULL, AT_ONCE);
	fake->meet = &meet;
	s = start(fake);
	for (int64_t i = 0; i < AT_ONCE; i++)
		w[i] = ask(i + 1);	/* the first one is passed over */
	for (int64_t i = 0; i < AT_ONCE; i++)
		seen |= 1u << heard();
	assert_int_equal(seen, 2 | 4 | 8 | 16);
	for (int64_t i = 0; i < AT_ONCE; i++)
		check(w[i]);
	tell("done", 0, NULL, 0);
	stop(s, 0, NULL);
	pthread_barrier_destroy(&meet);
}

/* "done" waits for what is under way. */
static void done_early(void **state)
{
	struct serving *s = start(NULL);
	struct want *w;

	w = ask(0);
	tell("done", 0, NULL, 0);
	assert_int_equal(heard(), 0);
	check(w);
	stop(s, 0, NULL);
}

static void bad_commands(void **state)
{
	static const int64_t asked[][2] = { { LAYERS, -1 }, { 2, 2 } };

	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		struct serving *s = start(NULL);

		for (int k = 0; k < 2 && asked[i][k] >= 0; k++)
			ask(asked[i][k]);
		stop(s, -EBADMSG, "received a command that makes no sense");
	}
}

static void rkt_gone(void **state)
{
	struct serving *s = start(NULL);

	shutdown(pair[0], SHUT_RDWR);
	stop(s, -EPIPE, "cannot receive a message: Broken pipe");
}

static void download_fails(void **state)
{
	struct fake *fake = fake_new();
	struct serving *s;
	struct want *w;

	fake->fails_at = 3;
	fake->fails_with = -ETIMEDOUT;
	s = start(fake);
	w = ask(3);
	stop(s, -ETIMEDOUT, "no such layer");
	assert_false(__atomic_load_n(&w->ended, __ATOMIC_RELAXED));	/* its reader is to hear of the failure first */
}

static void decompression_fails(void **state)
{
	struct fake *fake = fake_new();
	struct serving *s;
	struct want *w;

	fake->len[2]--;
	s = start(fake);
	w = ask(2);
	pthread_join(s->thread, NULL);
	assert_int_equal(s->r, -ERR_BAD_INPUT);
	assert_string_equal(s->err.chain[0], "cannot decompress layer 'c'");
	assert_true(str_starts(s->err.chain[1], "zstd data is truncated at offset "));
	assert_false(__atomic_load_n(&w->ended, __ATOMIC_RELAXED));
	err_clear(&s->err);
	close(pair[0]);
}

static void too_much(void **state)
{
	struct fake *fake = fake_new();
	struct serving *s;

	limits_set(&(struct limits){ .unpacked_bytes = 3 * LAYER_LEN });
	s = start(fake);
	for (int64_t i = 0; i < 3; i++) {
		ask(i);
		assert_int_equal(heard(), i);
	}
	ask(3);
	stop(s, -E2BIG, "cannot decompress layer 'd': the image unpacks to more than the limit "
	     "unpacked-bytes (3MiB; limits.d)");
	limits_set(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_after_the_other), cmocka_unit_test(at_once), cmocka_unit_test(done_early),
		cmocka_unit_test(bad_commands), cmocka_unit_test(rkt_gone), cmocka_unit_test(download_fails),
		cmocka_unit_test(decompression_fails), cmocka_unit_test(too_much),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fflush(stdout);
	_exit(failed);	/* as rkt-fetch: threads may be left */
}
