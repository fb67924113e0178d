#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "os/process.h"
#include "os/tty.h"
#include "stage1/native/control.h"
#include "stage1/native/door.h"
#include "stage1/native/init.h"

/*
 * Commands that enter the pod. Init only takes the fixed head of a request and
 * forks; the child, which may allocate and block, reads the rest.
 */
enum { EXIT_REFUSED = 254 };

static void forget(struct guest *g)
{
	close(g->fd);
	*g = (struct guest){ .fd = -1 };
}

static void reply(int fd, enum control_reply_type type, int value)
{
	const struct control_reply r = { (int32_t)type, value };

	(void)control_send(fd, &r, sizeof(r), NULL, 0);
}

/* --- the child ----------------------------------------------------------- */

/* The words of the request: the terminal's name first, the command after it. */
static int read_words(int fd, char ***ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len;
	int r = fd_read_file(fd, CONTROL_TEXT_MAX, &text, &len);

	if (r < 0)
		return err_sys(err, r, "cannot read the command");
	for (const char *word = text; word < text + len; word += strlen(word) + 1)
		strv_add(ret, word);
	return strv_len(*ret) < 2 ? err_set(err, -EBADMSG, "there is no command") : 0;
}

/* A terminal of the pod's, whose other end goes to the client. */
static int make_terminal(const struct init *init, struct door *d, int conn, struct err *err)
{
	const struct control_reply r = { CONTROL_TERMINAL, 0 };
	AUTO(close) int master = -1;
	int slave, n;

	n = pty_open(init->fs.pts_fd, &master, &slave, err);
	if (n < 0)
		return n;
	if (fchown(slave, d->ids.uid, (gid_t)-1) < 0)
		return err_sys(err, -errno, "cannot hand over the terminal");
	n = control_send(conn, &r, sizeof(r), &master, 1);
	if (n < 0)
		return err_sys(err, n, "cannot hand over the terminal");
	d->tty_fd = slave;
	for (int i = 0; i < 3; i++)
		d->fds[i] = slave;
	return 0;
}

/* The client's own files, but no device: the host's null is replaced by the pod's, others are refused. */
static int take_files(const struct init *init, struct door *d, const int fds[CONTROL_FDS], struct err *err)
{
	for (int i = 0; i < 3; i++) {
		struct stat st;

		if (fds[i] < 0 || fstat(fds[i], &st) < 0)
			return err_set(err, -EBADF, "fd %d is missing", i);
		if (S_ISCHR(st.st_mode) && st.st_rdev != makedev(1, 3))
			return err_set(err, -EINVAL, "fd %d is a device", i);
		/* All of the host's files could be reached from it. */
		if (S_ISDIR(st.st_mode))
			return err_set(err, -EISDIR, "fd %d is a directory", i);
		d->fds[i] = S_ISCHR(st.st_mode) ? init->fs.null_fd : fds[i];
	}
	return 0;
}

static int enter(const struct init *init, const struct control_request *q, int conn, const int fds[CONTROL_FDS],
		 struct err *err)
{
	const struct app_plan *app = &init->plan->apps[q->app];
	struct door d = {
		.plan = init->plan, .app = app, .ids = init->apps[q->app].ids, .root_fd = app->root_fd,
		.proc_fd = init->fs.proc_fd, .tty_fd = -1, .dir_fd = -1,
	};
	char **words = NULL, *term[2] = {};
	int r = app_join(init, q->app, err);

	if (r >= 0)
		r = read_words(fds[CONTROL_TEXT], &words, err);
	if (r < 0)
		return r;
	term[0] = words[0];
	d.extra_env = str_starts(term[0], "TERM=") ? term : NULL;
	d.argv = words + 1;
	r = door_check(&d, err);
	if (r >= 0)
		r = q->flags & CONTROL_TTY ? make_terminal(init, &d, conn, err) : take_files(init, &d, fds, err);
	return r < 0 ? r : door_pass(&d, err);
}

static _Noreturn void guest_main(const struct init *init, const struct control_request *q, int conn,
				 const int fds[CONTROL_FDS])
{
	AUTO(err_clear) struct err err = {};
	int r = enter(init, q, conn, fds, &err);

	reply(conn, CONTROL_FAILED, r);
	err_send(conn, r, &err);
	(void)shutdown(conn, SHUT_WR);	/* the words were the last: init has nothing to add */
	_exit(EXIT_REFUSED);
}

/* --- init ---------------------------------------------------------------- */

static int take_connection(const struct init *init)
{
	return accept4(init->args->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* Left alone, it would wait for ever, and we would be told of it without end. */
static void send_away(struct init *init)
{
	int fd;

	close(TAKE_FD(init->spare_fd));
	fd = take_connection(init);
	if (fd >= 0) {
		reply(fd, CONTROL_REFUSED, -EMFILE);
		close(fd);
	}
	init->spare_fd = fcntl(init->fs.null_fd, F_DUPFD_CLOEXEC, 3);
}

void guest_accept(struct init *init)
{
	int fd = take_connection(init);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			send_away(init);
		return;
	}
	for (size_t i = 0; i < GUESTS_MAX && control_check_peer(fd) == 0; i++) {
		if (init->guests[i].fd < 0) {
			init->guests[i] = (struct guest){ .fd = fd };
			return;
		}
	}
	reply(fd, CONTROL_REFUSED, -EAGAIN);
	close(fd);
}

static void start(struct init *init, struct guest *g, const struct control_request *q, const int fds[CONTROL_FDS])
{
	pid_t pid;

	if (q->magic != CONTROL_MAGIC || q->app >= init->plan->n_apps || init->apps[q->app].state != APP_RUNNING) {
		reply(g->fd, CONTROL_REFUSED, -ESRCH);
		forget(g);
		return;
	}
	pid = process_clone(0, init->plan->apps[q->app].leaf.fd[CGROUP_UNIFIED]);
	if (!pid)
		guest_main(init, q, g->fd, fds);
	g->pid = pid;
	if (pid < 0) {
		reply(g->fd, CONTROL_REFUSED, pid);
		forget(g);
	}
}

static void read_request(struct init *init, struct guest *g)
{
	struct control_request q;
	int fds[CONTROL_FDS];
	int r = control_receive(g->fd, &q, sizeof(q), fds, CONTROL_FDS);

	if (r == -EAGAIN)
		return;
	if (r == 1)
		start(init, g, &q, fds);
	else
		forget(g);
	for (int i = 0; i < CONTROL_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void pass_signal(const struct guest *g)
{
	unsigned char signal;

	while (recv(g->fd, &signal, 1, MSG_DONTWAIT) == 1)
		if (signal && signal < NSIG && kill(-g->pid, signal) < 0)
			(void)kill(g->pid, signal);
}

void guest_handle(struct init *init, struct guest *g, short events)
{
	if (!g->pid) {
		read_request(init, g);
		return;
	}
	if (events & (POLLHUP | POLLRDHUP | POLLERR)) {
		/* As when a terminal goes: whoever wants to outlive it has to say so. */
		if (kill(-g->pid, SIGHUP) < 0)
			(void)kill(g->pid, SIGHUP);
		(void)kill(-g->pid, SIGCONT);
		forget(g);
		return;
	}
	pass_signal(g);
}

void guest_exited(struct guest *g, int status)
{
	reply(g->fd, CONTROL_EXITED, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	forget(g);
}
