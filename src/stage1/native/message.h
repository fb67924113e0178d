#ifndef STAGE1_NATIVE_MESSAGE_H
#define STAGE1_NATIVE_MESSAGE_H
#include <stdint.h>

#include "base/err.h"
#include "os/users.h"

/* What the supervisor, the pod's init and the apps about to start say to each other, over socket pairs. */
enum message_type {
	MESSAGE_GO = 1,		/* supervisor → init → app: execute */
	MESSAGE_STOP,		/* supervisor → init: end in good order */
	MESSAGE_KILL,		/* supervisor → init: end */
	MESSAGE_SIGNAL,		/* supervisor → init: send value to the apps */
	MESSAGE_READY,		/* app → init: set up, ids are …; init → supervisor: all are */
	MESSAGE_STARTED,	/* init → supervisor: app runs */
	MESSAGE_EXITED,		/* init → supervisor: app ended with value */
	MESSAGE_FAILED,		/* app → init → supervisor: could not be set up; err_send() follows */
};

struct message {
	int32_t type, app, value;
	struct identity_ids ids;
};

int message_pair(int ret[2]);
int message_send(int fd, struct message m);
/* 1: a message. 0: the other end is gone. -EAGAIN with MSG_DONTWAIT. */
int message_receive(int fd, int flags, struct message *ret);

/* Tells a failure and its words. */
void message_fail(int fd, int app, int r, const struct err *err);
#endif
