#include "image/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/auto.h"

static const struct { const char *label; int64_t done, total; const char *text; } cases[] = {
	{ "Downloading ACI", 0, 3400000, "Downloading ACI: [>                                       ] 0 B/3.4 MB" },
	{ "Downloading ACI", 1700000, 3400000,
	  "Downloading ACI: [====================>                   ] 1.7 MB/3.4 MB" },
	{ "x", 490, 490, "x: [========================================] 490 B/490 B" },
	{ "x", 1234, 0, "x: 1.2 KB" },
	{ "x", 54321987654, 0, "x: 54 GB" },
	{ "x", 10, 5, "x: 10 B" },	/* more than was promised */
	{ "a\x1b[2J", 1, 0, "a\\x1b[2J: 1 B" },
};

static void texts(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(free) char *text = progress_text(cases[i].label, cases[i].done, cases[i].total);

		assert_string_equal(text, cases[i].text);
	}
}

static void long_label(void **state)
{
	AUTO(free) char *label = calloc(1, 10001);
	AUTO(free) char *text = NULL;

	memset(label, 'x', 10000);
	text = progress_text(label, 1, 2);
	assert_true(strlen(text) < 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(texts), cmocka_unit_test(long_label) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
