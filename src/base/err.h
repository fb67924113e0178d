#ifndef BASE_ERR_H
#define BASE_ERR_H
#include <stdarg.h>

#include "base/auto.h"
#include "base/mem.h"
/*
 * Failure is told twice: the return value is a negative code for the caller
 * to act on, the err holds the words for the person.
 *
 * A code is an errno, or one of ours (errnos end at 4095). Any err may be
 * NULL: then only the code is told.
 */
enum err_code {
	ERR_NO_SIGNATURE = 5000,	/* nothing that signs the image was found */
	ERR_BAD_SIGNATURE,		/* there is one, and it does not verify */
	ERR_NOT_FOUND,			/* the store, server or pod has no such thing */
	ERR_AMBIGUOUS,			/* a prefix that fits more than one thing */
	ERR_USAGE,			/* the command line is wrong: usage helps */
	ERR_BAD_INPUT,			/* a document, archive or value breaks its rules */
	ERR_STATE,			/* right request, wrong moment: a pod not running … */
	ERR_EXIT,			/* already told; the exit code is all that is left */
};

/* The words, outermost first, one per err_wrap(): main joins them as --debug asks. */
struct err {
	char **chain;	/* a strv; NULL: nothing failed yet */
};

/* Says what failed, in place of what was said before. Returns r. */
int err_set(struct err *err, int r, const char *fmt, ...) PRINTF(3, 4);

/* Says what failed, then ": " and the system's words for -r. Returns r. */
int err_sys(struct err *err, int r, const char *fmt, ...) PRINTF(3, 4);

/* Puts what we were doing before what failed. Returns r. */
int err_wrap(struct err *err, int r, const char *fmt, ...) PRINTF(3, 4);

/* "outer: inner: innermost", never NULL, no control bytes (they are shown as \xNN). */
char *err_text(const struct err *err);

/* As --debug shows it: the outermost on the first line, each deeper level below, "└─". */
char *err_tree(const struct err *err);

/* The system's words for an errno, ours for an err_code. Never NULL; static. */
const char *err_name(int r);

/*
 * Hands a failure to another process over fd and takes it there, in one
 * message each: a child between clone and exec, a helper program. err_recv()
 * returns the sender's code, 0 when the other end closed without a message
 * (it succeeded), or -EBADMSG.
 */
void err_send(int fd, int r, const struct err *err);
int err_recv(int fd, struct err *err);

void err_clear(struct err *err);
static inline void err_clear_auto(struct err *err) { err_clear(err); }
#endif
