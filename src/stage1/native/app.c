#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"
#include "os/process.h"
#include "stage1/native/appfs.h"
#include "stage1/native/door.h"
#include "stage1/native/init.h"

/* What the exec of an app that could not be executed counts as: systemd's EXIT_EXEC, which scripts know from rkt. */
enum { EXIT_EXEC = 203 };

static struct door door_of(const struct init *init, size_t index)
{
	const struct app_plan *app = &init->plan->apps[index];
	struct door d = {
		.plan = init->plan, .app = app, .ids = init->apps[index].ids, .argv = app->app->exec,
		.working_dir = app->app->working_dir, .root_fd = app->root_fd, .proc_fd = init->fs.proc_fd,
		.tty_fd = init->args->tty_fd, .dir_fd = -1,
	};

	for (int i = 0; i < 3; i++)
		d.fds[i] = init->args->fds[i] >= 0 ? init->args->fds[i] : init->fs.null_fd;
	return d;
}

static const struct event_handler *next_handler(const struct app_plan *app, const char *name, size_t *at)
{
	while (*at < app->app->n_handlers) {
		const struct event_handler *h = &app->app->handlers[(*at)++];

		if (str_eq(h->name, name))
			return h;
	}
	return NULL;
}

bool app_has_handler(const struct app_plan *app, const char *name)
{
	size_t at = 0;

	return next_handler(app, name, &at);
}

/* Handlers run as root whoever the app is, as in rkt, and through the same door. Returns the exit status. */
static int run_handler(const struct door *like, const struct event_handler *h)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	struct door d = *like;
	int status, r;
	pid_t pid;

	pid = process_clone(0, -1);
	if (pid < 0)
		return EXIT_EXEC;
	if (pid) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	}
	d.ids = (struct identity_ids){};
	d.argv = h->exec;
	d.tty_fd = -1;
	r = h->exec && *h->exec ? door_check(&d, &err) : err_set(&err, -ERR_BAD_INPUT, "it has no command");
	if (r >= 0)
		(void)door_pass(&d, &err);
	text = err_text(&err);
	log_info("event handler '%s' of app '%s': %s", h->name, d.app->name, text);
	_exit(EXIT_EXEC);
}

static void run_handlers(const struct door *d, const char *name)
{
	const struct event_handler *h;
	size_t at = 0;

	while ((h = next_handler(d->app, name, &at))) {
		int code = run_handler(d, h);

		if (code)
			_exit(code);
	}
}

static int set_up(const struct init *init, struct door *d, int socket, struct err *err)
{
	int r = cgroup_leaf_join(&d->app->leaf);

	if (r < 0)
		return err_sys(err, r, "cannot join its cgroup");
	/* Its own group is the root of the control groups that it sees. */
	if (unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(err, -errno, "cannot make a cgroup namespace");
	r = appfs_enter(init->plan, d->app, &init->fs, init->args->tty_fd, err);
	if (r >= 0)
		r = d->app->alone ? users_resolve_alone(d->root_fd, d->app->app->user, &d->ids, err)
				  : users_resolve(d->root_fd, d->app->app->user, d->app->app->group, &d->ids, err);
	if (r >= 0)
		r = door_check(d, err);
	if (r >= 0)
		r = message_send(socket, (struct message){ .type = MESSAGE_READY, .ids = d->ids });
	return r;
}

_Noreturn void app_main(const struct init *init, size_t index, int socket)
{
	AUTO(err_clear) struct err err = {};
	struct door d = door_of(init, index);
	AUTO(free) char *text = NULL;
	struct message m;
	int r = set_up(init, &d, socket, &err);

	if (r < 0) {
		message_fail(socket, (int)index, r, &err);
		_exit(EXIT_EXEC);
	}
	if (message_receive(socket, 0, &m) != 1 || m.type != MESSAGE_GO)
		_exit(EXIT_EXEC);
	run_handlers(&d, "pre-start");
	(void)door_pass(&d, &err);
	text = err_text(&err);
	log_info("Error: %s", text);
	_exit(EXIT_EXEC);
}

int app_join(const struct init *init, size_t index, struct err *err)
{
	const struct init_app *app = &init->apps[index];
	int r = cgroup_leaf_join(&init->plan->apps[index].leaf);

	if (r < 0)
		return err_sys(err, r, "cannot join the app's cgroup");
	if (setns(app->cgroup_fd, CLONE_NEWCGROUP) < 0 || setns(app->mnt_fd, CLONE_NEWNS) < 0)
		return err_sys(err, -errno, "cannot join the app's namespaces");
	return 0;
}

_Noreturn void handler_main(const struct init *init, size_t index, const char *name)
{
	AUTO(err_clear) struct err err = {};
	struct door d = door_of(init, index);
	int r = app_join(init, index, &err);

	if (r < 0) {
		AUTO(free) char *text = err_text(&err);

		log_info("event handler '%s' of app '%s': %s", name, d.app->name, text);
		_exit(EXIT_EXEC);
	}
	run_handlers(&d, name);
	_exit(0);
}
