/*
 * rkt-fetch: gets images and keys for rkt. It is started by rkt alone, without
 * privileges, and speaks on one socket; see image/wire.h.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "fetch/box.h"
#include "image/server.h"
#include "image/wire.h"

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

int main(int argc, char **argv)
{
	AUTO(err_clear) struct err err = {};
	int r;

	log_set_prefix("rkt-fetch");
	if (!is_socket(WIRE_FD_CONTROL)) {
		log_info("this program is started by rkt");
		return EXIT_OURS;
	}
	if (geteuid() == 0) {
		log_info("refusing to run as root");
		return EXIT_OURS;
	}
	/*
	 * Others may run as our user, "nobody" above all. What we answer decides which
	 * image counts as verified, so none of them may trace us.
	 */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return EXIT_OURS;
	signal(SIGPIPE, SIG_IGN);	/* rkt-unpack giving up is an error to return */
	signal(SIGXFSZ, SIG_IGN);	/* so is a limit of file sizes */
	r = box_enter(argc > 1 && str_eq(argv[1], WIRE_ARG_LOCAL_SERVICES), &err);
	if (r >= 0)
		_exit(fetch_serve(WIRE_FD_CONTROL));	/* as it has to be: no end of the libraries below its threads */
	(void)wire_send_reply(WIRE_FD_CONTROL, &(struct wire_reply){ .kind = (char[]){ "error" }, .code = r,
								     .chain = err.chain });
	return EXIT_OURS;
}
