#ifndef STAGE1_NATIVE_RELAY_H
#define STAGE1_NATIVE_RELAY_H
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/err.h"
/*
 * Bytes between the caller's terminal and a pod, which never gets that terminal
 * itself. No call here blocks: a terminal that is held (^S) must not hold up
 * the one who supervises.
 */
enum { RELAY_ROOM = 4096, RELAYS_MAX = 3 };

struct relay {
	int from, to;			/* -1: this one has ended */
	bool is_input;			/* towards the pod */
	char data[RELAY_ROOM];
	size_t start, len;
};

/* What the apps get as 0, 1 and 2, and what of it goes through us. */
struct stdio {
	int fds[3];			/* -1: the pod's null device */
	int master;			/* the pod's pseudo-terminal, -1: none */
	bool is_raw;			/* the caller's terminal was changed: saved */
	struct termios saved;
	struct relay relays[RELAYS_MAX]; size_t n;
	unsigned escapes;		/* ^] pressed within the last second: three end the pod */
	long escape_at;
};
#define STDIO_NONE ((struct stdio){ .fds = { -1, -1, -1 }, .master = -1 })

/* Without a terminal of its own: the caller's files, with pipes in place of its terminal. */
int stdio_plain(bool with_input, struct stdio *ret, struct err *err);

/* With one: slave on all three, and the caller's terminal, if it is one, set to pass everything on. */
int stdio_terminal(int master, int slave, struct stdio *ret, struct err *err);

/* The ends that the pod has: ours to close once it was started. */
void stdio_close_pod_ends(struct stdio *s);

/* fds to poll, and what to do once they were. Returns how many; room for 2 * RELAYS_MAX. */
size_t stdio_poll(const struct stdio *s, struct pollfd *fds);
void stdio_handle(struct stdio *s);

void stdio_resize(struct stdio *s);	/* on SIGWINCH */
bool stdio_escaped(const struct stdio *s);

/* The pod is gone: passes on what it wrote last, and gives the caller its terminal back. */
void stdio_finish(struct stdio *s);
#endif
