#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "pod/contract.h"
#include "pod/pod.h"
#include "pod/uuid.h"

struct fixture {
	char dir[32];
	int fd;
	struct pods *pods;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	memcpy(f->dir, "/tmp/pods-test.XXXXXX", sizeof("/tmp/pods-test.XXXXXX"));
	if (!mkdtemp(f->dir))
		return -1;
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return pods_open(f->dir, true, &f->pods, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pods_close(f->pods);
	close(f->fd);
	tree_remove(AT_FDCWD, f->dir);
	free(f);
	return 0;
}

static void assert_words(struct err *err, const char *words)
{
	AUTO(free) char *text = err_text(err);

	assert_string_equal(text, words);
	err_clear(err);
}

/* --- a process that holds locks ----------------------------------------- */

struct holder { pid_t pid; int go; };

/* Takes the pod's lock in another process, and keeps it until released. */
static struct holder hold(struct fixture *f, const char *path)
{
	int up[2], down[2];
	struct holder h;
	char c;

	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	h.pid = fork();
	if (h.pid == 0) {
		int fd = openat(f->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(down[1]);
		if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(up[1], "x", 1) != 1)
			_exit(1);
		_exit(read(down[0], &c, 1) != 0);
	}
	close(up[1]);
	close(down[0]);
	assert_int_equal(read(up[0], &c, 1), 1);
	close(up[0]);
	h.go = down[1];
	return h;
}

static void release(struct holder *h)
{
	close(h->go);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
}

static struct pod make(struct fixture *f)
{
	struct pod pod = POD_NONE;

