#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void write_rows(const char *const (*rows)[4], size_t n, const char *want)
{
	AUTO(table_clear) struct table t = {};
	AUTO(buf_clear) struct buf out = {};

	for (size_t i = 0; i < n; i++) {
		table_row(&t);
		for (size_t c = 0; c < 4 && rows[i][c]; c++)
			table_cell(&t, rows[i][c]);
	}
	table_write(&t, &out);
	assert_string_equal(out.data, want);
}

static void columns(void **state)
{
	static const char *const rows[][4] = {
		{ "UUID", "APP", "STATE" },
		{ "12345678", "redis", "running" },
		{ "", "a-longer-name", "" },
	};

	write_rows(rows, 3, "UUID\t\tAPP\t\tSTATE\n12345678\tredis\t\trunning\n\t\ta-longer-name\t\n");
}

/* Eight characters need a second tab stop, seven fit before the first. */
static void edges(void **state)
{
	static const char *const seven[][4] = { { "1234567", "x" }, { "1", "y" } };
	static const char *const eight[][4] = { { "12345678", "x" }, { "1", "y" } };
	static const char *const wide[][4] = { { "äöüäöüä", "x" }, { "1", "y" } };

	write_rows(seven, 2, "1234567\tx\n1\ty\n");
	write_rows(eight, 2, "12345678\tx\n1\t\ty\n");
	write_rows(wide, 2, "äöüäöüä\tx\n1\ty\n");
}

/* A row without a second cell ends the column above it. */
static void blocks(void **state)
{
	static const char *const rows[][4] = { { "a-long-first-cell", "x" }, { "alone" }, { "b", "y" } };

	write_rows(rows, 3, "a-long-first-cell\tx\nalone\nb\ty\n");
}

static void escapes(void **state)
{
	static const char *const rows[][4] = { { "a\tb\x1b[2J", "x" } };

	write_rows(rows, 1, "a\\x09b\\x1b[2J\tx\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns), cmocka_unit_test(edges), cmocka_unit_test(blocks), cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
