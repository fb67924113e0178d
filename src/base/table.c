#include "base/table.h"

#include <stdarg.h>
#include <string.h>

enum { TAB = 8, PADDING = 1 };

void table_row(struct table *t)
{
	/* Grows by doubling: the size is a power of two whenever it is full. */
	if (!(t->n_rows & (t->n_rows - 1)))
		t->rows = xreallocarray(t->rows, t->n_rows ? 2 * t->n_rows : 1, sizeof(*t->rows));
	t->rows[t->n_rows++] = NULL;
}

void table_cell(struct table *t, const char *text)
{
	if (!t->n_rows)
		table_row(t);
	strv_take(&t->rows[t->n_rows - 1], str_printable(text));
}

void table_cellf(struct table *t, const char *fmt, ...)
{
	AUTO(free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	table_cell(t, text);
}

/* Characters, not bytes. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/*
 * A column's width holds for a run of rows that all have a cell behind it. The
 * last cell of a row belongs to no column, so a long one moves nothing.
 */
static void column_widths(const struct table *t, const size_t *lens, size_t col, size_t *widths)
{
	for (size_t from = 0, to; from < t->n_rows; from = to) {
		size_t width = 0;

		for (to = from; to < t->n_rows && lens[to] > col + 1; to++) {
			size_t w = width_of(t->rows[to][col]) + PADDING;

			if (w > width)
				width = w;
		}
		width = (width + TAB - 1) / TAB * TAB;
		for (size_t i = from; i < to; i++)
			widths[i] = width;
		if (to == from)
			to++;
	}
}

void table_write(const struct table *t, struct buf *out)
{
	AUTO(free) size_t *lens = xcalloc(t->n_rows + 1, sizeof(*lens));
	AUTO(free) size_t *widths = NULL;
	size_t columns = 0;

	for (size_t i = 0; i < t->n_rows; i++) {
		lens[i] = strv_len(t->rows[i]);
		if (lens[i] > columns)
			columns = lens[i];
	}
	widths = xcalloc(columns + 1, (t->n_rows + 1) * sizeof(*widths));
	for (size_t col = 0; col < columns; col++)
		column_widths(t, lens, col, widths + col * t->n_rows);

	for (size_t i = 0; i < t->n_rows; i++) {
		for (size_t col = 0; col < lens[i]; col++) {
			size_t at = width_of(t->rows[i][col]), end = widths[col * t->n_rows + i];

			buf_adds(out, t->rows[i][col]);
			for (; col + 1 < lens[i] && at < end; at = (at / TAB + 1) * TAB)
				buf_addc(out, '\t');
		}
		buf_addc(out, '\n');
	}
}

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->n_rows; i++)
		strv_free(t->rows[i]);
	free(t->rows);
	*t = (struct table){};
}
