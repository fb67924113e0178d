#include "image/layers.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "image/decompress.h"
#include "spec/limits.h"

enum { PROGRESS_MS = 100, STREAM_ROOM = 1 << 20, STACK_ROOM = 512 << 10 };

struct server;

/* One layer: asked for by a command, or not. */
struct layer {
	struct server *server;
	const struct oci_descriptor *d;
	bool asked;
	int64_t index;
	int fd, pipe_fd;
	pthread_t thread;
	int64_t done;			/* atomic: so much is downloaded */

	pthread_mutex_t lock;		/* of what follows: between the thread that downloads and the other */
	pthread_cond_t grown;
	int64_t size;			/* so much may be decompressed */
	bool is_whole;			/* and that is all of it, verified */
	bool is_given_up;		/* one of the two has failed */
	int64_t at;			/* what is decompressed next; of that thread alone */
};

struct server {
	struct talk *talk;
	struct source *source;
	struct oci_document image;
	struct layer *layers;
	size_t n;
	int64_t told_done, told_total;
	bool is_over;			/* rkt has all that it wants */
	struct decompress_memory memory;
	int64_t written;		/* atomic: by all layers */

	pthread_mutex_t lock;		/* of what follows */
	size_t n_running;
	int failed;			/* 0: nothing has */
	struct err why;
};

/* --- what one layer's two threads do ------------------------------------------------------ */

static void give_up(struct layer *l)
{
	pthread_mutex_lock(&l->lock);
	l->is_given_up = true;
	pthread_cond_signal(&l->grown);
	pthread_mutex_unlock(&l->lock);
}

/* So much more has come. */
static int on_grown(void *arg, int64_t size)
{
	struct layer *l = arg;
	bool is_given_up;

	pthread_mutex_lock(&l->lock);
	l->size = size;
	is_given_up = l->is_given_up;
	pthread_cond_signal(&l->grown);
	pthread_mutex_unlock(&l->lock);
	return is_given_up ? -ECANCELED : 0;
}

/* Waits until len bytes have come, or all. */
static int wait_for(struct layer *l, size_t len, size_t *ret_len)
{
	int64_t ready;
	bool is_given_up;

	pthread_mutex_lock(&l->lock);
	while (l->size - l->at < (int64_t)len && !l->is_whole && !l->is_given_up)
		pthread_cond_wait(&l->grown, &l->lock);
	ready = l->size - l->at;
	is_given_up = l->is_given_up;
	pthread_mutex_unlock(&l->lock);
	*ret_len = ready < (int64_t)len ? (size_t)ready : len;
	return is_given_up ? -ECANCELED : 0;
}

static int read_grown(void *arg, void *data, size_t len, size_t *ret_len)
{
	struct layer *l = arg;
	size_t ready = 0;
	int r = wait_for(l, len, &ready);

	*ret_len = 0;
	while (r >= 0 && *ret_len < ready) {
		ssize_t n = pread(l->fd, (char *)data + *ret_len, ready - *ret_len, l->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		*ret_len += (size_t)n;
		l->at += n;
	}
	return r;
}

/* The other thread, and what came of it. */
struct decompression {
	struct layer *layer;
	pthread_t thread;
	struct err err;
	int r;
};

static void *run_decompression(void *arg)
{
	struct decompression *d = arg;
	struct layer *l = d->layer;
	struct decompress_input input = {
		.read = read_grown, .arg = l, .what = "layer", .format = oci_layer_format(l->d->media_type),
		.written = &l->server->written, .memory = &l->server->memory,
	};

	(void)fcntl(l->pipe_fd, F_SETPIPE_SZ, STREAM_ROOM);	/* for speed alone */
	d->r = decompress_from(&input, l->pipe_fd, &d->err);
	if (d->r < 0)
		give_up(l);
	return NULL;
}

static int start_thread(pthread_t *ret, void *(*run)(void *arg), void *arg, struct err *err)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_ROOM);
	r = -pthread_create(ret, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return r < 0 ? err_sys(err, r, "cannot start a thread") : 0;
}

static int download(struct layer *l, struct err *err)
{
	struct blob_sink sink = { .fd = l->fd, .grown = on_grown, .arg = l, .done = &l->done };
	int r = l->server->source->ops->blob(l->server->source, l->d, &sink, err);

	if (r < 0) {
		give_up(l);
		return r;
	}
	pthread_mutex_lock(&l->lock);
	l->is_whole = true;
	pthread_cond_signal(&l->grown);
	pthread_mutex_unlock(&l->lock);
	return 0;
}

/* What went wrong first is what is told: the other thread was only stopped by it. */
static int get_layer(struct layer *l, struct err *err)
{
	struct decompression d = { .layer = l };
	int r = start_thread(&d.thread, run_decompression, &d, err);

	if (r < 0)
		return r;
	r = download(l, err);
	pthread_join(d.thread, NULL);
	if (d.r < 0 && (r >= 0 || r == -ECANCELED)) {
		if (err) {
			err_clear(err);
			*err = d.err;
			d.err = (struct err){};
		}
		r = err_wrap(err, d.r, "cannot decompress layer '%s'", l->d->digest);
	}
	err_clear(&d.err);
	return r;
}

