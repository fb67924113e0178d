#include "image/helper.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "config.h"
#include "image/credentials.h"
#include "image/progress.h"
#include "spec/limits.h"

enum { NOBODY = 65534, GONE_MS = 250 };

/* All that rkt-fetch may know of our environment. */
static const char *const passed_on[] = {
	"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
};

static char **environment(void)
{
	char **env = NULL;

	for (size_t i = 0; i < ARRAY_LEN(passed_on); i++) {
		const char *value = getenv(passed_on[i]);

		if (value)
			strv_take(&env, xasprintf("%s=%s", passed_on[i], value));
	}
	return env;
}

char *helper_dir(void)
{
	AUTO(free) char *self = realpath("/proc/self/exe", NULL), *helper = NULL;

	if (self && strrchr(self, '/')) {
		*strrchr(self, '/') = 0;
		helper = xasprintf("%s/rkt-fetch", self);
		if (access(helper, X_OK) == 0)
			return TAKE(self);
	}
	return xstrdup(LIBEXEC_DIR);
}

int helper_open(const char *libexec_dir, const char *name, int *ret_fd, struct err *err)
{
	AUTO(free) char *path = xasprintf("%s/%s", libexec_dir, name);
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", path);
	*ret_fd = fd;
	return 0;
}

struct identity {
	uid_t uid;
	gid_t gid;
	pid_t parent;
	bool own;	/* the caller's */
};

/* Whom rkt-fetch runs as: never root, and never in the group that may write to the store. */
static struct identity identity(void)
{
	struct identity id = { .uid = getuid(), .gid = getgid(), .parent = getpid() };
	const struct passwd *user;

	id.own = id.uid && geteuid();
	if (id.own)
		return id;
	user = getpwnam(FETCH_USER);
	id.uid = user && user->pw_uid ? user->pw_uid : NOBODY;
	id.gid = NOBODY;
	return id;
}

/* In the child: nothing of ours stays within its reach, and it does not outlive us. As root it gives that up itself. */
static int give_up_privilege(void *arg, struct err *err)
{
	const struct identity *id = arg;
	int r;

	if (chdir("/") < 0)
		return err_sys(err, -errno, "cannot enter '/'");
	r = id->own ? proc_drop(id->uid, id->gid, err) : 0;
	if (r < 0)
		return r;
	/* After the change of user, which would clear it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot tie rkt-fetch to rkt");
	if (getppid() != id->parent)
		return err_set(err, -ESRCH, "rkt is gone");
	return 0;
}

static int start(const struct fetch_config *config, const struct helper_fds *f, int control_fd, int *ret_pidfd,
		 struct err *err)
{
	AUTO(strv_free) char **env = environment();
	AUTO(close) int exe_fd = -1;
	struct identity id = identity();
	AUTO(free) char *as = xasprintf(WIRE_ARG_AS "%u:%u", id.uid, id.gid);
	/* What libraries print there is for nobody's eyes; what matters comes over the socket. */
	int fds[WIRE_FD_KEYS + WIRE_KEY_FILES_MAX] = { -1, -1, -1 };
	struct proc proc = { .env = env, .fds = fds, .before_exec = give_up_privilege, .arg = &id };
	int r = helper_open(config->libexec_dir, "rkt-fetch", &exe_fd, err);

	if (r < 0)
		return r;
	fds[WIRE_FD_CONTROL] = control_fd;
	fds[WIRE_FD_DOWNLOAD] = f->download;
	fds[WIRE_FD_STREAM] = f->stream;
	fds[WIRE_FD_IMAGE] = f->image;
	fds[WIRE_FD_SIGNATURE] = f->signature;
	for (size_t i = 0; i < f->n_keys; i++)
		fds[WIRE_FD_KEYS + i] = f->keys[i];
	proc.exe_fd = exe_fd;
	/* The local services that a person can reach start programs; nobody's are for all. */
	proc.argv = (char *[]){ (char[]){ "rkt-fetch" }, id.own ? NULL : as, (char[]){ WIRE_ARG_LOCAL_SERVICES }, NULL };
	proc.n_fds = WIRE_FD_KEYS + f->n_keys;
	r = proc_start(&proc, NULL, ret_pidfd, err);
	return r < 0 ? err_wrap(err, r, "cannot start rkt-fetch") : 0;
}

int helper_configure(const struct fetch_config *config, struct wire_request *request, struct err *err)
{
	request->skip_signature = config->insecure & FETCH_SKIP_SIGNATURE;
	request->skip_tls = config->insecure & FETCH_SKIP_TLS;
	request->allow_http = config->insecure & FETCH_ALLOW_HTTP;
	request->pubkey_http = config->insecure & FETCH_PUBKEY_HTTP;
	request->debug = log_debugging();
	request->limits = limits_hand_on();
	mirrors_add(config, request);
	return credentials_add(config, request, err);
}

