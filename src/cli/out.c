#include "cli/out.h"

#include <poll.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "config.h"

void out_line(const char *fmt, ...)
{
	AUTO(free) char *text = NULL, *shown = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	shown = str_printable(text);
	puts(shown);
}

void out_text(const char *text) { fputs(text, stdout); }

int out_flush(struct err *err)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	if (fflush(stdout) == EOF && errno)
		return err_sys(err, -errno, "cannot write to standard output");
	if (!ferror(stdout))
		return 0;
	/* An earlier write failed, and why is gone; but a pipe tells when nobody reads it. */
	if (poll(&p, 1, 0) == 1 && p.revents & POLLERR)
		return err_sys(err, -EPIPE, "cannot write to standard output");
	return err_set(err, -EIO, "cannot write to standard output");
}

void out_failure(const struct err *err)
{
	AUTO(free) char *words = log_debugging() ? err_tree(err) : err_text(err);
	AUTO(free) char *line = xasprintf("%s: %s\n", log_prefix(), words);

	fflush(stdout);		/* in the order in which things were said */
	(void)fd_write_all(STDERR_FILENO, line, strlen(line));
}

void out_errors(const char *what, char *const *errors)
{
	static const char line[] = "----------------------------------------";

	if (!errors)
		return;
	fflush(stdout);
	fprintf(stderr, "%zu error(s) encountered when listing %s:\n%s\n", strv_len(errors), what, line);
	for (; *errors; errors++)
		fprintf(stderr, "%s\n", *errors);
	fprintf(stderr, "%s\nmisc:\n  rkt's appc version: %s\n%s\n", line, APPC_VERSION, line);
}
