#include "os/cgroup.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"

static const char hybrid[] =
	"12:pids:/user.slice\n"
	"5:cpu,cpuacct:/a/b\n"
	"4:memory:/../../outside\n"
	"2:devices:relative\n"
	"1:name=systemd:/user.slice\n"
	"0::/user.slice/session-1.scope\n";

static void test_layout_hybrid(void **state)
{
	struct cgroup_layout l;

	cgroup_layout_parse("/cg", hybrid, false, true, &l);
	assert_true(l.has[CGROUP_UNIFIED] && l.has[CGROUP_MEMORY] && l.has[CGROUP_CPU] && l.has[CGROUP_PIDS]);
	assert_string_equal(l.mount[CGROUP_UNIFIED], "/cg/unified");
	assert_string_equal(l.own[CGROUP_UNIFIED], "/user.slice/session-1.scope");
	assert_string_equal(l.mount[CGROUP_CPU], "/cg/cpu,cpuacct");
	assert_string_equal(l.own[CGROUP_CPU], "/a/b");
	assert_string_equal(l.own[CGROUP_MEMORY], "/");
	assert_string_equal(l.own[CGROUP_DEVICES], "/");
	cgroup_layout_clear(&l);
}

static void test_layout_others(void **state)
{
	struct cgroup_layout l;

	cgroup_layout_parse("/cg", "0::/x/./y/\n", true, true, &l);
	assert_true(l.pure && l.has[CGROUP_UNIFIED] && !l.has[CGROUP_MEMORY]);
	assert_string_equal(l.mount[CGROUP_UNIFIED], "/cg");
	assert_string_equal(l.own[CGROUP_UNIFIED], "/x/y");
	cgroup_layout_clear(&l);

	/* A line of cgroup2 although that is mounted nowhere. */
	cgroup_layout_parse("/cg", "1:cpuset,memory:/\n0::/\nrubbish\n:\n", false, false, &l);
	assert_false(l.has[CGROUP_UNIFIED]);
	assert_true(l.has[CGROUP_MEMORY]);
	assert_string_equal(l.mount[CGROUP_MEMORY], "/cg/cpuset,memory");
	cgroup_layout_clear(&l);

	cgroup_layout_parse("/cg", "", false, false, &l);
	for (int h = 0; h < CGROUP_HIERARCHIES; h++)
		assert_false(l.has[h]);
}

static void test_needs(void **state)
{
	assert_int_equal(cgroup_needs(&(struct cgroup_limits){}), 0);
	assert_int_equal(cgroup_needs(&(struct cgroup_limits){ .memory_bytes = 1, .pids = 1 }),
			 1u << CGROUP_MEMORY | 1u << CGROUP_PIDS);
	assert_int_equal(cgroup_needs(&(struct cgroup_limits){ .cpu_shares = 2 }), 1u << CGROUP_CPU);
	assert_int_equal(cgroup_needs(&(struct cgroup_limits){ .cpu_milli = 2 }), 1u << CGROUP_CPU);
}

static void test_record_parse(void **state)
{
	static const char *const bad[] = {
		"", "/", "rkt-1", "/x/rkt-12", "/x/../rkt-1", "/x//rkt-1", "/rkt-1/", "memory:", "memory:rkt-1",
		"memory/rkt-1", "cpuset:/rkt-1", "name=systemd:/rkt-1", "/rkt-1/x", "memory:/a/./rkt-1", "memory:/rkt-1\n",
	};
	enum cgroup_hierarchy h = CGROUP_HIERARCHIES;
	const char *path = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(cgroup_record_parse(bad[i], "rkt-1", &h, &path), -EINVAL);
	assert_null(path);
	assert_int_equal(cgroup_record_parse("/rkt-1", "rkt-1", &h, &path), 0);
	assert_int_equal(h, CGROUP_UNIFIED);
	assert_string_equal(path, "/rkt-1");
	assert_int_equal(cgroup_record_parse("memory:/a b/rkt-1", "rkt-1", &h, &path), 0);
	assert_int_equal(h, CGROUP_MEMORY);
	assert_string_equal(path, "/a b/rkt-1");
}

/* A directory stands in for a hierarchy: to us it is no more than directories and files. */
struct place {
	char path[40];
	int fd;
	struct cgroup_layout layout;
};

