#ifndef BASE_TABLE_H
#define BASE_TABLE_H
#include <stddef.h>

#include "base/buf.h"
/*
 * Text in columns that are kept apart by tabs, as Go's tabwriter sets them
 * (tabs 8 wide, at least one between two cells): people see columns, scripts
 * split at tabs. Control bytes in a cell are shown as \xNN.
 */
struct table {
	char ***rows;		/* each a strv, possibly NULL for an empty one */
	size_t n_rows;
};

void table_cell(struct table *t, const char *text);		/* at the end of the last row */
void table_cellf(struct table *t, const char *fmt, ...) PRINTF(2, 3);
void table_row(struct table *t);				/* begins a row */
void table_write(const struct table *t, struct buf *out);
void table_clear(struct table *t);
static inline void table_clear_auto(struct table *t) { table_clear(t); }
#endif
