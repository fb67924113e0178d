#ifndef CLI_OUT_H
#define CLI_OUT_H
#include "base/err.h"
/* The answer of a command, on stdout. */

/* One line; control bytes in it are shown as \xNN. */
void out_line(const char *fmt, ...) PRINTF(1, 2);
void out_text(const char *text);	/* as it is: text of our own, or JSON */

/* Says what stdout could not take. Needed before this process becomes another program, too. */
int out_flush(struct err *err);

/* What could not be read while listing, after the list, on stderr. NULL: nothing. */
void out_errors(const char *what, char *const *errors);

/* A failure as rkt tells it, on stderr: "COMMAND: outer: … : innermost", with --debug as a tree. */
void out_failure(const struct err *err);
#endif
