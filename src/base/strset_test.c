#include "base/strset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static void empty(void **state)
{
	struct strset set = {};

	assert_false(strset_has(&set, ""));
	assert_false(strset_has(&set, "a"));
	strset_clear(&set);
}

static void many(void **state)
{
	AUTO(strset_clear) struct strset set = {};

	for (int i = 0; i < 1000; i += 2)
		strset_take(&set, xasprintf("%d", i));
	for (int i = 0; i < 1000; i++) {
		AUTO(free) char *s = xasprintf("%d", i);

		assert_int_equal(strset_has(&set, s), i % 2 == 0);
	}
}

static void added_later(void **state)
{
	AUTO(strset_clear) struct strset set = {};

	strset_add(&set, "b");
	assert_false(strset_has(&set, "a"));
	strset_add(&set, "a");
	strset_add(&set, "a");
	assert_true(strset_has(&set, "a") && strset_has(&set, "b") && !strset_has(&set, "c"));
	strset_clear(&set);
	assert_false(strset_has(&set, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty), cmocka_unit_test(many), cmocka_unit_test(added_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
