#ifndef BASE_LOG_H
#define BASE_LOG_H
#include <stdbool.h>

#include "base/mem.h"
/*
 * Words for the person, on stderr, one line each: "prefix: text". Control bytes
 * in the text are shown as \xNN. The level is the program's one global.
 */
void log_set_debug(bool on);
bool log_debugging(void);

/* What goes in front of each line: the command's last word. Not copied. */
void log_set_prefix(const char *prefix);
const char *log_prefix(void);

void log_debug(const char *fmt, ...) PRINTF(1, 2);	/* only with --debug */
void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);	/* "warning: …": going on although something is wrong */
#endif
