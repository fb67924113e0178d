#include "os/mountinfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char text[] =
	"21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	"30 21 0:26 / /var/lib/rkt rw - tmpfs none rw\n"
	"31 30 0:27 / /var/lib/rkt/pods/run/u/stage1/rootfs rw - overlay overlay rw\n"
	"32 31 0:27 /a /var/lib/rkt/pods/run/u/stage1/rootfs/a\\040b\\134 rw - overlay overlay rw\n"
	"33 21 0:28 / /var/lib/rkt2/x rw - tmpfs none rw\n"
	"cut short\n";

static void below(void **state)
{
	AUTO(strv_free) char **got = mountinfo_below(text, "/var/lib/rkt");

	assert_int_equal(strv_len(got), 2);
	assert_string_equal(got[0], "/var/lib/rkt/pods/run/u/stage1/rootfs");
	assert_string_equal(got[1], "/var/lib/rkt/pods/run/u/stage1/rootfs/a b\\");
}

static void none(void **state)
{
	assert_null(mountinfo_below(text, "/srv"));
	assert_null(mountinfo_below("", "/"));
}

static void of_this_machine(void **state)
{
	AUTO(strv_free) char **got = NULL;

	assert_int_equal(mounts_below("/", &got, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below), cmocka_unit_test(none), cmocka_unit_test(of_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
