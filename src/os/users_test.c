#include "os/users.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"

static const char passwd[] =
	"root:x:0:0:root:/root:/bin/sh\n"
	"broken\n"
	"short:x\n"
	"redis:x:101:102::/var/lib/redis:/usr/sbin/nologin\n"
	"big:x:4294967296:0::/:\n"
	"minus:x:-1:0::/:\n"
	"none:x:4294967295:0::/:\n"
	"twice:x:4294967295:0::/:\n"
	"twice:x:7:0::/:\n"
	"42:x:9:9::/:\n"
	"last:x:1000";

static void test_find(void **state)
{
	unsigned id = 77;

	assert_int_equal(users_find(passwd, "root", &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(users_find(passwd, "redis", &id), 0);
	assert_int_equal(id, 101);
	assert_int_equal(users_find(passwd, "last", &id), 0);
	assert_int_equal(id, 1000);
	assert_int_equal(users_find(passwd, "twice", &id), 0);
	assert_int_equal(id, 7);
}

static void test_not_found(void **state)
{
	static const char *const absent[] = { "", "roo", "rootx", "broken", "short", "big", "minus", "none",
		"x", "redis:x", "root\nredis", "oot" };
	unsigned id = 77;

	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		assert_int_equal(users_find(passwd, absent[i], &id), -ERR_NOT_FOUND);
	assert_int_equal(id, 77);
	assert_int_equal(users_find("", "root", &id), -ERR_NOT_FOUND);
}

static void test_numbers(void **state)
{
	unsigned id = 77;

	assert_int_equal(users_parse_id("0", &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(users_parse_id("2147483648", &id), 0);
	assert_int_equal(id, 2147483648u);
	assert_int_equal(users_parse_id("4294967294", &id), 0);
	assert_int_equal(id, 4294967294u);
	assert_int_equal(users_parse_id("4294967295", &id), -ERANGE);
	assert_int_equal(users_parse_id("4294967296", &id), -ERANGE);
	assert_int_equal(users_parse_id("99999999999999999999", &id), -ERANGE);
	assert_int_equal(users_parse_id("-2", &id), -EINVAL);
	assert_int_equal(users_parse_id("0x0", &id), -EINVAL);
	assert_int_equal(users_parse_id("1 ", &id), -EINVAL);
	assert_int_equal(users_parse_id("", &id), -EINVAL);
}

struct root {
	char path[32];
	int fd;
};

static int make_root(void **state)
{
	static struct root root;

	strncpy(root.path, "/tmp/users-test.XXXXXX", sizeof(root.path) - 1);
	if (!mkdtemp(root.path) || dir_open(AT_FDCWD, root.path, &root.fd) < 0)
		return -1;
	if (dir_make(root.fd, "etc", 0755) < 0 ||
	    file_write(root.fd, "etc/passwd", passwd, sizeof(passwd) - 1, 0644) < 0 ||
	    file_write(root.fd, "etc/group", "redis:x:102:\nwheel:x:10:\n", 25, 0644) < 0)
		return -1;
	*state = &root;
	return 0;
}

static int remove_root(void **state)
{
	struct root *root = *state;

	close(root->fd);
	return tree_remove(AT_FDCWD, root->path);
}

static void expect_error(struct root *root, const char *user, const char *group, const char *words)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	struct identity_ids ids = { 77, 77 };

	assert_true(users_resolve(root->fd, user, group, &ids, &err) < 0);
	text = err_text(&err);
	assert_string_equal(text, words);
	assert_int_equal(ids.uid, 77);
}

static void test_resolve(void **state)
{
	struct root *root = *state;
	struct identity_ids ids;
	struct stat st;

	assert_int_equal(users_resolve(root->fd, "redis", "wheel", &ids, NULL), 0);
	assert_int_equal(ids.uid, 101);
	assert_int_equal(ids.gid, 10);
	assert_int_equal(users_resolve(root->fd, NULL, "", &ids, NULL), 0);
	assert_int_equal(ids.uid, 0);
	assert_int_equal(ids.gid, 0);
	/* Digits are a number even where a user of that name exists. */
	assert_int_equal(users_resolve(root->fd, "42", "0", &ids, NULL), 0);
	assert_int_equal(ids.uid, 42);
	assert_int_equal(users_resolve(root->fd, "last", "last", &ids, NULL), 0);
	assert_int_equal(ids.gid, 1000);
	assert_int_equal(fstatat(root->fd, "etc/passwd", &st, 0), 0);
	assert_int_equal(users_resolve(root->fd, "/etc/passwd", "/etc/passwd", &ids, NULL), 0);
	assert_int_equal(ids.uid, st.st_uid);
	assert_int_equal(ids.gid, st.st_gid);
}

static void test_resolve_alone(void **state)
{
	static const struct { const char *user; uid_t uid; gid_t gid; } cases[] = {
		{ "redis", 101, 102 },		/* by name */
		{ "101", 101, 102 },		/* by number */
		{ "4711", 4711, 0 },		/* nobody's number */
		{ "0", 0, 0 }, { NULL, 0, 0 },
	};
	struct root *root = *state;
	struct identity_ids ids;
	AUTO(err_clear) struct err err = {};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(users_resolve_alone(root->fd, cases[i].user, &ids, NULL), 0);
		assert_int_equal(ids.uid, cases[i].uid);
		assert_int_equal(ids.gid, cases[i].gid);
	}
	assert_true(users_resolve_alone(root->fd, "user2", &ids, &err) < 0);
	assert_string_equal(err.chain[0], "failed to configure user \"user2\"");
}

static void test_find_group(void **state)
{
	static const char text[] = "\n:x:9:9\na:x\nb:x:1:x:\nc:x:2:20\n2:x:3:30::\nd:x:4:4294967295\ne:x:5:50";
	static const struct { const char *name; uid_t uid; int r; gid_t gid; } cases[] = {
		{ "c", 0, 0, 20 }, { NULL, 2, 0, 20 }, { "2", 0, 0, 30 }, { "e", 0, 0, 50 }, { NULL, 9, 0, 9 },
		{ "a", 0, -ERR_NOT_FOUND, 0 }, { "b", 0, -ERR_NOT_FOUND, 0 }, { NULL, 1, -ERR_NOT_FOUND, 0 },
		{ "d", 0, -ERR_NOT_FOUND, 0 }, { "", 9, -ERR_NOT_FOUND, 0 }, { "x", 2, -ERR_NOT_FOUND, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		gid_t gid = 0;

		assert_int_equal(users_find_group(text, cases[i].name, cases[i].uid, &gid), cases[i].r);
		assert_int_equal(gid, cases[i].gid);
	}
}

static void test_resolve_fails(void **state)
{
	struct root *root = *state;

	expect_error(root, "user2", "0", "failed to configure user \"user2\": \"user2\" user not found");
	expect_error(root, "0", "group2", "failed to configure group \"group2\": \"group2\" group not found");
	expect_error(root, "4294967296", "0", "failed to configure user \"4294967296\": user 4294967296 is out of range");
	expect_error(root, "-2", "0", "failed to configure user \"-2\": \"-2\" user not found");
	expect_error(root, "/no", "0", "failed to configure user \"/no\": cannot take the user of '/no': No such file or directory");
}

static void test_special_files(void **state)
{
	struct root *root = *state;

	assert_int_equal(unlinkat(root->fd, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(root->fd, "etc/passwd", 0644), 0);
	expect_error(root, "redis", "0",
		     "failed to configure user \"redis\": '/etc/passwd' of the image is not a regular file");
	/* An absolute link stays inside the root. */
	assert_int_equal(unlinkat(root->fd, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("/etc/shadow-of-the-host", root->fd, "etc/passwd"), 0);
	expect_error(root, "redis", "0", "failed to configure user \"redis\": \"redis\" user not found");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_find_group),
		cmocka_unit_test_setup_teardown(test_resolve_alone, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_resolve, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_resolve_fails, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_special_files, make_root, remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