/*
 * Makes its failure ours. A code that would end us without a word, or that is
 * none of ours, is not believed.
 */
static int take_failure(struct wire_reply *reply, struct err *err)
{
	int r = (int)reply->code;

	if (-r > 4095 && (-r < ERR_NO_SIGNATURE || -r >= ERR_USAGE) && r != -ERR_BAD_INPUT)
		r = -EPROTO;
	if (err) {
		err_clear(err);
		err->chain = TAKE(reply->chain);
	}
	return r;
}

struct helper {
	int control_fd, pidfd;
	struct progress progress;
};

/* Its exit code, if it comes to that soon: it may hold on without a socket. */
static int died(int pidfd, struct err *err)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int code;

	if (poll(&p, 1, GONE_MS) <= 0)
		return err_set(err, -EPROTO, "rkt-fetch closed its socket without an answer");
	code = proc_wait(pidfd);
	if (code == 128 + SIGSYS)
		return err_set(err, -EPROTO, "rkt-fetch was ended, for it tried what it may not do (SIGSYS)");
	if (code > 128)
		return err_set(err, -EPROTO, "rkt-fetch was ended by signal %d", code - 128);
	return err_set(err, -EPROTO, "rkt-fetch ended without an answer (code %d)", code);
}

/* Shows what is for the person. true: that was all of it. */
static bool show(struct helper *h, const struct wire_reply *reply)
{
	if (str_eq(reply->kind, "log")) {
		progress_end(&h->progress);
		log_debug("image: %s", reply->text);
		return true;
	}
	if (str_eq(reply->kind, "progress")) {
		progress_show(&h->progress, reply->label, reply->done, reply->total);
		return true;
	}
	return false;
}

int helper_next(struct helper *h, struct wire_reply *ret, struct err *err)
{
	int r;

	for (;;) {
		AUTO(wire_reply_clear) struct wire_reply reply = {};

		r = wire_recv_reply(h->control_fd, &reply, err);
		if (r == -EPIPE)
			return died(h->pidfd, err);
		if (r < 0)
			return r;
		if (show(h, &reply))
			continue;
		if (str_eq(reply.kind, "error")) {
			progress_end(&h->progress);
			return take_failure(&reply, err);
		}
		*ret = reply;
		reply = (struct wire_reply){};
		return 0;
	}
}

int helper_tell(struct helper *h, const struct wire_command *command, const int *fds, size_t n_fds, struct err *err)
{
	int r = wire_send_command(h->control_fd, command, fds, n_fds);

	return r < 0 && r != -EPIPE ? err_sys(err, r, "cannot send a command to rkt-fetch") : 0;
}

void helper_free(struct helper *h)
{
	if (!h)
		return;
	progress_end(&h->progress);
	close_auto(&h->control_fd);
	if (h->pidfd >= 0)
		proc_kill(h->pidfd);
	close_auto(&h->pidfd);
	free(h);
}

int helper_start(const struct fetch_config *config, const struct wire_request *request, struct helper_fds *fds,
		 struct helper **ret, struct err *err)
{
	AUTO(helper_free) struct helper *h = xcalloc(1, sizeof(*h));
	AUTO(close) int theirs = -1;
	int pair[2], r;

	h->control_fd = h->pidfd = -1;
	if (fds->n_keys > WIRE_KEY_FILES_MAX)
		return err_set(err, -E2BIG, "more than %d key files", WIRE_KEY_FILES_MAX);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, -errno, "cannot make a socket");
	h->control_fd = pair[0];
	theirs = pair[1];
	r = start(config, fds, theirs, &h->pidfd, err);
	if (r < 0)
		return r;
	if (fds->stream >= 0)
		close(TAKE_FD(fds->stream));	/* its end must be the archive's end */
	close(TAKE_FD(theirs));
	r = wire_send_request(h->control_fd, request);
	if (r == -E2BIG)
		return err_set(err, r, "too many or too large trusted keys or credentials");
	/* If it is gone already, what it said before is worth more than that. */
	if (r < 0 && r != -EPIPE)
		return err_sys(err, r, "cannot send a request to rkt-fetch");
	*ret = TAKE(h);
	return 0;
}

int helper_ask(const struct fetch_config *config, const struct wire_request *request, struct helper_fds *fds,
	       struct wire_reply *ret, struct err *err)
{
	AUTO(helper_free) struct helper *h = NULL;
	int r = helper_start(config, request, fds, &h, err);

	return r < 0 ? r : helper_next(h, ret, err);
}
