#include "stage1/native/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CAPS_ALL (CAPS_BIT(41) - 1)
#define NET_RAW CAPS_BIT(13)
#define KILL CAPS_BIT(5)

static void test_env(void **state)
{
	struct env_var vars[] = {
		{ (char *)"HOME", (char *)"/srv" }, { (char *)"A", (char *)"1\nB=2" }, { (char *)"AC_APP_NAME", (char *)"no" },
	};
	const struct app app = { .env = vars, .n_env = ARRAY_LEN(vars) };
	AUTO(strv_free) char **env = plan_env(&app, "web");

	assert_true(strv_has(env, "HOME=/srv"));
	assert_false(strv_has(env, "HOME=/root"));
	assert_true(strv_has(env, "A=1\nB=2"));
	assert_true(strv_has(env, "AC_APP_NAME=web"));
	assert_true(strv_has(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	assert_true(strv_has(env, "SHELL=/bin/sh") && strv_has(env, "USER=root") && strv_has(env, "LOGNAME=root"));
	assert_int_equal(strv_len(env), 7);
}

static caps_t caps(bool hardened, enum set_mode mode, char **names)
{
	const struct run_args args = { .hardened = hardened };
	const struct isolation isolation = { .caps_mode = mode, .caps = names };
	caps_t set = 0;

	assert_int_equal(plan_caps(&args, &isolation, CAPS_ALL, &set, NULL), 0);
	return set;
}

static void test_caps(void **state)
{
	char *kill[] = { (char *)"CAP_KILL", NULL };

	assert_int_equal(caps(true, SET_DEFAULT, NULL), 0x800405fb);
	assert_int_equal(caps(false, SET_DEFAULT, NULL), 0xa80425fb);	/* what rkt's tests pin */
	assert_int_equal(caps(true, SET_REMOVE, kill), 0x800405fb & ~KILL);
	assert_int_equal(caps(true, SET_RETAIN, kill), KILL);
}

static void test_caps_that_we_lack(void **state)
{
	char *names[] = { (char *)"CAP_NET_RAW", NULL };
	const struct run_args args = { .hardened = true }, all = { .disable_caps = true };
	const struct isolation retain = { .caps_mode = SET_RETAIN, .caps = names }, none = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	caps_t set = 0;

	assert_int_equal(plan_caps(&args, &retain, CAPS_ALL & ~NET_RAW, &set, &err), -EPERM);
	text = err_text(&err);
	assert_string_equal(text, "CAP_NET_RAW is not ours to give");
	/* Of the defaults we give what there is. */
	assert_int_equal(plan_caps(&args, &none, KILL, &set, NULL), 0);
	assert_int_equal(set, KILL);
	assert_int_equal(plan_caps(&all, &retain, CAPS_ALL, &set, NULL), 0);
	assert_int_equal(set, CAPS_ALL);
}

/* Volumes a (host), b (empty); what the app plan has mounted afterwards. */
struct fixture {
	struct volume volumes[2];
	struct pod_manifest pod;
	struct mount mounts[3];
	struct runtime_app runtime;
	struct mount_point points[3];
	struct app app;
	struct app_plan plan;
};

static void fill(struct fixture *f)
{
	*f = (struct fixture){
		.volumes = {
			{ .name = (char *)"a", .kind = (char *)"host", .source = (char *)"/srv" },
			{ .name = (char *)"b", .kind = (char *)"empty", .read_only = { true, false }, .recursive = { true, false } },
		},
	};
	f->pod.volumes = f->volumes;
	f->pod.n_volumes = 2;
	f->runtime.mounts = f->mounts;
	f->app.mount_points = f->points;
	f->plan.app = &f->app;
	f->plan.name = "web";
}

static void drop(struct fixture *f)
{
	for (size_t i = 0; i < f->plan.n_mounts; i++)
		free(f->plan.mounts[i].target);
	free(f->plan.mounts);
	for (size_t i = 0; i < f->plan.n_implicit; i++) {
		free(f->plan.implicit[i].name);
		free(f->plan.implicit[i].kind);
	}
	free(f->plan.implicit);
}

static void test_mounts(void **state)
{
	struct fixture f;
	const struct app_mount *m;

	fill(&f);
	f.mounts[0] = (struct mount){ (char *)"b", (char *)"/z/../data/sub/", NULL };
	f.mounts[1] = (struct mount){ (char *)"a", (char *)"/data", NULL };
	f.runtime.n_mounts = 2;
	f.points[0] = (struct mount_point){ (char *)"b", (char *)"/data", { true, true } };	/* taken already */
	f.points[1] = (struct mount_point){ (char *)"a", (char *)"/etc/a", { true, true } };
	f.points[2] = (struct mount_point){ (char *)"cache", (char *)"/cache", { false, false } };
	f.app.n_mount_points = 3;
	assert_int_equal(plan_mounts(&f.pod, &f.runtime, &f.plan, NULL), 0);
	assert_int_equal(f.plan.n_mounts, 4);
	m = f.plan.mounts;
	assert_string_equal(m[0].target, "/cache");
	assert_string_equal(m[0].volume->name, "web-cache");
	assert_string_equal(m[0].volume->kind, "empty");
	assert_string_equal(m[1].target, "/data");
	assert_ptr_equal(m[1].volume, &f.volumes[0]);
	assert_true(!m[1].read_only && m[1].recursive);
	assert_string_equal(m[2].target, "/data/sub");
	assert_true(!m[2].read_only && !m[2].recursive);
	assert_string_equal(m[3].target, "/etc/a");
	assert_true(m[3].read_only);
	drop(&f);
}

static bool is_filled(const struct fixture *f, const char *target)
{
	for (size_t i = 0; i < f->plan.n_mounts; i++)
		if (strcmp(f->plan.mounts[i].target, target) == 0)
			return f->plan.mounts[i].filled;
	fail_msg("nothing is mounted on '%s'", target);
	return false;
}

/* Volumes on /data (b, which is empty, by --mount), /etc/a (a, of the host) and /cache (implied). */
static void plan_three(struct fixture *f)
{
	f->mounts[0] = (struct mount){ (char *)"b", (char *)"/data/", NULL };
	f->mounts[1] = (struct mount){ (char *)"b", (char *)"/elsewhere", NULL };
	f->runtime.n_mounts = 2;
	f->points[0] = (struct mount_point){ (char *)"data", (char *)"/data", { false, false } };
	f->points[1] = (struct mount_point){ (char *)"a", (char *)"/etc/a", { false, false } };
	f->points[2] = (struct mount_point){ (char *)"cache", (char *)"/cache", { false, false } };
	f->app.n_mount_points = 3;
	assert_int_equal(plan_mounts(&f->pod, &f->runtime, &f->plan, NULL), 0);
}

static void test_mounts_filled(void **state)
{
	struct fixture f;

	fill(&f);
	f.plan.is_dockers = true;
	plan_three(&f);
	assert_true(is_filled(&f, "/data"));
	assert_true(is_filled(&f, "/cache"));
	assert_false(is_filled(&f, "/elsewhere"));	/* no mount point of the image */
	assert_false(is_filled(&f, "/etc/a"));
	drop(&f);
	for (int i = 0; i < 3; i++) {
		fill(&f);
		f.plan.is_dockers = true;
		f.volumes[1].mode = i == 0 ? (char *)"0755" : NULL;
		f.volumes[1].uid.set = i == 1;
		f.volumes[1].gid.set = i == 2;
		plan_three(&f);
		assert_false(is_filled(&f, "/data"));
		assert_true(is_filled(&f, "/cache"));
		drop(&f);
	}
	fill(&f);
	plan_three(&f);
	assert_false(is_filled(&f, "/data") || is_filled(&f, "/cache"));
	drop(&f);
}

static void refuse(struct fixture *f, const char *words)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	assert_int_equal(plan_mounts(&f->pod, &f->runtime, &f->plan, &err), -ERR_BAD_INPUT);
	text = err_text(&err);
	assert_string_equal(text, words);
	drop(f);
}

static void test_mounts_refused(void **state)
{
	struct fixture f;

	fill(&f);
	f.runtime.n_mounts = 1;
	f.mounts[0] = (struct mount){ (char *)"c", (char *)"/data", NULL };
	refuse(&f, "could not find volume c");
	fill(&f);
	f.runtime.n_mounts = 1;
	f.mounts[0] = (struct mount){ (char *)"a", (char *)"data", NULL };
	refuse(&f, "mount path 'data' is not absolute");
	fill(&f);
	f.runtime.n_mounts = 1;
	f.mounts[0] = (struct mount){ (char *)"a", (char *)"/x/..", NULL };
	refuse(&f, "volume 'a' cannot be mounted on '/'");
	fill(&f);
	f.runtime.n_mounts = 1;
	f.volumes[0].kind = (char *)"tape";
	f.mounts[0] = (struct mount){ (char *)"a", (char *)"/data", NULL };
	refuse(&f, "Volume a has invalid kind tape");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_caps_that_we_lack),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_mounts_filled),
		cmocka_unit_test(test_mounts_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
