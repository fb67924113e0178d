#include "unpack/box.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { DIR_FD = 10, TREE_FD, NOBODY = 65534, FILES_MAX = 128 };

static bool with_files;		/* the box is given directories */
static char dir[] = "/tmp/box_test.XXXXXX";

static int enter(void)
{
	int places = open(dir, O_PATH | O_DIRECTORY);

	if (with_files && (dup2(openat(places, "new", O_RDONLY | O_DIRECTORY), DIR_FD) < 0 ||
			   dup2(openat(places, "tree", O_RDONLY | O_DIRECTORY), TREE_FD) < 0))
		return -1;
	close(places);
	return box_enter(with_files ? DIR_FD : -1, with_files ? TREE_FD : -1, FILES_MAX, NULL);
}

/* What a process in the box did: its exit code, or 128 and the signal that ended it. As root, or as nobody. */
static int in_box_as(uid_t uid, int (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		umask(0);
		if (uid && geteuid() == 0 && (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
			_exit(125);
		_exit(enter() < 0 ? 126 : act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int said(long r)
{
	int number = errno;

	return r < 0 ? number : 0;
}

static int act_make(void) { return said(mkdirat(DIR_FD, "made", 0755)); }
static int act_remove(void) { return said(unlinkat(DIR_FD, "made", AT_REMOVEDIR)); }
static int act_own(void) { return said(fchownat(DIR_FD, "file", 1234, 1234, 0)); }
static int act_write_file(void) { return said(openat(DIR_FD, "file", O_WRONLY | O_CREAT, 0666)); }
static int act_link(void)
{
	return said(linkat(DIR_FD, "file", DIR_FD, "made/link", 0)) ?: said(unlinkat(DIR_FD, "made/link", 0));
}
static int act_read_tree(void) { return said(openat(TREE_FD, "file", O_RDONLY)); }
static int act_write_tree(void) { return said(openat(TREE_FD, "file", O_WRONLY)) ? 0 : 1; }
static int act_escape(void) { return said(openat(DIR_FD, "../../../../../../etc/passwd", O_RDONLY)) ? 0 : 1; }
static int act_device(void) { return said(mknodat(DIR_FD, "device", S_IFCHR, 0)); }
static int act_execute(void) { return said(execl("/bin/true", "true", NULL)); }
static int act_socket(void) { return said(socket(AF_INET, SOCK_STREAM, 0)); }
static int act_mount(void) { return said(mount("none", "/", "tmpfs", 0, NULL)); }
static int act_chroot(void) { return said(chroot(".")); }
static int act_open(void) { return said(open("/", O_RDONLY)); }

static int act_power(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (geteuid() == 0 || getegid() == 0)
		return 1;
	/* capget() is not on the list either: the filter is what answers. */
	return syscall(SYS_capget, &header, data) < 0 && errno == ENOSYS ? 0 : 2;
}

static void refuses(uid_t uid)
{
	assert_int_equal(in_box_as(uid, act_execute), 128 + SIGSYS);
	assert_int_equal(in_box_as(uid, act_socket), 128 + SIGSYS);
	assert_int_equal(in_box_as(uid, act_mount), 128 + SIGSYS);
	assert_int_equal(in_box_as(uid, act_chroot), 128 + SIGSYS);
}

static void unpacks(uid_t uid)
{
	with_files = true;
	assert_int_equal(in_box_as(uid, act_make), 0);
	assert_int_equal(in_box_as(uid, act_write_file), 0);
	assert_int_equal(in_box_as(uid, act_link), 0);
	assert_int_equal(in_box_as(uid, act_own), uid ? EPERM : 0);
	assert_int_equal(in_box_as(uid, act_remove), 0);
	assert_int_equal(in_box_as(uid, act_read_tree), 0);
	assert_int_equal(in_box_as(uid, act_write_tree), 0);
	assert_int_equal(in_box_as(uid, act_escape), 0);
	assert_int_equal(in_box_as(uid, act_device), EPERM);
	refuses(uid);
}

static void hashes(uid_t uid)
{
	with_files = false;
	assert_int_equal(in_box_as(uid, act_open), ENOSYS);
	assert_int_equal(in_box_as(uid, act_power), 0);
	refuses(uid);
}

static void test_nobody(void **state)
{
	unpacks(NOBODY);
	hashes(NOBODY);
}

static void test_root(void **state)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(unshare(CLONE_NEWNS) < 0 ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (geteuid() || status) {
		print_message("not root, or root of little\n");
		skip();
	}
	unpacks(0);
	hashes(0);
}

static int make_places(void **state)
{
	int fd;

	umask(0);
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0 || chdir(dir) < 0 || mkdir("new", 0777) < 0 || mkdir("tree", 0755) < 0)
		return -1;
	fd = open("tree/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	return fd < 0 ? -1 : close(fd);
}

static int remove_places(void **state)
{
	unlink("new/file");
	unlink("tree/file");
	rmdir("new");
	rmdir("tree");
	return chdir("/") < 0 ? -1 : rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nobody), cmocka_unit_test(test_root) };

	return cmocka_run_group_tests(tests, make_places, remove_places);
}