static int make_place(void **state)
{
	static struct place p;

	snprintf(p.path, sizeof(p.path), "/tmp/cgroup-test.XXXXXX");
	if (!mkdtemp(p.path) || dir_open(AT_FDCWD, p.path, &p.fd) < 0)
		return -1;
	dir_make_all(p.fd, "unified/own", 0755);
	dir_make_all(p.fd, "memory", 0755);
	dir_make_all(p.fd, "cpu", 0755);
	cgroup_layout_parse(p.path, "3:memory:/gone\n2:cpu:/\n1:pids:/\n0::/own\n", false, true, &p.layout);
	*state = &p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;

	cgroup_layout_clear(&p->layout);
	close(p->fd);
	return tree_remove(AT_FDCWD, p->path);
}

static bool is_dir(const struct place *p, const char *path)
{
	struct stat st;

	return fstatat(p->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void expect_file(const struct place *p, const char *path, const char *want)
{
	AUTO(free) char *text = NULL;

	assert_int_equal(file_read(p->fd, path, 100, &text, NULL), 0);
	assert_string_equal(text, want);
}

static int make_pod(const struct cgroup_layout *layout, unsigned need, struct cgroup_pod *ret)
{
	int r = cgroup_pod_place(layout, "rkt-1", need, ret, NULL);

	return r < 0 ? r : cgroup_pod_make(ret, NULL);
}

/* Who dies before the groups are made has told where they would have been. */
static void test_record_comes_first(void **state)
{
	struct place *p = *state;
	struct cgroup_pod pod;
	AUTO(free) char *record = NULL;

	assert_int_equal(cgroup_pod_place(&p->layout, "rkt-1", 1u << CGROUP_MEMORY, &pod, NULL), 0);
	record = cgroup_pod_record(&pod);
	assert_string_equal(record, "/own/rkt-1\nmemory:/rkt-1\n");
	assert_false(is_dir(p, "unified/own/rkt-1"));
	assert_false(is_dir(p, "memory/rkt-1"));
	/* A group that cannot be made is told, and what was made before goes. */
	file_write(p->fd, "memory/rkt-1", "", 0, 0644);
	assert_int_equal(cgroup_pod_make(&pod, NULL), -ENOTDIR);
	assert_true(is_dir(p, "unified/own/rkt-1"));
	unlinkat(p->fd, "memory/rkt-1", 0);
	assert_int_equal(cgroup_pod_remove(&pod, NULL), 0);
	assert_false(is_dir(p, "unified/own/rkt-1"));
	cgroup_pod_clear(&pod);
}

static void test_pod_and_leaf(void **state)
{
	const struct cgroup_limits limits = { .memory_bytes = 65536, .cpu_milli = 1500, .cpu_shares = 4, .pids = 7 };
	struct place *p = *state;
	struct cgroup_pod pod;
	struct cgroup_leaf leaf;
	AUTO(free) char *record = NULL;

	assert_int_equal(make_pod(&p->layout, cgroup_needs(&limits), &pod), 0);
	assert_true(is_dir(p, "unified/own/rkt-1"));
	/* A group that is not to be seen from here: the hierarchy's root stands in. */
	assert_true(is_dir(p, "memory/rkt-1"));
	assert_true(is_dir(p, "cpu/rkt-1"));
	/* Nobody mounted this one. */
	assert_int_equal(pod.missing, 1u << CGROUP_PIDS);
	record = cgroup_pod_record(&pod);
	assert_string_equal(record, "/own/rkt-1\nmemory:/rkt-1\ncpu:/rkt-1\n");

	assert_int_equal(dir_make(p->fd, "memory/rkt-1/app", 0755), 0);
	assert_int_equal(dir_make(p->fd, "cpu/rkt-1/app", 0755), 0);
	file_write(p->fd, "memory/rkt-1/app/memory.limit_in_bytes", "", 0, 0644);
	file_write(p->fd, "cpu/rkt-1/app/cpu.cfs_quota_us", "", 0, 0644);
	file_write(p->fd, "cpu/rkt-1/app/cpu.shares", "", 0, 0644);
	assert_int_equal(cgroup_leaf_make(&pod, "app", &limits, &leaf, NULL), 0);
	assert_true(is_dir(p, "unified/own/rkt-1/app"));
	expect_file(p, "memory/rkt-1/app/memory.limit_in_bytes", "65536");
	expect_file(p, "cpu/rkt-1/app/cpu.cfs_quota_us", "150000");
	expect_file(p, "cpu/rkt-1/app/cpu.shares", "4");

	file_write(p->fd, "memory/rkt-1/app/tasks", "", 0, 0644);
	file_write(p->fd, "cpu/rkt-1/app/tasks", "", 0, 0644);
	assert_int_equal(cgroup_leaf_join(&leaf), 0);
	expect_file(p, "memory/rkt-1/app/tasks", "0");
	expect_file(p, "cpu/rkt-1/app/tasks", "0");
	cgroup_leaf_clear(&leaf);
	cgroup_pod_clear(&pod);
}

static void test_limit_that_is_refused(void **state)
{
	const struct cgroup_limits limits = { .memory_bytes = 1 };
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	struct place *p = *state;
	struct cgroup_pod pod;
	struct cgroup_leaf leaf;

	assert_int_equal(make_pod(&p->layout, cgroup_needs(&limits), &pod), 0);
	assert_int_equal(cgroup_leaf_make(&pod, "app", &limits, &leaf, &err), -ENOENT);
	text = err_text(&err);
	assert_string_equal(text, "cannot set the memory limit to 1: No such file or directory");
	assert_int_equal(leaf.fd[CGROUP_UNIFIED], -1);
	cgroup_pod_clear(&pod);
}

static void test_pure(void **state)
{
	const struct cgroup_limits limits = { .memory_bytes = 65536, .cpu_milli = 5, .cpu_shares = 262144, .pids = 7 };
	struct place *p = *state;
	AUTO(free) char *mount = xasprintf("%s/unified", p->path);
	struct cgroup_layout pure;
	struct cgroup_pod pod;
	struct cgroup_leaf leaf;

	cgroup_layout_parse(mount, "0::/own\n", true, true, &pure);
	dir_make_all(p->fd, "unified/rkt/rkt-1/app", 0755);
	for (const char *const *dir = (const char *const[]){ "unified/rkt", "unified/rkt/rkt-1", NULL }; *dir; dir++) {
		AUTO(free) char *have = xasprintf("%s/cgroup.controllers", *dir);
		AUTO(free) char *hand_on = xasprintf("%s/cgroup.subtree_control", *dir);

		file_write(p->fd, have, "cpuset cpu memory\n", 18, 0644);
		file_write(p->fd, hand_on, "", 0, 0644);
	}
	file_write(p->fd, "unified/rkt/rkt-1/app/memory.max", "", 0, 0644);
	file_write(p->fd, "unified/rkt/rkt-1/app/cpu.max", "", 0, 0644);
	file_write(p->fd, "unified/rkt/rkt-1/app/cpu.weight", "", 0, 0644);

	/* Our own group is not delegated: the pod goes below one that is ours for sure. */
	assert_int_equal(make_pod(&pure, cgroup_needs(&limits), &pod), 0);
	assert_string_equal(pod.path[CGROUP_UNIFIED], "/rkt/rkt-1");
	assert_int_equal(pod.missing, 1u << CGROUP_PIDS);
	assert_int_equal(cgroup_leaf_make(&pod, "app", &limits, &leaf, NULL), 0);
	expect_file(p, "unified/rkt/rkt-1/app/memory.max", "65536");
	expect_file(p, "unified/rkt/rkt-1/app/cpu.max", "1000 100000");
	expect_file(p, "unified/rkt/rkt-1/app/cpu.weight", "10000");
	cgroup_leaf_clear(&leaf);
	cgroup_pod_clear(&pod);
	cgroup_layout_clear(&pure);
}

static void test_removal(void **state)
{
	struct place *p = *state;
	struct cgroup_pod pod;

	assert_int_equal(make_pod(&p->layout, 1u << CGROUP_MEMORY, &pod), 0);
	assert_int_equal(cgroup_pod_remove(&pod, NULL), 0);
	assert_false(is_dir(p, "unified/own/rkt-1"));
	assert_false(is_dir(p, "memory/rkt-1"));
	assert_true(is_dir(p, "unified/own"));
	cgroup_pod_clear(&pod);
}

static void test_foreign_record_is_refused(void **state)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	assert_int_equal(cgroup_record_remove("/system.slice\n", "rkt-1", &err), -ERR_BAD_INPUT);
	text = err_text(&err);
	assert_string_equal(text, "'/system.slice' is not a cgroup of this pod");
	assert_int_equal(cgroup_record_kill("/rkt-2", "rkt-1", NULL), -ERR_BAD_INPUT);
	assert_int_equal(cgroup_record_remove("", "rkt-1", NULL), 0);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout_hybrid),
		cmocka_unit_test(test_layout_others),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_record_parse),
		WITH_PLACE(test_record_comes_first),
		WITH_PLACE(test_pod_and_leaf),
		WITH_PLACE(test_limit_that_is_refused),
		WITH_PLACE(test_pure),
		WITH_PLACE(test_removal),
		cmocka_unit_test(test_foreign_record_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
