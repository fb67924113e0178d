#ifndef STAGE1_NATIVE_INIT_H
#define STAGE1_NATIVE_INIT_H
#include "stage1/native/message.h"
#include "stage1/native/plan.h"
#include "stage1/native/podfs.h"
/*
 * The pod's init, pid 1 inside: sets up what the apps share, starts them, reaps
 * whoever ends, and starts commands that enter the pod. It never executes
 * anything: it is the supervisor's program, forked. Once the apps run it
 * allocates nothing.
 */
struct init_args {
	const struct pod_plan *plan;
	int supervisor_fd;	/* messages */
	int lock_fd;		/* the pod's lock, the supervisor's alone: closed at once */
	int listen_fd;		/* control socket */
	int pts_fd;		/* the devpts mount; -1: make one */
	int fds[3];		/* for the apps; -1: the null device */
	int tty_fd;		/* the app's terminal; -1: none */
};
_Noreturn void init_main(const struct init_args *args);

enum app_state { APP_SETUP, APP_STARTING, APP_RUNNING, APP_STOPPING, APP_ENDED };

/* One app as init sees it. */
struct init_app {
	enum app_state state;
	pid_t pid;			/* of its main process, or of its post-stop handler */
	int socket;			/* until it executes */
	int mnt_fd, cgroup_fd;		/* its namespaces, for those who come later */
	struct identity_ids ids;
	int code;
};

enum { GUESTS_MAX = 64 };

/* One command that entered, from its connection on. */
struct guest {
	int fd;		/* -1: free */
	pid_t pid;	/* 0: has not said yet what it wants */
};

struct init {
	const struct init_args *args;
	const struct pod_plan *plan;
	struct podfs fs;
	struct init_app *apps;
	struct guest guests[GUESTS_MAX];
	struct pollfd *polls;
	int signal_fd;
	int spare_fd;		/* gives way to say no when there are no more */
	int64_t deadline;	/* ms, monotonic: then the rest is killed; 0: none */
	bool stopping;
	bool more_dead;		/* left to be reaped */
};

/* app.c: the child that becomes an app. */
_Noreturn void app_main(const struct init *init, size_t index, int socket);
_Noreturn void handler_main(const struct init *init, size_t index, const char *name);
bool app_has_handler(const struct app_plan *app, const char *name);

/* guest.c */
void guest_accept(struct init *init);
void guest_handle(struct init *init, struct guest *g, short events);
void guest_exited(struct guest *g, int status);

/* In a process born for it: becomes one of the app's processes but for its identity. */
int app_join(const struct init *init, size_t index, struct err *err);
#endif
