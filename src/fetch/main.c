/*
 * rkt-fetch: gets images and keys for rkt. It is started by rkt alone, without
 * privileges, and speaks on one socket; see image/wire.h.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "fetch/box.h"
#include "image/server.h"
#include "image/wire.h"
#include "os/users.h"

enum { EXIT_OURS = 254 };

#ifdef WITH_ASAN
/* The leak checker works by ptrace, which is forbidden below. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return 1; }
#endif

static bool is_socket(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* who: "UID:GID". From here on other processes of that user can't trace us: see setresuid() in PR_SET_DUMPABLE(2const). */
static int become(const char *who, struct err *err)
{
	AUTO(free) char *uid = xstrdup(who);
	char *gid = strchr(uid, ':');
	pid_t parent = getppid();
	unsigned ids[2];
	int r;

	if (gid)
		*gid++ = 0;
	if (!gid || users_parse_id(uid, &ids[0]) < 0 || users_parse_id(gid, &ids[1]) < 0)
		return err_set(err, -EINVAL, "'%s' is no user and group", who);
	r = proc_drop(ids[0], ids[1], err);
	if (r < 0)
		return r;
	/* The change of user took it away. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot tie rkt-fetch to rkt");
	return getppid() == parent ? 0 : err_set(err, -ESRCH, "rkt is gone");
}

static int give_up_root(const char *word, struct err *err)
{
	if (!str_starts(word ?: "", WIRE_ARG_AS))
		return err_set(err, -EPERM, "refusing to run as root");
	return become(word + strlen(WIRE_ARG_AS), err);
}

int main(int argc, char **argv)
{
	AUTO(err_clear) struct err err = {};
	int r = 0;

	log_set_prefix("rkt-fetch");
	if (!is_socket(WIRE_FD_CONTROL)) {
		log_info("this program is started by rkt");
		return EXIT_OURS;
	}
	if (geteuid() == 0)
		r = give_up_root(argv[1], &err);
	/*
	 * Others may run as our user, "nobody" above all. What we answer decides which
	 * image counts as verified, so none of them may trace us.
	 */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return EXIT_OURS;
	signal(SIGPIPE, SIG_IGN);	/* rkt-unpack giving up is an error to return */
	signal(SIGXFSZ, SIG_IGN);	/* so is a limit of file sizes */
	if (r >= 0)
		r = box_enter(argc > 2 && str_eq(argv[2], WIRE_ARG_LOCAL_SERVICES), &err);
	if (r >= 0)
		_exit(fetch_serve(WIRE_FD_CONTROL));	/* as it has to be: no end of the libraries below its threads */
	(void)wire_send_reply(WIRE_FD_CONTROL, &(struct wire_reply){ .kind = (char[]){ "error" }, .code = r,
								     .chain = err.chain });
	return EXIT_OURS;
}
