#ifndef STAGE1_NATIVE_CONTROL_H
#define STAGE1_NATIVE_CONTROL_H
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
/*
 * The pod's control socket (POD_CONTROL): root's enter connects there, and the
 * pod's init starts the command. A request comes with fds: what become 0, 1
 * and 2, and a file with its text. Back come replies, and after CONTROL_FAILED
 * the words as err_send() writes them. The client may send signal numbers, a
 * byte each; closing the connection hangs the command up.
 */
enum { CONTROL_MAGIC = 0x726b7431, CONTROL_TEXT_MAX = 2 << 20, CONTROL_TEXT = 3, CONTROL_FDS = 4 };
enum control_flags { CONTROL_TTY = 1 << 0 };	/* make a terminal: 0, 1 and 2 are not used */

struct control_request {
	uint32_t magic, app, flags;	/* the text: "TERM=…", then argv, all NUL-terminated */
};

enum control_reply_type {
	CONTROL_TERMINAL = 1,	/* an fd comes along: the master */
	CONTROL_EXITED,		/* value: as a shell shows it */
	CONTROL_REFUSED,	/* value: a code, and there is no more to say */
	CONTROL_FAILED,		/* value: a code; words follow */
};
struct control_reply {
	int32_t type, value;
};

int control_listen(int *ret_fd, struct err *err);	/* in the working directory */
int control_connect(int *ret_fd, struct err *err);

/* One message with n fds along. */
int control_send(int fd, const void *data, size_t len, const int *fds, size_t n);

/* Fills data[0..len); fds that come along, also with a failure, go to fds[0..max), else -1. 0: the other end is gone. */
int control_receive(int fd, void *data, size_t len, int *fds, size_t max);

/* Is root at the other end? */
int control_check_peer(int fd);
#endif
