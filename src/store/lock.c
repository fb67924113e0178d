#include "store/layout.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/human.h"
#include "base/log.h"

enum { LOCK_MODE = 0660, PATIENCE_SECONDS = 1, MISSED_MAX = 100 };

/* Reading is enough to lock it, whoever made it. */
static int open_lock_file(struct store *s, const char *path)
{
	int fd = cas_open(s->cas_fd, path, O_RDONLY | O_CREAT | O_EXCL, LOCK_MODE);

	if (fd >= 0)
		(void)fchmod(fd, LOCK_MODE);
	return fd == -EEXIST ? cas_open(s->cas_fd, path, O_RDONLY, 0) : fd;
}

static int open_lock(struct store *s, struct err *err)
{
	int fd;

	if (s->lock_fd >= 0 || s->cas_fd < 0)
		return 0;
	fd = open_lock_file(s, "lock");
	if (fd < 0)
		return err_sys(err, fd, "cannot open '%s/cas/lock'", s->path);
	s->lock_fd = fd;
	return 0;
}

static void wake(int signo) { (void)signo; }

/*
 * Lets flock(2) return with EINTR every PATIENCE_SECONDS, until alarm_off(). false: there is no timer to be had; then
 * it waits without a word.
 */
static bool alarm_on(struct sigaction *old, timer_t *timer)
{
	struct itimerspec every = { { .tv_sec = PATIENCE_SECONDS }, { .tv_sec = PATIENCE_SECONDS } };
	struct sigaction action = { .sa_handler = wake };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };

	sigaction(SIGALRM, &action, old);
	if (timer_create(CLOCK_MONOTONIC, &event, timer) < 0)
		return false;
	timer_settime(*timer, 0, &every, NULL);
	return true;
}

static void alarm_off(const struct sigaction *old, const timer_t *timer)
{
	if (timer)
		timer_delete(*timer);
	sigaction(SIGALRM, old, NULL);
}

int store_wait_lock(int fd, int how, const char *what)
{
	int64_t until = time_now() + (int64_t)PATIENCE_SECONDS * NS_PER_SECOND / 2;
	struct sigaction old;
	timer_t timer;
	bool is_on = alarm_on(&old, &timer);
	int r = flock(fd, how) < 0 ? -errno : 0;

	alarm_off(&old, is_on ? &timer : NULL);
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
		r = store_wait_lock(s->lock_fd, how, what);
	return r < 0 ? err_sys(err, r, "cannot lock the store '%s/cas'", s->path) : 0;
}

int store_use(struct store *s, struct err *err)
{
	int r;

	if (s->shared)
		return 0;
	r = s->exclusive ? 0 : lock(s, LOCK_SH, "finish removing images", err);
	if (r >= 0)
		s->shared = s->lock_fd >= 0;
	return r;
}

int store_lock_exclusive(struct store *s, struct err *err)
{
	int r;

	r = s->exclusive ? 0 : lock(s, LOCK_EX, "finish fetching or starting", err);
	if (r >= 0)
		s->exclusive++;
	return r;
}

int store_try_exclusive(struct store *s, struct err *err)
{
	int r;

	if (s->exclusive)
		return store_lock_exclusive(s, err);
	if (s->shared)
		return -EWOULDBLOCK;
	r = open_lock(s, err);
	if (r < 0)
		return r;
	if (s->lock_fd < 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -EWOULDBLOCK;
	s->exclusive++;
	return 0;
}

void store_unlock_exclusive(struct store *s)
{
	if (--s->exclusive == 0 && s->lock_fd >= 0)
		(void)flock(s->lock_fd, s->shared ? LOCK_SH : LOCK_UN);
}

/* --- one blob ------------------------------------------------------------------ */

static char *blob_lock_path(const char *key)
{
	return xasprintf("tmp/lock-%s", key);
}

static int lock_blob(struct store *s, const char *key, bool wait, int *ret_fd)
{
	AUTO(free) char *path = blob_lock_path(key), *what = xasprintf("fetch the blob '%s'", key);
	int missed = 0;

	for (;;) {
		AUTO(close) int fd = open_lock_file(s, path);
		int r;

		if (fd == -ENOENT && ++missed < MISSED_MAX)
			continue;	/* it went between two looks */
		if (fd < 0)
			return fd;
		r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
		if (r == -EWOULDBLOCK && wait)
			r = store_wait_lock(fd, LOCK_EX, what);
		if (r < 0)
			return r;
		if (cas_is_named(s->cas_fd, path, fd)) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
	}
}

int store_lock_blob(struct store *s, const char *key, bool wait, int *ret_fd, struct err *err)
{
	int r;

	if (!store_blob_valid(key))
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no blob's name", key);
	/* A sweep would take the file away. */
	r = store_use(s, err);
	if (r < 0)
		return r;
	r = lock_blob(s, key, wait, ret_fd);
	if (r == -EWOULDBLOCK)
		return err_set(err, r, "another rkt is fetching the blob '%s'", key);
	return r < 0 ? err_sys(err, r, "cannot lock the blob '%s'", key) : 0;
}

void store_unlock_blob(struct store *s, const char *key, int *fd)
{
	AUTO(free) char *path = blob_lock_path(key);

	if (*fd >= 0)
		(void)cas_unlink(s->cas_fd, path, 0);
	close_auto(fd);
	*fd = -1;
}
