#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "pod/contract.h"
#include "stage0/stage0.h"

#define EXITED	 "11111111-0000-4000-8000-000000000001"
#define FAILED	 "22222222-0000-4000-8000-000000000002"
#define PREPARED "33333333-0000-4000-8000-000000000003"
#define RUNNING	 "44444444-0000-4000-8000-000000000004"
#define EMBRYO	 "55555555-0000-4000-8000-000000000005"
#define TREE	 "deps-sha512-0000000000000000000000000000000000000000000000000000000000000000"
#define HOUR	 INT64_C(3600000000000)

struct fixture {
	char dir[32];
	int fd;
	struct engine engine;
	struct pods *pods;
	struct pod running;
};

static void make(struct fixture *f, const char *path)
{
	assert_int_equal(dir_make_all(f->fd, path, 0750), 0);
}

static void put(struct fixture *f, const char *path, const char *text)
{
	assert_int_equal(file_write(f->fd, path, text, strlen(text), 0640), 0);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->running = POD_NONE;
	memcpy(f->dir, "/tmp/gc-test.XXXXXX", sizeof("/tmp/gc-test.XXXXXX"));
	if (!mkdtemp(f->dir) || pods_open(f->dir, true, &f->pods, NULL) < 0)
		return -1;
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->engine.data_dir = f->dir;
	*state = f;
	make(f, "pods/run/" EXITED "/overlay/x/work/work");
	make(f, "pods/prepare/" FAILED);
	make(f, "pods/prepared/" PREPARED);
	make(f, "pods/run/" RUNNING);
	make(f, "pods/embryo/" EMBRYO);
	/* A pod is running while any process holds its lock: this one does. */
	return pod_find(f->pods, RUNNING, &f->running, NULL) < 0 ? -1 : pod_lock(f->pods, &f->running, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pod_close(&f->running);
	pods_close(f->pods);
	close(f->fd);
	tree_remove(AT_FDCWD, f->dir);
	free(f);
	return 0;
}

static void assert_at(struct fixture *f, const char *uuid, const char *where)
{
	static const char *const dirs[] = { "embryo", "prepare", "prepared", "run", "exited-garbage", "garbage" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO(free) char *path = xasprintf("pods/%s/%s", dirs[i], uuid);

		assert_int_equal(faccessat(f->fd, path, F_OK, 0), str_eq(dirs[i], where) ? 0 : -1);
	}
}

static void collect(struct fixture *f, struct gc_request r)
{
	AUTO(err_clear) struct err err = {};

	assert_int_equal(pods_gc(&f->engine, f->pods, &r, &err), 0);
	assert_at(f, RUNNING, "run");
}

static void test_mark_only(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		collect(f, (struct gc_request){ .mark_only = true });
		assert_at(f, EXITED, "exited-garbage");
		assert_at(f, FAILED, "garbage");
		assert_at(f, EMBRYO, "garbage");
		assert_at(f, PREPARED, "prepared");
	}
}

static void test_grace(void **state)
{
	struct fixture *f = *state;

	collect(f, (struct gc_request){ .grace_ns = HOUR, .expire_prepared_ns = HOUR });
	assert_at(f, EXITED, "exited-garbage");
	assert_at(f, PREPARED, "prepared");
	assert_at(f, FAILED, NULL);
	assert_at(f, EMBRYO, NULL);
}

static void test_all(void **state)
{
	struct fixture *f = *state;

	collect(f, (struct gc_request){});
	assert_at(f, EXITED, NULL);
	assert_at(f, FAILED, NULL);
	assert_at(f, EMBRYO, NULL);
	assert_at(f, PREPARED, NULL);
	collect(f, (struct gc_request){});
}

/* One that cannot be collected is told, and keeps nobody else from it. */
static void test_goes_on(void **state)
{
	struct fixture *f = *state;
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;

	make(f, "pods/run/" EXITED "/stage1");
	put(f, "pods/run/" EXITED "/stage1/manifest",
	    "{\"annotations\":[{\"name\":\"" STAGE1_ENTRY_GC "\",\"value\":\"../gc\"}]}");
	put(f, "pods/run/" EXITED "/" POD_STAGE1_TREE_ID, TREE);
	make(f, "cas/tree/" TREE "/rootfs");
	put(f, "cas/tree/" TREE "/rendered", "");
	assert_int_equal(pods_gc(&f->engine, f->pods, &(struct gc_request){}, &err), -ERR_BAD_INPUT);
	text = err_text(&err);
	assert_string_equal(text, "problem performing stage1 GC on \"" EXITED "\": the stage1's 'gc' entrypoint is no "
			    "clean absolute path: '../gc'");
	assert_at(f, EXITED, "exited-garbage");	/* for the next time */
	assert_at(f, FAILED, NULL);
	assert_at(f, PREPARED, NULL);
	assert_at(f, RUNNING, "run");
}

/* What is left where it was may not be collected: a pod still in its state, or one that runs. */
static void test_collect_refuses(void **state)
{
	struct fixture *f = *state;
	AUTO(err_clear) struct err err = {};
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(free) char *text = NULL;

	assert_int_equal(pod_find(f->pods, PREPARED, &pod, NULL), 0);
	assert_int_equal(pod_lock(f->pods, &pod, NULL), 0);
	assert_int_equal(pod_collect(&f->engine, f->pods, &pod, &err), -ERR_STATE);
	text = err_text(&err);
	assert_string_equal(text, "non-garbage pod \"" PREPARED "\" (status \"prepared\"), skipped");
	assert_at(f, PREPARED, "prepared");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_mark_only), T(test_grace), T(test_all), T(test_goes_on), T(test_collect_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
