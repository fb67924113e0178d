#include "image/progress.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

enum { BAR_WIDTH = 40, LABEL_MAX = 40 };

static void add_bytes(struct buf *b, int64_t bytes)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1000;
		unit++;
	}
	if (unit && value < 10)
		buf_addf(b, "%.1f %s", value, units[unit]);
	else
		buf_addf(b, "%.0f %s", value, units[unit]);
}

static void add_bar(struct buf *b, int64_t done, int64_t total)
{
	int filled = (int)((double)done / (double)total * BAR_WIDTH);

	buf_addc(b, '[');
	for (int i = 0; i < BAR_WIDTH; i++)
		buf_addc(b, i < filled ? '=' : i == filled ? '>' : ' ');
	buf_adds(b, "] ");
}

char *progress_text(const char *label, int64_t done, int64_t total)
{
	struct buf b = {};

	if (done > total)
		total = 0;	/* what the server promised was wrong */
	buf_add_printable(&b, label);
	if (b.len > LABEL_MAX)
		b.data[b.len = LABEL_MAX] = 0;
	buf_adds(&b, ": ");
	if (total > 0)
		add_bar(&b, done, total);
	add_bytes(&b, done);
	if (total > 0) {
		buf_addc(&b, '/');
		add_bytes(&b, total);
	}
	return buf_steal(&b);
}

void progress_show(struct progress *p, const char *label, int64_t done, int64_t total)
{
	AUTO(free) char *text = NULL;
	AUTO(free) char *line = NULL;

	if (!isatty(STDERR_FILENO))
		return;
	if (!str_eq(p->label, label)) {
		progress_end(p);
		p->label = xstrdup(label);
	}
	text = progress_text(label, done, total);
	line = xasprintf("\r%s\x1b[K", text);
	(void)fd_write_all(STDERR_FILENO, line, strlen(line));
}

void progress_end(struct progress *p)
{
	if (p->label)
		(void)fd_write_all(STDERR_FILENO, "\n", 1);
	free(TAKE(p->label));
}
