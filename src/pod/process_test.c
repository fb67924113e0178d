#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "pod/contract.h"
#include "pod/pod.h"

static void write_pid(const struct pod *pod, const char *name, pid_t pid)
{
	AUTO(free) char *text = xasprintf("%d\n", pid);

	assert_int_equal(file_write(pod->fd, name, text, strlen(text), 0644), 0);
}

static void assert_words(struct err *err, const char *words)
{
	AUTO(free) char *text = err_text(err);

	assert_non_null(strstr(text, words));
	err_clear(err);
}

/* A process that has the pod open, with n children that have not. It tells when they are there. */
static pid_t start_parent(const struct pod *pod, int n, pid_t *ret_child)
{
	int fds[2];
	pid_t pid, child = 0;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < n; i++) {
			child = fork();
			if (child == 0) {
				close(pod->fd);
				pause();
			}
		}
		if (write(fds[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &child, sizeof(child)), sizeof(child));
	close(fds[0]);
	*ret_child = child;
	return pid;
}

static void end(pid_t pid, pid_t child)
{
	if (child)
		kill(child, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_container_pid(void **state)
{
	char dir[] = "/tmp/process-test.XXXXXX";
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(err_clear) struct err err = {};
	pid_t parent, child, pid = 0;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(pods_open(dir, true, &pods, NULL), 0);
	assert_int_equal(pod_create(pods, &pod, NULL), 0);
	assert_int_equal(pod_container_pid(&pod, &pid, &err), -ERR_STATE);
	assert_words(&err, "has not started yet");

	parent = start_parent(&pod, 1, &child);
	write_pid(&pod, POD_PPID, parent);
	assert_int_equal(pod_container_pid(&pod, &pid, &err), 0);
	assert_int_equal(pid, child);
	write_pid(&pod, POD_PID, child);	/* by its own number: its parent has the lock */
	assert_int_equal(pod_container_pid(&pod, &pid, &err), 0);
	assert_int_equal(pid, child);
	assert_int_equal(unlinkat(pod.fd, POD_PID, 0), 0);
	end(parent, child);
	assert_int_equal(pod_container_pid(&pod, &pid, &err), -ERR_STATE);
	assert_words(&err, "is not running anymore");

	parent = start_parent(&pod, 0, &child);
	write_pid(&pod, POD_PPID, parent);
	assert_int_equal(pod_container_pid(&pod, &pid, &err), -ERR_STATE);
	assert_words(&err, "has no child yet");
	end(parent, 0);
	assert_int_equal(tree_remove(AT_FDCWD, dir), 0);
}

/* A number that another process has by now is refused. */
static void test_reused_pid(void **state)
{
	char dir[] = "/tmp/process-test.XXXXXX";
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(err_clear) struct err err = {};
	pid_t pid = 0;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(pods_open(dir, true, &pods, NULL), 0);
	assert_int_equal(pod_create(pods, &pod, NULL), 0);
	write_pid(&pod, POD_PID, 1);
	assert_int_equal(pod_container_pid(&pod, &pid, &err), -ERR_STATE);
	assert_words(&err, "is not running anymore");
	assert_int_equal(unlinkat(pod.fd, POD_PID, 0), 0);
	write_pid(&pod, POD_PPID, getppid());
	assert_int_equal(pod_container_pid(&pod, &pid, &err), -ERR_STATE);
	assert_int_equal(pid, 0);
	assert_int_equal(tree_remove(AT_FDCWD, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_pid),
		cmocka_unit_test(test_reused_pid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
