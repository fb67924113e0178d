#include "image/talk.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

/* Of what rkt may say ahead: the limit parallel-downloads is at most 16. */
enum { WAITING_MAX = 32 };

struct message {
	struct wire_command command;
	int fds[WIRE_COMMAND_FDS];
};

struct talk {
	int fd;
	bool debug, muted;
	pthread_mutex_t send_lock, open_lock;	/* open_lock: one question at a time, so that answers need no number */

	pthread_mutex_t lock;			/* of the rest */
	pthread_cond_t changed;
	bool reading;				/* somebody is, and the others wait for changed */
	struct message waiting[WAITING_MAX];	/* read, and not for who read it; oldest first */
	size_t n;
	int failed;				/* how reading ended; 0: it goes on */
};

struct talk *talk_new(int fd, bool debug)
{
	struct talk *t = xcalloc(1, sizeof(*t));
	pthread_condattr_t attr;

	t->fd = fd;
	t->debug = debug;
	pthread_mutex_init(&t->send_lock, NULL);
	pthread_mutex_init(&t->open_lock, NULL);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->changed, &attr);
	pthread_condattr_destroy(&attr);
	return t;
}

static void message_clear(struct message *m)
{
	wire_command_clear(&m->command);
	for (size_t i = 0; i < WIRE_COMMAND_FDS; i++)
		close_auto(&m->fds[i]);
}

void talk_free(struct talk *t)
{
	if (!t)
		return;
	while (t->n)
		message_clear(&t->waiting[--t->n]);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->open_lock);
	pthread_mutex_destroy(&t->send_lock);
	free(t);
}

/* --- telling ------------------------------------------------------------------- */

int talk_reply(struct talk *t, const struct wire_reply *r)
{
	int result;

	pthread_mutex_lock(&t->send_lock);
	result = t->muted ? -EPIPE : wire_send_reply(t->fd, r);
	pthread_mutex_unlock(&t->send_lock);
	return result;
}

void talk_mute(struct talk *t)
{
	pthread_mutex_lock(&t->send_lock);
	t->muted = true;
	pthread_mutex_unlock(&t->send_lock);
}

void talk_say(struct talk *t, const char *fmt, ...)
{
	AUTO(free) char *text = NULL;
	struct wire_reply reply = { .kind = (char[]){ "log" } };
	va_list ap;

	if (!t->debug)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	reply.text = text;
	(void)talk_reply(t, &reply);	/* a gone rkt is met at the next answer */
}

/* --- hearing --------------------------------------------------------------------- */

static bool is_answer(const struct message *m)
{
	return str_eq(m->command.action, "file") || str_eq(m->command.action, "missing");
}

static struct timespec deadline(int timeout_ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += timeout_ms / 1000;
	t.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static int ms_until(const struct timespec *t)
{
	struct timespec now;
	long long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (t->tv_sec - now.tv_sec) * 1000LL + (t->tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? (int)ms : 0;
}

/* The oldest that waits and is of that sort. */
static bool take_waiting(struct talk *t, bool answer, struct message *ret)
{
	for (size_t i = 0; i < t->n; i++) {
		if (is_answer(&t->waiting[i]) != answer)
			continue;
		*ret = t->waiting[i];
		t->n--;
		memmove(&t->waiting[i], &t->waiting[i + 1], (t->n - i) * sizeof(*t->waiting));
		return true;
	}
	return false;
}

/* Reads one message without the lock and puts it to those that wait. What fails then fails for all. */
static void read_one(struct talk *t, int timeout_ms, struct err *err)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	struct message m = {};
	int r;

	t->reading = true;
	pthread_mutex_unlock(&t->lock);
	r = poll(&p, 1, timeout_ms);
	if (r > 0)
		r = wire_recv_command(t->fd, &m.command, m.fds, err);
	else
		r = r < 0 && errno != EINTR ? err_sys(err, -errno, "cannot wait for a message") : -EAGAIN;
	pthread_mutex_lock(&t->lock);
	t->reading = false;
	if (r >= 0 && t->n == WAITING_MAX) {
		message_clear(&m);
		r = err_set(err, -EBADMSG, "received more commands than were agreed");
	}
	if (r >= 0)
		t->waiting[t->n++] = m;
	else if (r != -EAGAIN)
		t->failed = r;
	pthread_cond_broadcast(&t->changed);
}

/* 1: *ret is one. 0: none came in time. */
static int hear(struct talk *t, bool answer, int timeout_ms, struct message *ret, struct err *err)
{
	struct timespec until = deadline(timeout_ms > 0 ? timeout_ms : 0);
	bool late = false;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	while (!(r = take_waiting(t, answer, ret)) && !t->failed && !late) {
		late = timeout_ms >= 0 && !ms_until(&until);
		if (!t->reading)
			read_one(t, timeout_ms < 0 ? -1 : ms_until(&until), err);
		else if (timeout_ms < 0)
			pthread_cond_wait(&t->changed, &t->lock);
		else
			pthread_cond_timedwait(&t->changed, &t->lock, &until);
	}
	if (!r && t->failed)
		r = err && err->chain ? t->failed : err_sys(err, t->failed, "cannot receive a message");
	pthread_mutex_unlock(&t->lock);
	return r;
}

int talk_command(struct talk *t, int timeout_ms, struct wire_command *ret, int ret_fds[WIRE_COMMAND_FDS],
		 struct err *err)
{
	struct message m;
	int r = hear(t, false, timeout_ms, &m, err);

	if (r <= 0)
		return r;
	*ret = m.command;
	for (size_t i = 0; i < WIRE_COMMAND_FDS; i++)
		ret_fds[i] = m.fds[i];
	return 1;
}

int talk_open(struct talk *t, const char *path, int *ret_fd, struct err *err)
{
	AUTO(free) char *copy = xstrdup(path);
	struct wire_reply question = { .kind = (char[]){ "open" }, .path = copy };
	struct message m = {};
	int r;

	pthread_mutex_lock(&t->open_lock);
	r = talk_reply(t, &question);
	if (r < 0)
		err_sys(err, r, "cannot ask for '%s'", path);
	else
		r = hear(t, true, -1, &m, err);
	pthread_mutex_unlock(&t->open_lock);
	if (r < 0)
		return r;
	*ret_fd = m.fds[0];
	wire_command_clear(&m.command);
	return *ret_fd >= 0 ? 0 : err_set(err, -ERR_NOT_FOUND, "there is no '%s'", path);
}
