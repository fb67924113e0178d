#include "stage1/native/init.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "os/process.h"

enum { STOP_MS = 10000, POLL_FIXED = 3, REAP_MAX = 256 };

/* --- setting up ---------------------------------------------------------- */

static int alone(const struct init_args *args, struct err *err)
{
	struct pollfd p = { .fd = args->supervisor_fd };
	sigset_t all;

	close(args->lock_fd);
	if (process_die_with_parent() < 0)
		return err_sys(err, -errno, "cannot be tied to the supervisor");
	/* It may have died before that held; its end of the socket tells. */
	if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
		_exit(1);
	if (setsid() < 0)
		return err_sys(err, -errno, "cannot start a session");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	umask(0);
	return 0;
}

static int raise_loopback(struct err *err)
{
	AUTO(close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return err_sys(err, -errno, "cannot bring up the loopback interface");
	return 0;
}

/*
 * The network namespace is made here and not with the process: it takes longest,
 * and the supervisor works meanwhile. Init has no cgroup namespace: its root
 * would be init's own group, and the kernel lets nobody start a process in a
 * group outside that (nsdelegate). Each app has one.
 */
static int make_namespaces(const struct pod_plan *plan, struct err *err)
{
	if (!plan->args->net_host && unshare(CLONE_NEWNET) < 0)
		return err_sys(err, -errno, "cannot make the pod's namespaces");
	if (sethostname(plan->hostname, strlen(plan->hostname)) < 0)
		return err_sys(err, -errno, "cannot set the host name");
	return plan->args->net_host ? 0 : raise_loopback(err);
}

static int start_app(struct init *init, size_t index, struct err *err)
{
	struct init_app *app = &init->apps[index];
	int pair[2], r = message_pair(pair);

	if (r < 0)
		return err_sys(err, r, "cannot talk to an app");
	app->pid = process_clone(CLONE_NEWNS, init->plan->apps[index].leaf.fd[CGROUP_UNIFIED]);
	if (!app->pid) {
		close(pair[0]);
		app_main(init, index, pair[1]);
	}
	close(pair[1]);
	app->socket = pair[0];
	return app->pid < 0 ? err_sys(err, app->pid, "cannot start a process") : 0;
}

/* Its namespaces are kept while it runs: whoever enters later comes into these. */
static int keep_namespaces(const struct init *init, struct init_app *app, struct err *err)
{
	char path[40];

	snprintf(path, sizeof(path), "%d/ns/mnt", (int)app->pid);
	app->mnt_fd = openat(init->fs.proc_fd, path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%d/ns/cgroup", (int)app->pid);
	app->cgroup_fd = openat(init->fs.proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (app->mnt_fd < 0 || app->cgroup_fd < 0)
		return err_sys(err, -errno, "cannot open the app's namespaces");
	return 0;
}

static int await_app(struct init *init, struct init_app *app, struct err *err)
{
	struct message m;
	int r = message_receive(app->socket, 0, &m);

	if (r == 1 && m.type == MESSAGE_READY) {
		app->ids = m.ids;
		return keep_namespaces(init, app, err);
	}
	if (r == 1 && m.type == MESSAGE_FAILED)
		return err_recv(app->socket, err);
	return err_set(err, -EPIPE, "it died while it was set up");
}

static int set_up(struct init *init, struct err *err)
{
	int pts_fd = init->args->pts_fd, r;

	r = alone(init->args, err);
	if (r >= 0)
		r = make_namespaces(init->plan, err);
	if (r >= 0 && pts_fd < 0)
		r = podfs_make_pts(&pts_fd, err);
	if (r >= 0)
		r = podfs_build(init->plan, pts_fd, &init->fs, err);
	if (r >= 0)
		init->spare_fd = fcntl(init->fs.null_fd, F_DUPFD_CLOEXEC, 3);
	for (size_t i = 0; i < init->plan->n_apps && r >= 0; i++)
		r = start_app(init, i, err);
	for (size_t i = 0; i < init->plan->n_apps && r >= 0; i++) {
		r = await_app(init, &init->apps[i], err);
		if (r < 0)
			err_wrap(err, r, "cannot start app '%s'", init->plan->apps[i].name);
	}
	return r;
}

/* --- ending -------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void tell(const struct init *init, enum message_type type, size_t app, int value)
{
	(void)message_send(init->args->supervisor_fd,
			   (struct message){ .type = (int32_t)type, .app = (int32_t)app, .value = value });
}

static void signal_apps(const struct init *init, int signal)
{
	for (size_t i = 0; i < init->plan->n_apps; i++) {
		const struct init_app *app = &init->apps[i];

		/* The whole group, as an app may be a shell that waits for a program. */
		if (app->state == APP_STARTING || app->state == APP_RUNNING)
			if (kill(-app->pid, signal) < 0)
				(void)kill(app->pid, signal);
	}
}

static void stop(struct init *init)
{
	if (init->stopping)
		return;
	init->stopping = true;
	init->deadline = now_ms() + STOP_MS;
	signal_apps(init, SIGTERM);
	signal_apps(init, SIGCONT);
}

/* Once more later: what ran to clean up after the killed ends too. */
static void kill_all(struct init *init)
{
	init->stopping = true;
	init->deadline = now_ms() + STOP_MS;
	(void)kill(-1, SIGKILL);
}

/* What an app leaves behind in its group goes with it. */
static void kill_leaf(const struct app_plan *app)
{
	AUTO(close) int fd = -1;

	if (app->leaf.fd[CGROUP_UNIFIED] >= 0)
		fd = openat(app->leaf.fd[CGROUP_UNIFIED], "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)!write(fd, "1", 1);
}

static void app_over(struct init *init, size_t i)
{
	struct init_app *app = &init->apps[i];

	app->state = APP_ENDED;
	kill_leaf(&init->plan->apps[i]);
	close(TAKE_FD(app->mnt_fd));
	close(TAKE_FD(app->cgroup_fd));
	tell(init, MESSAGE_EXITED, i, app->code);
	if (app->code)
		stop(init);
}

/* Its main process is gone: the post-stop handler, if there is one, is what still runs of it. */
static void app_exited(struct init *init, size_t i, int status)
{
	struct init_app *app = &init->apps[i];
	const struct app_plan *plan = &init->plan->apps[i];

	if (app->state == APP_STOPPING) {
		app_over(init, i);
		return;
	}
	/* Signals count as their number, as rkt had it from systemd. */
	app->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	app->state = APP_STOPPING;
	app->pid = -1;
	if (app_has_handler(plan, "post-stop")) {
		app->pid = process_clone(0, plan->leaf.fd[CGROUP_UNIFIED]);
		if (!app->pid)
			handler_main(init, i, "post-stop");
	}
	if (app->pid < 0)
		app_over(init, i);
}

/* An app may leave us orphans faster than we bury them: orders and deadlines are looked at in between. */
static void reap(struct init *init)
{
	struct signalfd_siginfo info;
	int status, n;
	pid_t pid;

	(void)!read(init->signal_fd, &info, sizeof(info));
	for (n = 0; n < REAP_MAX && (pid = waitpid(-1, &status, WNOHANG)) > 0; n++) {
		for (size_t i = 0; i < init->plan->n_apps; i++)
			if (init->apps[i].pid == pid && init->apps[i].state != APP_ENDED)
				app_exited(init, i, status);
		for (size_t i = 0; i < GUESTS_MAX; i++)
			if (init->guests[i].fd >= 0 && init->guests[i].pid == pid)
				guest_exited(&init->guests[i], status);
	}
	init->more_dead = n == REAP_MAX;
}

/* --- the loop ------------------------------------------------------------ */

static void take_orders(struct init *init)
{
	struct message m;
	int r = message_receive(init->args->supervisor_fd, MSG_DONTWAIT, &m);

	if (r == 0)
		_exit(1);	/* nobody supervises: the kernel ends the rest with us */
	if (r < 0)
		return;
	switch (m.type) {
	case MESSAGE_STOP:
		stop(init);
		break;
	case MESSAGE_KILL:
		kill_all(init);
		break;
	case MESSAGE_SIGNAL:
		signal_apps(init, m.value);
		break;
	default:
		break;
	}
}

/* The socket of an app closes when it executes. */
static void note_start(struct init *init, size_t i)
{
	struct init_app *app = &init->apps[i];

	close(TAKE_FD(app->socket));
	if (app->state == APP_STARTING) {
		app->state = APP_RUNNING;
		tell(init, MESSAGE_STARTED, i, 0);
	}
}

static int wait_ms(const struct init *init)
{
	int64_t left = init->deadline - now_ms();

	if (init->more_dead)
		return 0;
	if (!init->deadline)
		return -1;
	return left > 0 ? (int)left : 0;
}

static void add_poll(const struct init *init, size_t *n, int fd, short events)
{
	if (fd >= 0)
		init->polls[(*n)++] = (struct pollfd){ fd, events, 0 };
}

/* What is open and nothing else: poll() refuses more places than the process may have open files. */
static size_t fill_polls(const struct init *init)
{
	size_t n = 0;

	init->polls[n++] = (struct pollfd){ init->args->supervisor_fd, POLLIN, 0 };
	init->polls[n++] = (struct pollfd){ init->signal_fd, POLLIN, 0 };
	init->polls[n++] = (struct pollfd){ init->args->listen_fd, POLLIN, 0 };
	for (size_t i = 0; i < init->plan->n_apps; i++)
		add_poll(init, &n, init->apps[i].socket, POLLIN);
	for (size_t i = 0; i < GUESTS_MAX; i++)
		add_poll(init, &n, init->guests[i].fd, POLLIN | POLLRDHUP);
	return n;
}

static bool apps_left(const struct init *init)
{
	for (size_t i = 0; i < init->plan->n_apps; i++)
		if (init->apps[i].state != APP_ENDED)
			return true;
	return false;
}

/* In the order of fill_polls(); who is handled changes nobody else's fd. */
static void handle_polls(struct init *init)
{
	const struct pollfd *p = init->polls + POLL_FIXED;

	for (size_t i = 0; i < init->plan->n_apps; i++)
		if (init->apps[i].socket >= 0 && (p++)->revents)
			note_start(init, i);
	for (size_t i = 0; i < GUESTS_MAX; i++)
		if (init->guests[i].fd >= 0 && (p++)->revents)
			guest_handle(init, &init->guests[i], p[-1].revents);
	p = init->polls;
	if (p[0].revents)
		take_orders(init);
	if (p[1].revents || init->more_dead)
		reap(init);
	if (p[2].revents)
		guest_accept(init);
}

static void loop(struct init *init)
{
	while (apps_left(init)) {
		int n = poll(init->polls, fill_polls(init), wait_ms(init));

		if (n < 0 && errno != EINTR)
			_exit(1);	/* the supervisor ends the rest and says so */
		/* Whatever else there is to do: an app that keeps us busy does not live on by it. */
		if (init->deadline && now_ms() >= init->deadline)
			kill_all(init);
		if (n > 0 || init->more_dead)
			handle_polls(init);
	}
}

static int let_go(struct init *init)
{
	struct message m;

	tell(init, MESSAGE_READY, 0, 0);
	do {
		if (message_receive(init->args->supervisor_fd, 0, &m) != 1)
			return -EPIPE;
	} while (m.type == MESSAGE_SIGNAL);
	if (m.type != MESSAGE_GO)
		return -ECANCELED;
	for (size_t i = 0; i < init->plan->n_apps; i++) {
		init->apps[i].state = APP_STARTING;
		/* Who cannot be told to go would wait for ever: a closed socket ends it. */
		if (message_send(init->apps[i].socket, (struct message){ .type = MESSAGE_GO }) < 0)
			close(TAKE_FD(init->apps[i].socket));
	}
	return 0;
}

_Noreturn void init_main(const struct init_args *args)
{
	AUTO(err_clear) struct err err = {};
	static struct init init;
	sigset_t children;
	int r;

	init = (struct init){ .args = args, .plan = args->plan, .spare_fd = -1 };
	init.apps = xcalloc(args->plan->n_apps, sizeof(*init.apps));
	init.polls = xcalloc(POLL_FIXED + args->plan->n_apps + GUESTS_MAX, sizeof(*init.polls));
	for (size_t i = 0; i < args->plan->n_apps; i++)
		init.apps[i] = (struct init_app){ .socket = -1, .mnt_fd = -1, .cgroup_fd = -1 };
	for (size_t i = 0; i < GUESTS_MAX; i++)
		init.guests[i].fd = -1;
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	init.signal_fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	r = init.signal_fd < 0 ? err_sys(&err, -errno, "cannot listen to signals") : set_up(&init, &err);
	if (r < 0) {
		message_fail(args->supervisor_fd, 0, r, &err);
		_exit(1);
	}
	if (let_go(&init) == 0)
		loop(&init);
	_exit(0);
}
