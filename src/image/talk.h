#ifndef IMAGE_TALK_H
#define IMAGE_TALK_H
#include "image/wire.h"
/*
 * rkt-fetch's end of the socket when several threads use it: every reply goes out
 * whole, and what rkt says reaches whoever waits for it, whichever of them reads it.
 */
struct talk;

/* fd stays the caller's and must outlive it. debug: what is said goes out at all. */
struct talk *talk_new(int fd, bool debug);
void talk_free(struct talk *t);
DEFINE_AUTO(struct talk *, talk_free)

void talk_say(struct talk *t, const char *fmt, ...) PRINTF(2, 3);

/* Sends r, which stays the caller's. -EPIPE: rkt is gone, or nothing is to be sent any more. Else an errno. */
int talk_reply(struct talk *t, const struct wire_reply *r);

/* From here on nothing is sent any more, whoever tries. */
void talk_mute(struct talk *t);

/*
 * The next command, waited for no longer than timeout_ms, which may be -1. 1: *ret and ret_fds are the caller's, as of
 * wire_recv_command(). 0: there is none yet.
 */
int talk_command(struct talk *t, int timeout_ms, struct wire_command *ret, int ret_fds[WIRE_COMMAND_FDS],
		 struct err *err);

/* Asks rkt for a file of the image layout. -ERR_NOT_FOUND: there is none of that name. */
int talk_open(struct talk *t, const char *path, int *ret_fd, struct err *err);
#endif
