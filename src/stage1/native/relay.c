#include "stage1/native/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/tty.h"

enum { FINISH_MS = 2000, ESCAPE = 0x1d, ESCAPES = 3 };

/* --- setting up ---------------------------------------------------------- */

/*
 * Another open file of the same terminal or device: ours to make non-blocking,
 * which on the one we were given would change it for its other users too.
 */
static int reopen(int fd, int flags)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int add_relay(struct stdio *s, int from, int to, bool is_input)
{
	struct relay *r = &s->relays[s->n];

	if (from < 0 || to < 0)
		return -errno;
	r->from = from;
	r->to = to;
	r->is_input = is_input;
	r->start = r->len = 0;
	s->n++;
	return 0;
}

/* A pipe in place of one of the caller's devices. */
static int add_pipe(struct stdio *s, int fd)
{
	int ends[2], ours, r;
	bool is_input = fd == STDIN_FILENO;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	ours = ends[is_input ? 1 : 0];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = is_input ? add_relay(s, reopen(fd, O_RDONLY), ours, true) : add_relay(s, ours, reopen(fd, O_WRONLY), false);
	s->fds[fd] = ends[is_input ? 0 : 1];
	return r;
}

/*
 * Files, pipes and sockets are passed on. A device is not: an app with the
 * host's /dev/null could change its mode, one with the terminal could type on it.
 */
static int add_plain(struct stdio *s, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	/* All of the host's files could be reached from it. */
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISCHR(st.st_mode)) {
		s->fds[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return s->fds[fd] < 0 ? -errno : 0;
	}
	if (st.st_rdev == makedev(1, 3))
		return 0;
	return add_pipe(s, fd);
}

int stdio_plain(bool with_input, struct stdio *ret, struct err *err)
{
	*ret = STDIO_NONE;
	for (int fd = with_input ? STDIN_FILENO : STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		int r = add_plain(ret, fd);

		if (r < 0)
			return err_sys(err, r, "cannot pass on fd %d", fd);
	}
	return 0;
}

int stdio_terminal(int master, int slave, struct stdio *ret, struct err *err)
{
	int r;

	*ret = STDIO_NONE;
	ret->master = master;
	for (int fd = 0; fd < 3; fd++)
		ret->fds[fd] = slave;
	r = add_relay(ret, reopen(STDIN_FILENO, O_RDONLY), fcntl(master, F_DUPFD_CLOEXEC, 3), true);
	if (r >= 0)
		r = add_relay(ret, fcntl(master, F_DUPFD_CLOEXEC, 3), reopen(STDOUT_FILENO, O_WRONLY), false);
	if (r < 0)
		return err_sys(err, r, "cannot connect the terminal");
	if (isatty(STDIN_FILENO)) {
		tty_copy_size(STDIN_FILENO, master);
		ret->is_raw = tty_raw(STDIN_FILENO, &ret->saved) >= 0;
	}
	return 0;
}

void stdio_close_pod_ends(struct stdio *s)
{
	for (int fd = 0; fd < 3; fd++) {
		for (int other = fd + 1; other < 3; other++)
			if (s->fds[other] == s->fds[fd])
				s->fds[other] = -1;
		if (s->fds[fd] >= 0)
			close(s->fds[fd]);
		s->fds[fd] = -1;
	}
}

/* --- passing on ---------------------------------------------------------- */

static void end_relay(struct relay *r)
{
	if (r->from >= 0)
		close(r->from);
	if (r->to >= 0)
		close(r->to);
	r->from = r->to = -1;
	r->len = 0;
}

/* The end of the caller's input is told to the pod: by closing a pipe, or on a terminal by its end character. */
static void end_input(struct stdio *s, struct relay *r)
{
	if (s->master >= 0) {
		char eof = tty_eof_character(s->master);

		(void)!write(r->to, &eof, 1);
	}
	end_relay(r);
}

static void count_escapes(struct stdio *s, const struct relay *r)
{
	struct timespec now;

	if (!s->is_raw || !r->is_input)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	for (size_t i = 0; i < r->len; i++) {
		if (r->data[i] != ESCAPE) {
			s->escapes = 0;
			continue;
		}
		if (!s->escapes || now.tv_sec > s->escape_at + 1) {
			s->escapes = 0;
			s->escape_at = now.tv_sec;
		}
		s->escapes++;
	}
}

static void fill(struct stdio *s, struct relay *r)
{
	ssize_t n = read(r->from, r->data, sizeof(r->data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* A terminal whose last program is gone says EIO. */
	if (n <= 0) {
		if (r->is_input)
			end_input(s, r);
		else
			end_relay(r);
		return;
	}
	r->start = 0;
	r->len = (size_t)n;
	count_escapes(s, r);
}

static void drain(struct relay *r)
{
	ssize_t n = write(r->to, r->data + r->start, r->len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		/* A terminal that went away is no news; a full device is. */
		if (errno != EPIPE && errno != EIO && !r->is_input)
			log_warn("output of the pod is lost: %s", err_name(-errno));
		/* Nobody reads any more. What the pod writes is still taken, so that it does not block. */
		r->len = 0;
		if (r->is_input)
			end_relay(r);
		return;
	}
	r->start += (size_t)n;
	r->len -= (size_t)n;
}

size_t stdio_poll(const struct stdio *s, struct pollfd *fds)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct relay *r = &s->relays[i];

		if (r->from >= 0)
			fds[n++] = r->len ? (struct pollfd){ r->to, POLLOUT, 0 } : (struct pollfd){ r->from, POLLIN, 0 };
	}
	return n;
}

static bool ready(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	return poll(&p, 1, 0) > 0;
}

void stdio_handle(struct stdio *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct relay *r = &s->relays[i];

		if (r->from >= 0 && !r->len && ready(r->from, POLLIN))
			fill(s, r);
		if (r->from >= 0 && r->len && ready(r->to, POLLOUT))
			drain(r);
	}
}

void stdio_resize(struct stdio *s)
{
	if (s->master >= 0)
		tty_copy_size(STDIN_FILENO, s->master);
}

bool stdio_escaped(const struct stdio *s) { return s->escapes >= ESCAPES; }

/* Output alone: the pod does not read any more. Bounded, since the caller's terminal may be held. */
static void finish_output(struct stdio *s, struct relay *r)
{
	for (int left = FINISH_MS; r->from >= 0 && left > 0;) {
		struct pollfd p = { r->to, POLLOUT, 0 };

		if (!r->len) {
			if (!ready(r->from, POLLIN))
				return;
			fill(s, r);
			continue;
		}
		if (poll(&p, 1, 10) <= 0)
			left -= 10;
		else
			drain(r);
	}
}

void stdio_finish(struct stdio *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->relays[i].is_input)
			finish_output(s, &s->relays[i]);
	for (size_t i = 0; i < s->n; i++)
		end_relay(&s->relays[i]);
	if (s->is_raw)
		tty_restore(STDIN_FILENO, &s->saved);
	s->is_raw = false;
}