/* rkt may send its next command as soon as it hears of this one: the place is free before. */
static void end_layer(struct layer *l, int r, struct err *why)
{
	struct server *s = l->server;
	struct wire_reply reply = { .kind = (char[]){ "layer" }, .index = l->index };

	if (r >= 0) {
		close(TAKE_FD(l->pipe_fd));
		close(TAKE_FD(l->fd));
	}
	pthread_mutex_lock(&s->lock);
	s->n_running--;
	if (r < 0 && !s->failed) {
		s->failed = r;
		s->why = *why;
		*why = (struct err){};
	}
	pthread_mutex_unlock(&s->lock);
	if (r >= 0)
		(void)talk_reply(s->talk, &reply);	/* a gone rkt is met at the next command */
}

static void *run_layer(void *arg)
{
	AUTO(err_clear) struct err err = {};
	int r = get_layer(arg, &err);

	end_layer(arg, r, &err);
	return NULL;
}

/* --- commands --------------------------------------------------------------------------- */

static int start_layer(struct server *s, int64_t index, const int fds[WIRE_COMMAND_FDS], struct err *err)
{
	struct layer *l = index >= 0 && index < (int64_t)s->n ? &s->layers[index] : NULL;
	bool is_free;

	pthread_mutex_lock(&s->lock);
	is_free = l && !l->asked && (int64_t)s->n_running < limits()->parallel_downloads;
	s->n_running += is_free;
	pthread_mutex_unlock(&s->lock);
	if (!is_free) {
		for (size_t i = 0; i < WIRE_COMMAND_FDS; i++)
			close_auto(&(int){ fds[i] });
		return err_set(err, -EBADMSG, "received a command that makes no sense");
	}
	l->asked = true;
	l->fd = fds[0];
	l->pipe_fd = fds[1];
	return start_thread(&l->thread, run_layer, l, err);
}

/* What may still be asked for counts; rkt asks for layers in their order, and has those that it passed over. */
static int64_t total_size(const struct server *s)
{
	size_t next = s->n;
	int64_t total = 0;

	while (!s->is_over && next && !s->layers[next - 1].asked)
		next--;
	for (size_t i = 0; i < s->n; i++)
		if (s->layers[i].asked || i >= next)
			total += s->layers[i].d->size;
	return total;
}

static int tell_progress(struct server *s)
{
	struct wire_reply reply = { .kind = (char[]){ "progress" }, .label = (char[]){ "Downloading layers" },
				    .total = total_size(s) };

	for (size_t i = 0; i < s->n; i++)
		reply.done += __atomic_load_n(&s->layers[i].done, __ATOMIC_RELAXED);
	if (!reply.done || (reply.done == s->told_done && reply.total == s->told_total))
		return 0;
	s->told_done = reply.done;
	s->told_total = reply.total;
	return talk_reply(s->talk, &reply);
}

static int failure(struct server *s, struct err *err)
{
	int r;

	pthread_mutex_lock(&s->lock);
	r = s->failed;
	if (r && err) {
		err_clear(err);
		*err = s->why;
		s->why = (struct err){};
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* One command, if one comes soon. 0: it was "done". */
static int take_command(struct server *s, struct err *err)
{
	AUTO(wire_command_clear) struct wire_command c = {};
	int fds[WIRE_COMMAND_FDS] = { -1, -1 };
	int r = talk_command(s->talk, PROGRESS_MS, &c, fds, err);

	if (r <= 0)
		return r < 0 ? r : 1;
	if (str_eq(c.action, "done"))
		return 0;
	r = start_layer(s, str_eq(c.action, "layer") ? c.index : -1, fds, err);
	return r < 0 ? r : 1;
}

static int take_commands(struct server *s, struct err *err)
{
	int r;

	do {
		r = take_command(s, err);
		if (r >= 0 && tell_progress(s) < 0)
			r = err_set(err, -EPIPE, "rkt is gone");
	} while (r > 0 && !failure(s, NULL));
	return failure(s, NULL) ? failure(s, err) : r;
}

/* --- all of it -------------------------------------------------------------------------- */

static struct server *server_new(struct talk *talk, struct source *source, struct oci_document *image)
{
	struct server *s = xcalloc(1, sizeof(*s));

	*s = (struct server){
		.talk = talk, .source = source, .image = *image, .n = image->n,
		.memory = DECOMPRESS_MEMORY,
	};
	*image = (struct oci_document){};
	pthread_mutex_init(&s->lock, NULL);
	s->layers = xcalloc(s->n + 1, sizeof(*s->layers));
	for (size_t i = 0; i < s->n; i++) {
		struct layer *l = &s->layers[i];

		*l = (struct layer){
			.server = s, .d = &s->image.list[i], .index = (int64_t)i, .fd = -1, .pipe_fd = -1,
		};
		pthread_mutex_init(&l->lock, NULL);
		pthread_cond_init(&l->grown, NULL);
	}
	return s;
}

/* Once no thread is left. */
static void server_free(struct server *s)
{
	for (size_t i = 0; i < s->n; i++) {
		pthread_cond_destroy(&s->layers[i].grown);
		pthread_mutex_destroy(&s->layers[i].lock);
	}
	pthread_mutex_destroy(&s->lock);
	oci_document_clear(&s->image);
	err_clear(&s->why);
	free(s->layers);
	free(s);
}

int layers_serve(struct talk *talk, struct source *source, struct oci_document *image, struct err *err)
{
	struct server *s = server_new(talk, source, image);
	int r = take_commands(s, err);

	for (size_t i = 0; r >= 0 && i < s->n; i++)
		if (s->layers[i].asked)
			pthread_join(s->layers[i].thread, NULL);
	if (r >= 0)
		r = failure(s, err);
	if (r < 0) {
		talk_mute(talk);
		return r;
	}
	s->is_over = true;
	(void)tell_progress(s);
	server_free(s);
	return 0;
}
