#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "pod/contract.h"
#include "spec/pod.h"
#include "stage1/native/args.h"
#include "stage1/native/control.h"
#include "stage1/native/relay.h"
#include "stage1/native/run.h"

/*
 * The client of the control socket. It stays outside: the pod's init starts the
 * command, with the identity of the app.
 */
enum { POLL_FIXED = 2, EXIT_HUNG_UP = 254 };

/* Init knows apps by their place in the manifest. */
static int find_app(const char *name, uint32_t *ret, struct err *err)
{
	AUTO(pod_manifest_clear) struct pod_manifest m = {};
	AUTO(free) char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, POD_MANIFEST, MANIFEST_MAX_BYTES, &text, &len);

	if (r < 0)
		return err_sys(err, r, "cannot read the pod manifest");
	r = pod_manifest_read(text, len, &m, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read the pod manifest");
	for (size_t i = 0; i < m.n_apps; i++) {
		if (str_eq(m.apps[i].name, name)) {
			*ret = (uint32_t)i;
			return 0;
		}
	}
	return err_set(err, -ERR_NOT_FOUND, "the pod has no app '%s'", name);
}

static int make_text(char *const *command, int *ret_fd, struct err *err)
{
	AUTO(buf_clear) struct buf text = {};
	AUTO(close) int fd = (int)syscall(SYS_memfd_create, "command", 1u /* MFD_CLOEXEC */);
	const char *term = getenv("TERM");
	int r;

	buf_addf(&text, "TERM=%s", term && *term ? term : "vt100");
	buf_add(&text, "", 1);
	for (; *command; command++)
		buf_add(&text, *command, strlen(*command) + 1);
	if (text.len > CONTROL_TEXT_MAX)
		return err_set(err, -E2BIG, "the command is too long");
	r = fd < 0 ? -errno : fd_write_all(fd, text.data, text.len);
	if (r < 0)
		return err_sys(err, r, "cannot pass on the command");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int watch_signals(int *ret_fd, struct err *err)
{
	static const int passed[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		sigaddset(&set, passed[i]);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return err_sys(err, -errno, "cannot block signals");
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd < 0 ? err_sys(err, -errno, "cannot listen to signals") : 0;
}

/* 0, 1 and 2 for the command; the pod has its own null device for those that are null. */
static int send_request(int conn, const struct stdio *stdio, bool terminal, uint32_t app, int text_fd, struct err *err)
{
	struct control_request q = { .magic = CONTROL_MAGIC, .app = app, .flags = terminal ? CONTROL_TTY : 0 };
	int fds[CONTROL_FDS], r;

	for (int i = 0; i < 3; i++)
		fds[i] = stdio->fds[i] >= 0 ? stdio->fds[i] : i;
	/* A terminal is made there: what is sent in its place only keeps the count. */
	for (int i = 0; i < 3 && terminal; i++)
		fds[i] = text_fd;
	fds[CONTROL_TEXT] = text_fd;
	r = control_send(conn, &q, sizeof(q), fds, CONTROL_FDS);
	/* Who was sent away before he could ask has an answer waiting. */
	if (r == -EPIPE)
		return 0;
	return r < 0 ? err_sys(err, r, "cannot reach the pod") : 0;
}

static void take_signal(int conn, int signal_fd, struct stdio *stdio)
{
	struct signalfd_siginfo info;
	unsigned char signal;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	signal = (unsigned char)info.ssi_signo;
	if (signal == SIGWINCH)
		stdio_resize(stdio);
	else
		(void)control_send(conn, &signal, 1, NULL, 0);
}

/* 1: go on, 0: the command ended with *ret_code. */
static int take_reply(int conn, struct stdio *stdio, int *ret_code, struct err *err)
{
	struct control_reply reply;
	int master, r = control_receive(conn, &reply, sizeof(reply), &master, 1);

	if (r < 0)
		return err_sys(err, r, "cannot hear from the pod");
	if (r == 0)
		return err_set(err, -EPIPE, "the pod ended");
	switch (reply.type) {
	case CONTROL_TERMINAL:
		r = stdio_terminal(master, -1, stdio, err);
		return r < 0 ? r : 1;
	case CONTROL_EXITED:
		*ret_code = reply.value;
		return 0;
	case CONTROL_REFUSED:
		if (reply.value == -ESRCH)
			return err_set(err, -ERR_STATE, "the app is not running");
		return err_sys(err, reply.value, "cannot start a process in the pod");
	default:
		r = err_recv(conn, err);
		return r < 0 ? r : err_set(err, -EPIPE, "the command could not be started");
	}
}

static int converse(int conn, int signal_fd, struct stdio *stdio, int *ret_code, struct err *err)
{
	struct pollfd polls[POLL_FIXED + 2 * RELAYS_MAX];

	for (;;) {
		size_t n = POLL_FIXED;
		int r;

		polls[0] = (struct pollfd){ conn, POLLIN, 0 };
		polls[1] = (struct pollfd){ signal_fd, POLLIN, 0 };
		n += stdio_poll(stdio, polls + POLL_FIXED);
		if (poll(polls, n, -1) < 0 && errno != EINTR)
			return err_sys(err, -errno, "cannot wait for the command");
		stdio_handle(stdio);
		if (polls[1].revents)
			take_signal(conn, signal_fd, stdio);
		if (!polls[0].revents)
			continue;
		r = take_reply(conn, stdio, ret_code, err);
		if (r <= 0)
			return r;
	}
}

int enter_main(char *const *argv, struct err *err)
{
	static struct stdio stdio;
	AUTO(close) int conn = -1, text = -1, signals = -1;
	struct enter_args args;
	bool terminal = isatty(STDIN_FILENO);
	uint32_t app = 0;
	int code = EXIT_HUNG_UP, r;

	stdio = STDIO_NONE;
	log_set_prefix("enter");
	r = enter_args_parse(argv, &args, err);
	if (r >= 0)
		r = find_app(args.app, &app, err);
	if (r >= 0)
		r = make_text(args.command, &text, err);
	if (r >= 0)
		r = watch_signals(&signals, err);
	if (r >= 0)
		r = control_connect(&conn, err);
	if (r >= 0 && !terminal)
		r = stdio_plain(true, &stdio, err);
	if (r >= 0)
		r = send_request(conn, &stdio, terminal, app, text, err);
	stdio_close_pod_ends(&stdio);
	if (r >= 0)
		r = converse(conn, signals, &stdio, &code, err);
	stdio_finish(&stdio);
	return r < 0 ? r : code;
}
