#include "stage1/native/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"
#include "pod/contract.h"
#include "stage1/native/message.h"
#include "stage1/native/podfiles.h"

enum { EXIT_LOST = 254, POLL_FIXED = 2 };

int supervisor_signals(int *ret_fd, struct err *err)
{
	static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD, SIGWINCH };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, normal = { .sa_handler = SIG_DFL };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		sigaddset(&set, ours[i]);
		/* A caller that ignores SIGCHLD would have us never hear of the pod's end. */
		(void)sigaction(ours[i], &normal, NULL);
	}
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return err_sys(err, -errno, "cannot block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_sys(err, -errno, "cannot listen to signals");
	*ret_fd = fd;
	return 0;
}

static int order(const struct supervisor *s, enum message_type type, int value)
{
	return message_send(s->init_fd, (struct message){ .type = (int32_t)type, .value = value });
}

/* First in good order, then at once, and then without asking the pod's init, whatever keeps it. */
static void stop(struct supervisor *s)
{
	s->stops++;
	if (s->init_gone)
		return;
	if (s->stops > 2 || order(s, s->stops > 1 ? MESSAGE_KILL : MESSAGE_STOP, 0) < 0)
		(void)kill(s->init_pid, SIGKILL);
}

/* --- what becomes of the apps -------------------------------------------- */

static void write_status(struct supervisor *s, size_t app, const char *suffix, const char *text)
{
	AUTO(free) char *name = xasprintf("%s%s", s->plan->apps[app].name, suffix);
	AUTO(err_clear) struct err err = {};

	if (podfile_write(s->status_fd, name, text, 0644, &err) < 0) {
		AUTO(free) char *words = err_text(&err);

		log_warn("%s", words);
	}
}

/* What systemd waits for with Type=notify. */
static void notify_ready(void)
{
	static const char words[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO(close) int fd = -1;
	size_t len;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(address.sun_path))
		return;
	len = strlen(path);
	memcpy(address.sun_path, path, len);
	if (*path == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, words, sizeof(words) - 1, MSG_NOSIGNAL, (const struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		log_warn("cannot notify '%s': %s", path, err_name(-errno));
}

static void app_started(struct supervisor *s, size_t app)
{
	write_status(s, app, "-started", "");
	if (++s->started < s->plan->n_apps)
		return;
	if (symlink("ready", POD_STAGE1_ROOTFS "/" STAGE1_READY) < 0 && errno != EEXIST)
		log_warn("cannot make '" STAGE1_READY "': %s", err_name(-errno));
	notify_ready();
}

static void app_exited(struct supervisor *s, size_t app, int code)
{
	AUTO(free) char *text = xasprintf("%d\n", code);

	write_status(s, app, "", text);
	s->ended++;
	log_debug("app '%s' ended with %d", s->plan->apps[app].name, code);
	/* Who ends on the signal by which we asked it to has not failed. */
	if (code && !s->code && !(s->stops && code == SIGTERM))
		s->code = code;
}

static void take_message(struct supervisor *s)
{
	struct message m;
	int r = message_receive(s->init_fd, MSG_DONTWAIT, &m);

	if (r == -EAGAIN)
		return;
	if (r <= 0) {
		close(TAKE_FD(s->init_fd));
		return;
	}
	if (m.app < 0 || (size_t)m.app >= s->plan->n_apps)
		return;
	if (m.type == MESSAGE_STARTED)
		app_started(s, (size_t)m.app);
	else if (m.type == MESSAGE_EXITED)
		app_exited(s, (size_t)m.app, m.value);
}

/* --- signals ------------------------------------------------------------- */

static void reap_init(struct supervisor *s, int flags)
{
	int status;

	if (s->init_gone || waitpid(s->init_pid, &status, flags) != s->init_pid)
		return;
	s->init_gone = true;
	if (WIFSIGNALED(status) && !s->code)
		s->code = EXIT_LOST;
}

static void take_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch ((int)info.ssi_signo) {
	case SIGCHLD:
		reap_init(s, WNOHANG);
		break;
	case SIGWINCH:
		stdio_resize(s->stdio);
		break;
	case SIGHUP:
		(void)order(s, MESSAGE_SIGNAL, SIGHUP);
		break;
	default:
		stop(s);
		break;
	}
}

/* --- the way of a pod ---------------------------------------------------- */

/* Takes a signal while there are no apps yet. */
static bool is_told_to_end(struct supervisor *s)
{
	struct signalfd_siginfo info;

	return read(s->signal_fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGCHLD &&
	       info.ssi_signo != SIGWINCH;
}

int supervisor_await_ready(struct supervisor *s, struct err *err)
{
	struct pollfd polls[] = { { s->init_fd, POLLIN, 0 }, { s->signal_fd, POLLIN, 0 } };
	struct message m;
	int r;

	/* A file system that hangs keeps the app from being set up, not us from ending. */
	while (!polls[0].revents) {
		if (poll(polls, ARRAY_LEN(polls), -1) < 0 && errno != EINTR)
			return err_sys(err, -errno, "cannot wait for the pod");
		if (polls[1].revents && !polls[0].revents && is_told_to_end(s))
			return err_set(err, -EINTR, "told to end while the pod was set up");
	}
	r = message_receive(s->init_fd, 0, &m);
	if (r == 1 && m.type == MESSAGE_READY)
		return 0;
	if (r == 1 && m.type == MESSAGE_FAILED)
		return err_recv(s->init_fd, err);
	return err_set(err, -EPIPE, "the pod's init died while it was set up");
}

int supervisor_run(struct supervisor *s, struct err *err)
{
	struct pollfd polls[POLL_FIXED + 2 * RELAYS_MAX];
	int r = order(s, MESSAGE_GO, 0);

	if (r < 0)
		return err_sys(err, r, "cannot start the pod");
	while (!s->init_gone || s->init_fd >= 0) {
		size_t n = POLL_FIXED;

		polls[0] = (struct pollfd){ s->signal_fd, POLLIN, 0 };
		polls[1] = (struct pollfd){ s->init_fd, POLLIN, 0 };
		n += stdio_poll(s->stdio, polls + POLL_FIXED);
		if (poll(polls, n, -1) < 0 && errno != EINTR)
			return err_sys(err, -errno, "cannot wait for the pod");
		if (polls[0].revents)
			take_signal(s);
		if (polls[1].revents)
			take_message(s);
		stdio_handle(s->stdio);
		if (stdio_escaped(s->stdio))
			(void)order(s, MESSAGE_KILL, 0);
	}
	/* Init left without a word of what became of the apps. */
	if (s->ended < s->plan->n_apps && !s->code && !s->stops)
		s->code = EXIT_LOST;
	return 0;
}

void supervisor_end(struct supervisor *s)
{
	if (s->init_pid > 0 && !s->init_gone) {
		(void)kill(s->init_pid, SIGKILL);
		reap_init(s, 0);
	}
	stdio_finish(s->stdio);
}
