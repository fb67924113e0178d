#include "store/layout.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/human.h"
#include "base/log.h"

enum { LOCK_MODE = 0660, PATIENCE_SECONDS = 1 };

static int open_lock(struct store *s, struct err *err)
{
	int fd;

	if (s->lock_fd >= 0 || s->cas_fd < 0)
		return 0;
	fd = openat(s->cas_fd, "lock", O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
	if (fd >= 0)
		(void)fchmod(fd, LOCK_MODE);
	else if (errno == EEXIST)
		fd = openat(s->cas_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s/cas/lock'", s->path);
	s->lock_fd = fd;
	return 0;
}

static void wake(int signo) { (void)signo; }

/* Lets flock(2) return with EINTR every PATIENCE_SECONDS, until alarm_off(). */
static void alarm_on(struct sigaction *old, timer_t *timer)
{
	struct itimerspec every = { { .tv_sec = PATIENCE_SECONDS }, { .tv_sec = PATIENCE_SECONDS } };
	struct sigaction action = { .sa_handler = wake };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };

	sigaction(SIGALRM, &action, old);
	if (timer_create(CLOCK_MONOTONIC, &event, timer) == 0)
		timer_settime(*timer, 0, &every, NULL);
}

static void alarm_off(const struct sigaction *old, timer_t timer)
{
	timer_delete(timer);
	sigaction(SIGALRM, old, NULL);
}

/* The first wait that lasts is told about; any other signal of the caller's ends it. */
static int wait_for_lock(int fd, int how, const char *what)
{
	int64_t until = time_now() + (int64_t)PATIENCE_SECONDS * NS_PER_SECOND / 2;
	struct sigaction old;
	timer_t timer;
	int r;

	alarm_on(&old, &timer);
	r = flock(fd, how) < 0 ? -errno : 0;
	alarm_off(&old, timer);
	if (r != -EINTR || time_now() < until)
		return r;
	log_info("waiting for another rkt to %s", what);
	return flock(fd, how) < 0 ? -errno : 0;
}

static int lock(struct store *s, int how, const char *what, struct err *err)
{
	int r;

	r = open_lock(s, err);
	if (r < 0 || s->lock_fd < 0)
		return r;
	r = flock(s->lock_fd, how | LOCK_NB) < 0 ? -errno : 0;
	if (r == -EWOULDBLOCK)
		r = wait_for_lock(s->lock_fd, how, what);
	return r < 0 ? err_sys(err, r, "cannot lock the store '%s/cas'", s->path) : 0;
}

int store_use(struct store *s, struct err *err)
{
	int r;

	if (s->shared)
		return 0;
	r = lock(s, LOCK_SH, "finish removing images", err);
	if (r >= 0)
		s->shared = s->lock_fd >= 0;
	return r;
}

int store_lock_exclusive(struct store *s, struct err *err)
{
	return lock(s, LOCK_EX, "finish fetching or starting", err);
}

int store_try_exclusive(struct store *s, struct err *err)
{
	int r;

	if (s->shared)
		return -EWOULDBLOCK;
	r = open_lock(s, err);
	if (r < 0)
		return r;
	if (s->lock_fd < 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -EWOULDBLOCK;
	return 0;
}

void store_unlock_exclusive(struct store *s)
{
	if (s->lock_fd >= 0)
		(void)flock(s->lock_fd, s->shared ? LOCK_SH : LOCK_UN);
}