	assert_int_equal(pod_create(f->pods, &pod, NULL), 0);
	return pod;
}

static char *path_of(const char *dir, const struct pod *pod)
{
	return xasprintf("pods/%s/%s", dir, pod->uuid);
}

/* A pod as a dead process left it. */
static void make_dead(struct fixture *f, const char *dir, const char *uuid)
{
	AUTO(free) char *path = xasprintf("pods/%s/%s", dir, uuid);

	assert_int_equal(dir_make(f->fd, path, 0750), 0);
}

/* --- tests -------------------------------------------------------------- */

static void test_uuid(void **state)
{
	char a[UUID_LEN + 1], b[UUID_LEN + 1];

	uuid_new(a);
	uuid_new(b);
	assert_true(uuid_is(a) && uuid_is(b));
	assert_string_not_equal(a, b);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	assert_false(uuid_is(""));
	assert_false(uuid_is("8c6d2b1a"));
	assert_false(uuid_is("8C6D2B1A-0000-4000-8000-000000000000"));
	assert_false(uuid_is("8c6d2b1a-0000-4000-8000-0000000000000"));
	assert_false(uuid_is("8c6d2b1a/0000-4000-8000-000000000000"));
}

static void test_uuid_file(void **state)
{
	struct fixture *f = *state;
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *path = xasprintf("%s/uuid", f->dir), *uuid = NULL;

	assert_int_equal(uuid_file_read(path, &uuid, &err), -ENOENT);
	assert_int_equal(file_write(f->fd, "uuid", " abc-d\n", 7, 0644), 0);
	assert_int_equal(uuid_file_read(path, &uuid, &err), 0);
	assert_string_equal(uuid, "abc-d");
}

static void test_directories(void **state)
{
	static const char *const names[] = { "embryo", "prepare", "prepared", "run", "exited-garbage", "garbage" };
	struct fixture *f = *state;
	AUTO(pods_close) struct pods *none = NULL;
	AUTO(free) char *missing = xasprintf("%s/a/b", f->dir);
	struct pod *list = NULL;
	struct stat st;
	size_t n = 1;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(free) char *path = xasprintf("pods/%s", names[i]);

		assert_int_equal(fstatat(f->fd, path, &st, 0), 0);
		assert_int_equal(st.st_mode & 0777, 0750);
	}
	/* Looking makes nothing. */
	assert_int_equal(pods_open(missing, false, &none, NULL), 0);
	assert_int_equal(access(missing, F_OK), -1);
	assert_int_equal(pods_list(none, POD_MASK_ALL, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	pods_close(TAKE(none));
	assert_int_equal(pods_open(missing, true, &none, NULL), 0);
	assert_int_equal(access(missing, F_OK), 0);
}

static void test_life(void **state)
{
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = make(f), seen = POD_NONE;
	AUTO(free) char *run = path_of("run", &pod), *garbage = path_of("garbage", &pod);
	AUTO(err_clear) struct err err = {};

	assert_int_equal(pod.state, POD_PREPARING);
	assert_true(pod.locked && pod_created_at(&pod) > 0);
	assert_int_equal(pod_find(f->pods, pod.uuid, &seen, NULL), 0);
	assert_int_equal(seen.state, POD_PREPARING);
	assert_int_equal(pod_lock(f->pods, &seen, NULL), -EWOULDBLOCK);

	assert_int_equal(pod_to_exited_garbage(f->pods, &pod, &err), -ERR_STATE);
	assert_int_equal(pod_remove(f->pods, &pod, NULL), -ERR_STATE);
	assert_int_equal(pod_to_prepared(f->pods, &pod, NULL), 0);
	assert_false(pod.locked);
	assert_int_equal(pod_refresh(f->pods, &seen, NULL), 0);
	assert_int_equal(seen.state, POD_PREPARED);

	assert_int_equal(pod_to_run(f->pods, &pod, NULL), -EBADF);	/* not without the lock */
	assert_int_equal(pod_lock(f->pods, &pod, NULL), 0);
	assert_int_equal(pod_to_run(f->pods, &pod, NULL), 0);
	assert_int_equal(pod.state, POD_RUNNING);
	assert_int_equal(faccessat(f->fd, run, F_OK, 0), 0);
	assert_int_equal(pod_refresh(f->pods, &seen, NULL), 0);
	assert_int_equal(seen.state, POD_RUNNING);
	assert_int_equal(pod_to_garbage(f->pods, &pod, NULL), -ERR_STATE);

	pod_close(&pod);	/* the process ended */
	assert_int_equal(pod_refresh(f->pods, &seen, NULL), 0);
	assert_int_equal(seen.state, POD_EXITED);
	assert_int_equal(pod_gc_marked_at(&seen), 0);
	assert_int_equal(pod_lock(f->pods, &seen, NULL), 0);
	assert_int_equal(pod_to_exited_garbage(f->pods, &seen, NULL), 0);
	assert_int_equal(seen.state, POD_EXITED_GARBAGE);
	assert_true(pod_gc_marked_at(&seen) > 0);
	assert_int_equal(pod_find(f->pods, seen.uuid, &pod, NULL), 0);
	assert_int_equal(pod.state, POD_EXITED_DELETING);

	assert_int_equal(dir_make_all(seen.fd, "overlay/x/work/work", 0700), 0);
	assert_int_equal(fchmodat(seen.fd, "overlay/x/work/work", 0, 0), 0);
	assert_int_equal(pod_remove(f->pods, &seen, NULL), 0);
	assert_int_equal(seen.fd, -1);
	assert_int_equal(faccessat(f->fd, garbage, F_OK, 0), -1);
	assert_int_equal(pod_refresh(f->pods, &pod, NULL), -ERR_NOT_FOUND);
}

/* Whoever locks last finds out that the pod is elsewhere. */
static void test_stale(void **state)
{
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = make(f), other = POD_NONE;

	assert_int_equal(pod_to_prepared(f->pods, &pod, NULL), 0);
	assert_int_equal(pod_find(f->pods, pod.uuid, &other, NULL), 0);
	assert_int_equal(pod_lock(f->pods, &other, NULL), 0);
	assert_int_equal(pod_to_garbage(f->pods, &other, NULL), 0);
	pod_close(&other);
	assert_int_equal(pod_lock(f->pods, &pod, NULL), -ESTALE);
	assert_false(pod.locked);
	assert_int_equal(pod_refresh(f->pods, &pod, NULL), 0);
	assert_int_equal(pod.state, POD_GARBAGE);
	assert_int_equal(pod_lock(f->pods, &pod, NULL), 0);
}

static void test_states(void **state)
{
	static const struct { const char *dir; enum pod_state free, held; const char *words; } cases[] = {
		{ "embryo", POD_EMBRYO, POD_EMBRYO, "embryo" },
		{ "prepare", POD_ABORTED_PREPARE, POD_PREPARING, "aborted prepare" },
		{ "prepared", POD_PREPARED, POD_PREPARED, "prepared" },
		{ "run", POD_EXITED, POD_RUNNING, "exited" },
		{ "exited-garbage", POD_EXITED_GARBAGE, POD_EXITED_DELETING, "exited garbage" },
		{ "garbage", POD_GARBAGE, POD_DELETING, "garbage" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(pod_close) struct pod pod = POD_NONE;
		AUTO(free) char *path = NULL;
		char uuid[UUID_LEN + 1];
		struct holder h;

		uuid_new(uuid);
		make_dead(f, cases[i].dir, uuid);
		path = xasprintf("pods/%s/%s", cases[i].dir, uuid);
		assert_int_equal(pod_find(f->pods, uuid, &pod, NULL), 0);
		assert_int_equal(pod.state, cases[i].free);
		assert_string_equal(pod_state_name(pod.state), cases[i].words);
		h = hold(f, path);
		assert_int_equal(pod_refresh(f->pods, &pod, NULL), 0);
		assert_int_equal(pod.state, cases[i].held);
		assert_int_equal(pod_lock(f->pods, &pod, NULL), -EWOULDBLOCK);
		kill(h.pid, SIGKILL);	/* however the holder dies */
		release(&h);
		assert_int_equal(pod_refresh(f->pods, &pod, NULL), 0);
		assert_int_equal(pod.state, cases[i].free);
		assert_int_equal(pod_lock(f->pods, &pod, NULL), 0);
	}
}

/* Somebody who lists pods must not make another command think that the pod is in use. */
static void test_lookers(void **state)
{
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = make(f);
	pid_t looker;

	assert_int_equal(pod_to_prepared(f->pods, &pod, NULL), 0);
	looker = fork();
	if (looker == 0) {
		AUTO(free) char *path = path_of("prepared", &pod);
		int fd = openat(f->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (;;)
			if (flock(fd, LOCK_SH | LOCK_NB) == 0)
				flock(fd, LOCK_UN);
	}
	for (int i = 0; i < 200; i++) {
		assert_int_equal(pod_lock(f->pods, &pod, NULL), 0);
		flock(pod.fd, LOCK_UN);
		pod.locked = false;
	}
	kill(looker, SIGKILL);
	waitpid(looker, NULL, 0);
}

static void test_find(void **state)
{
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(err_clear) struct err err = {};

	make_dead(f, "run", "aaaa1111-0000-4000-8000-000000000001");
	make_dead(f, "prepare", "aaaa2222-0000-4000-8000-000000000002");
	make_dead(f, "garbage", "aaaa2222-0000-4000-8000-000000000003");
	assert_int_equal(pod_find(f->pods, "", &pod, &err), -ERR_BAD_INPUT);
	assert_words(&err, "UUID cannot be empty");
	assert_int_equal(pod_find(f->pods, "bb", &pod, &err), -ERR_NOT_FOUND);
	assert_words(&err, "no matches found for \"bb\"");
	assert_int_equal(pod_find(f->pods, "../run/aaaa1111-0000-4000-8000-000000000001", &pod, &err),
			 -ERR_NOT_FOUND);
	err_clear(&err);
	assert_int_equal(pod_find(f->pods, "aaaa", &pod, &err), -ERR_AMBIGUOUS);
	assert_words(&err, "ambiguous uuid, 2 matches");
	assert_int_equal(pod_find(f->pods, "AAAA2", &pod, &err), 0);
	assert_string_equal(pod.uuid, "aaaa2222-0000-4000-8000-000000000002");
	assert_int_equal(pod.state, POD_ABORTED_PREPARE);
	pod_close(&pod);
	/* Garbage only by its whole name. */
	assert_int_equal(pod_find(f->pods, "aaaa2222-0000-4000-8000-000000000003", &pod, &err), 0);
	assert_int_equal(pod.state, POD_GARBAGE);
	pod_close(&pod);
	assert_int_equal(pod_find(f->pods, "aaaa1111-0000-4000-8000-00000000000f", &pod, &err), -ERR_NOT_FOUND);
	assert_words(&err, "no matches found for \"aaaa1111-0000-4000-8000-00000000000f\"");
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct pod *list = NULL;
	size_t n = 0;

	make_dead(f, "run", "cccc0000-0000-4000-8000-000000000001");
	make_dead(f, "prepare", "bbbb0000-0000-4000-8000-000000000002");
	make_dead(f, "garbage", "aaaa0000-0000-4000-8000-000000000003");
	/* Seen in two directories, as a move between two looks shows it. */
	make_dead(f, "exited-garbage", "cccc0000-0000-4000-8000-000000000001");
	assert_int_equal(dir_make(f->fd, "pods/run/lost+found", 0700), 0);
	assert_int_equal(symlinkat("/", f->fd, "pods/run/dddd0000-0000-4000-8000-000000000001"), 0);
	assert_int_equal(pods_list(f->pods, POD_MASK_LISTED, &list, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].uuid, "bbbb0000-0000-4000-8000-000000000002");
	assert_int_equal(list[0].state, POD_ABORTED_PREPARE);
	assert_int_equal(list[1].state, POD_EXITED_GARBAGE);
	pods_list_free(list, n);
	assert_int_equal(pods_list(f->pods, POD_MASK(POD_GARBAGE), &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	pods_list_free(list, n);
}

static void test_times_and_pid(void **state)
{
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = make(f);

	assert_int_equal(pod_pid(&pod), 0);
	assert_int_equal(pod_started_at(&pod), 0);
	assert_int_equal(file_write(pod.fd, POD_PPID, "77\n", 3, 0644), 0);
	assert_int_equal(pod_pid(&pod), 77);
	assert_true(pod_started_at(&pod) > 0);
	assert_int_equal(file_write(pod.fd, POD_PID, "78", 2, 0644), 0);
	assert_int_equal(pod_pid(&pod), 78);
	assert_int_equal(file_write(pod.fd, POD_PID, "-1", 2, 0644), 0);
	assert_int_equal(pod_pid(&pod), 77);
	assert_int_equal(unlinkat(pod.fd, POD_CREATED, 0), 0);
	assert_int_equal(file_write(pod.fd, POD_MANIFEST, "{}", 2, 0640), 0);
	assert_int_equal(pod_created_at(&pod), 0);
	assert_int_equal(pod_to_prepared(f->pods, &pod, NULL), 0);
	assert_true(pod_created_at(&pod) > 0);
}

#define TREE "deps-sha512-0123abcd"

static void test_exit_codes(void **state)
{
	static const struct { const char *text; int r, code; } cases[] = {
		{ "0", 0, 0 }, { "203\n", 0, 203 }, { "255", 0, 255 }, { "9", 0, 9 },
		{ "256", -ERR_BAD_INPUT, 0 }, { "-1", -ERR_BAD_INPUT, 0 }, { "", -ERR_BAD_INPUT, 0 },
		{ "1 2", -ERR_BAD_INPUT, 0 }, { "1\n\n", -ERR_BAD_INPUT, 0 },
	};
	static const char *const roots[] = { "stage1/rootfs", "overlay/" TREE "/upper" };
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = make(f);
	AUTO(err_clear) struct err err = {};
	int code = -1;

	for (size_t k = 0; k < ARRAY_LEN(roots); k++) {
		AUTO(free) char *dir = xasprintf("%s/rkt/status", roots[k]);
		AUTO(free) char *file = xasprintf("%s/app", dir), *evil = xasprintf("%s/evil", dir);

		if (k == 1)
			assert_int_equal(file_write(pod.fd, POD_STAGE1_TREE_ID, TREE "\n", sizeof(TREE), 0640), 0);
		assert_int_equal(pod_app_exit_code(&pod, "app", &code, &err), -ERR_NOT_FOUND);
		assert_words(&err, "no exit code of app 'app' is recorded");
		assert_int_equal(dir_make_all(pod.fd, dir, 0755), 0);
		assert_int_equal(pod_app_finished_at(&pod, "app"), 0);
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			assert_int_equal(file_write(pod.fd, file, cases[i].text, strlen(cases[i].text), 0644), 0);
			assert_int_equal(pod_app_exit_code(&pod, "app", &code, NULL), cases[i].r);
			if (!cases[i].r)
				assert_int_equal(code, cases[i].code);
		}
		assert_true(pod_app_finished_at(&pod, "app") > 0);
		/* What a pod could put there leads nowhere and blocks nobody. */
		assert_int_equal(symlinkat("app", pod.fd, evil), 0);
		assert_true(pod_app_exit_code(&pod, "evil", &code, NULL) < 0);
		assert_int_equal(unlinkat(pod.fd, evil, 0), 0);
		assert_int_equal(mkfifoat(pod.fd, evil, 0600), 0);
		assert_true(pod_app_exit_code(&pod, "evil", &code, NULL) < 0);
		assert_int_equal(pod_app_finished_at(&pod, "evil"), 0);
		assert_true(pod_app_exit_code(&pod, "../status/app", &code, NULL) < 0);
		assert_int_equal(tree_remove(pod.fd, POD_STAGE1), 0);
	}
}

static void test_trees(void **state)
{
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = make(f);
	AUTO(free) char *none = pod_tree_id(&pod, NULL), *stage1 = NULL, *app = NULL, *bad = NULL;

	assert_null(none);
	assert_false(pods_use_tree(f->pods, TREE));
	assert_int_equal(file_write(pod.fd, POD_STAGE1_TREE_ID, TREE "1", sizeof(TREE), 0640), 0);
	assert_int_equal(dir_make_all(pod.fd, "appsinfo/web", 0750), 0);
	assert_false(pods_use_tree(f->pods, TREE));
	assert_int_equal(file_write(pod.fd, "appsinfo/web/treeStoreID", TREE "2\n", sizeof(TREE) + 1, 0640), 0);
	stage1 = pod_tree_id(&pod, NULL);
	app = pod_tree_id(&pod, "web");
	assert_string_equal(stage1, TREE "1");
	assert_string_equal(app, TREE "2");
	assert_true(pods_use_tree(f->pods, TREE "1"));
	assert_true(pods_use_tree(f->pods, TREE "2"));
	assert_false(pods_use_tree(f->pods, TREE));
	assert_false(pods_use_tree(f->pods, TREE "3"));
	/* A prepared pod keeps its trees; garbage keeps none. */
	assert_int_equal(pod_to_prepared(f->pods, &pod, NULL), 0);
	assert_true(pods_use_tree(f->pods, TREE "2"));
	assert_int_equal(pod_lock(f->pods, &pod, NULL), 0);
	assert_int_equal(file_write(pod.fd, "appsinfo/web/treeStoreID", "../../etc", 9, 0640), 0);
	bad = pod_tree_id(&pod, "web");
	assert_null(bad);
	assert_true(pods_use_tree(f->pods, TREE));	/* who knows what it meant */
	assert_int_equal(pod_to_garbage(f->pods, &pod, NULL), 0);
	assert_false(pods_use_tree(f->pods, TREE "1"));
}

static void test_wait(void **state)
{
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(free) char *path = xstrdup("pods/run/aaaa1111-0000-4000-8000-000000000001");
	AUTO(err_clear) struct err err = {};
	struct holder h;
	pid_t helper;

	make_dead(f, "run", "aaaa1111-0000-4000-8000-000000000001");
	h = hold(f, path);
	assert_int_equal(pod_find(f->pods, "aaaa", &pod, NULL), 0);
	assert_int_equal(pod_wait_exited(f->pods, &pod, 0, NULL), -ETIMEDOUT);
	assert_int_equal(pod_wait_exited(f->pods, &pod, 20, &err), -ETIMEDOUT);
	assert_words(&err, "pod \"aaaa1111-0000-4000-8000-000000000001\" has not finished in time");
	assert_int_equal(pod.state, POD_RUNNING);
	helper = fork();
	if (helper == 0)
		_exit(usleep(20000) < 0 || kill(h.pid, SIGKILL) < 0);
	close(h.go);
	assert_int_equal(pod_wait_exited(f->pods, &pod, 10000, NULL), 0);
	assert_int_equal(pod.state, POD_EXITED);
	assert_int_equal(pod_wait_exited(f->pods, &pod, -1, NULL), 0);
	assert_int_equal(waitpid(helper, NULL, 0), helper);
	assert_int_equal(waitpid(h.pid, NULL, 0), h.pid);
	/* The wait left no lock behind. */
	h = hold(f, path);
	release(&h);
}

static void test_wait_prepared(void **state)
{
	struct fixture *f = *state;
	AUTO(pod_close) struct pod pod = make(f), seen = POD_NONE;
	pid_t helper;

	assert_int_equal(pod_to_prepared(f->pods, &pod, NULL), 0);
	assert_int_equal(pod_find(f->pods, pod.uuid, &seen, NULL), 0);
	assert_int_equal(pod_wait_exited(f->pods, &seen, 10, NULL), -ETIMEDOUT);
	helper = fork();
	if (helper == 0) {
		usleep(20000);
		_exit(pod_lock(f->pods, &pod, NULL) < 0 || pod_to_run(f->pods, &pod, NULL) < 0);
	}
	pod_close(&pod);	/* else the lock would be ours too */
	assert_int_equal(pod_wait_exited(f->pods, &seen, 10000, NULL), 0);
	assert_int_equal(seen.state, POD_EXITED);
	assert_int_equal(waitpid(helper, NULL, 0), helper);
}

/* A collector that takes an embryo for a dead one must not make creation fail. */
static void test_create_and_collect(void **state)
{
	struct fixture *f = *state;
	pid_t thief = fork();

	if (thief == 0) {
		AUTO(pods_close) struct pods *pods = NULL;

		if (pods_open(f->dir, false, &pods, NULL) < 0)
			_exit(1);
		for (;;) {
			struct pod *list = NULL;
			size_t n = 0;

			pods_list(pods, POD_MASK(POD_EMBRYO), &list, &n, NULL);
			for (size_t i = 0; i < n; i++)
				if (pod_lock(pods, &list[i], NULL) == 0 &&
				    pod_to_garbage(pods, &list[i], NULL) == 0)
					pod_remove(pods, &list[i], NULL);
			pods_list_free(list, n);
		}
	}
	for (int i = 0; i < 100; i++) {
		AUTO(pod_close) struct pod pod = make(f);

		assert_int_equal(faccessat(pod.fd, POD_CREATED, F_OK, 0), 0);
	}
	kill(thief, SIGKILL);
	waitpid(thief, NULL, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_uuid), T(test_uuid_file), T(test_directories), T(test_life), T(test_stale),
		T(test_states), T(test_lookers), T(test_find), T(test_list), T(test_times_and_pid),
		T(test_exit_codes), T(test_trees), T(test_wait), T(test_wait_prepared),
		T(test_create_and_collect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
