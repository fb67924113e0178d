#include "base/log.h"

#include "base/buf.h"
#include "base/fd.h"

static bool debug_on;
static const char *line_prefix = "rkt";

void log_set_debug(bool on) { debug_on = on; }
bool log_debugging(void) { return debug_on; }
void log_set_prefix(const char *prefix) { line_prefix = prefix; }
const char *log_prefix(void) { return line_prefix; }

/* One write per line, so that lines of several processes do not mix. */
PRINTF(2, 0) static void say(const char *kind, const char *fmt, va_list ap)
{
	AUTO(free) char *text = xvasprintf(fmt, ap);
	AUTO(buf_clear) struct buf line = {};

	buf_addf(&line, "%s: %s", line_prefix, kind);
	buf_add_printable(&line, text);
	buf_addc(&line, '\n');
	(void)fd_write_all(STDERR_FILENO, line.data, line.len);
}

#define SAY(kind)                      \
	do {                           \
		va_list ap;            \
		va_start(ap, fmt);     \
		say(kind, fmt, ap);    \
		va_end(ap);            \
	} while (0)

void log_debug(const char *fmt, ...)
{
	if (debug_on)
		SAY("");
}

void log_info(const char *fmt, ...) { SAY(""); }
void log_warn(const char *fmt, ...) { SAY("warning: "); }
