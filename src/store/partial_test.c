#include "store/partial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "store/layout.h"
#include "store/test_place.h"

static const char url[] = "https://example.com/a.aci";
static const char digest[] = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static char *dir_name(void) { return xasprintf("cas/tmp/part-%u", (unsigned)geteuid()); }

static int entries(const struct place *p)
{
	AUTO(free) char *dir = dir_name();

	return place_count(p, dir);
}

static int64_t size_of(const struct partial *part)
{
	struct stat st;

	assert_int_equal(fstat(part->fd, &st), 0);
	return st.st_size;
}

/* Opens it, adds three bytes of a version, and leaves it. */
static void leave(struct place *p, const char *what, const char *version)
{
	struct partial part;

	assert_int_equal(partial_open(p->store, what, true, &part, NULL), 0);
	if (version)
		assert_int_equal(partial_note(&part, url, version, NULL), 0);
	assert_int_equal(pwrite(part.fd, "abc", 3, size_of(&part)), 3);
	partial_keep(&part);
	assert_int_equal(part.fd, -1);
}

static void goes_on(void **state)
{
	struct place *p = *state;
	AUTO(partial_keep) struct partial part = PARTIAL_NONE;

	leave(p, "image a", "\"v1\"");
	leave(p, "image a", "\"v1\"");
	leave(p, "image b", "\"v1\"");
	assert_int_equal(partial_open(p->store, "image a", true, &part, NULL), 0);
	assert_int_equal(size_of(&part), 6);
	assert_string_equal(part.what, "image a");
	assert_string_equal(part.url, url);
	assert_string_equal(part.version, "\"v1\"");
	assert_false(part.waited);
	assert_int_equal(fcntl(part.fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(entries(p), 4);
	partial_remove(p->store, &part);
	assert_int_equal(entries(p), 2);
	assert_int_equal(partial_open(p->store, "image b", true, &part, NULL), 0);
	partial_remove(p->store, &part);
	assert_int_equal(entries(p), -1);
	partial_remove(p->store, &part);
}

static void other_version(void **state)
{
	struct place *p = *state;
	AUTO(partial_keep) struct partial part = PARTIAL_NONE;

	leave(p, "image a", "\"v1\"");
	leave(p, "image a", "\"v2\"");
	assert_int_equal(partial_open(p->store, "image a", true, &part, NULL), 0);
	assert_string_equal(part.version, "\"v2\"");
	assert_int_equal(size_of(&part), 3);
	assert_int_equal(partial_note(&part, "https://example.com/b.aci", "\"v2\"", NULL), 0);
	assert_int_equal(size_of(&part), 0);
}

/* Bytes of which nobody knows what they are. */
static void no_version(void **state)
{
	struct place *p = *state;
	AUTO(partial_keep) struct partial part = PARTIAL_NONE;

	leave(p, "image a", NULL);
	assert_int_equal(partial_open(p->store, "image a", true, &part, NULL), 0);
	assert_int_equal(size_of(&part), 0);
	assert_null(part.version);
	partial_keep(&part);
	leave(p, "image a", "\"v1\"");
	assert_int_equal(partial_open(p->store, "image a", true, &part, NULL), 0);
	assert_int_equal(size_of(&part), 3);
	assert_int_equal(partial_note(&part, url, NULL, NULL), 0);
	assert_int_equal(size_of(&part), 0);
	assert_int_equal(pwrite(part.fd, "abc", 3, 0), 3);
	partial_keep(&part);
	assert_int_equal(partial_open(p->store, "image a", true, &part, NULL), 0);
	assert_int_equal(size_of(&part), 0);
}

static void digests(void **state)
{
	struct place *p = *state;
	AUTO(partial_keep) struct partial part = PARTIAL_NONE;

	leave(p, digest, NULL);
	leave(p, digest, NULL);
	assert_int_equal(partial_open(p->store, digest, true, &part, NULL), 0);
	assert_int_equal(size_of(&part), 6);
	assert_null(part.version);
}

/* A note that was cut short, or that is of something else with the same hash. */
static void bad_notes(void **state)
{
	static const char *const notes[] = {
		"", "{\"what\":\"image", "{\"what\":\"image b\",\"url\":\"u\",\"version\":\"v\"}", "{\"what\":\"image a\"}",
		"{\"what\":\"image a\",\"url\":\"u\"}", "[]", "{\"what\":7,\"url\":\"u\",\"version\":\"v\"}",
	};
	struct place *p = *state;
	AUTO(partial_keep) struct partial part = PARTIAL_NONE;

	for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
		AUTO(free) char *note = NULL;

		leave(p, "image a", "\"v1\"");
		assert_int_equal(partial_open(p->store, "image a", true, &part, NULL), 0);
		assert_int_equal(size_of(&part), 3);
		note = xasprintf("%s.json", part.name);
		assert_int_equal(file_write(part.dir_fd, note, notes[i], strlen(notes[i]), 0600), 0);
		partial_keep(&part);
		assert_int_equal(partial_open(p->store, "image a", true, &part, NULL), 0);
		assert_int_equal(size_of(&part), 0);
		assert_null(part.version);
		partial_keep(&part);
	}
}

/* A directory that others may write to, or a link to somewhere. */
static void not_our_own(void **state)
{
	struct place *p = *state;
	AUTO(free) char *dir = dir_name(), *path = xasprintf("%s/%s", p->path, dir);
	AUTO(partial_keep) struct partial part = PARTIAL_NONE;
	AUTO(err_clear) struct err err = {};

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(partial_open(p->store, "image a", true, &part, &err), -EPERM);
	assert_non_null(strstr(err.chain[0], "is not our own: remove it"));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_true(partial_open(p->store, "image a", true, &part, &err) < 0);
	assert_int_equal(part.fd, -1);
}

/* Holds the download until a byte tells it to end: "r" takes it away. */
static void other_rkt(const struct place *p, int ready_fd, int end_fd)
{
	AUTO(store_close) struct store *store = NULL;
	struct partial part;
	char c = 0;
	size_t len;

	if (store_open(p->path, STORE_WRITE, &store, NULL) < 0 || partial_open(store, "image a", true, &part, NULL) < 0 ||
	    partial_note(&part, url, "\"v1\"", NULL) < 0 || pwrite(part.fd, "abc", 3, 0) != 3)
		_exit(1);
	(void)!write(ready_fd, "", 1);
	(void)fd_read_upto(end_fd, &c, 1, &len);
	usleep(50000);	/* so that the other one waits */
	if (c == 'r')
		partial_remove(store, &part);
	_exit(0);
}

static void one_at_a_time(void **state)
{
	struct place *p = *state;

	for (int removes = 0; removes < 2; removes++) {
		AUTO(partial_keep) struct partial part = PARTIAL_NONE;
		int ready[2], end[2], status;
		size_t len;
		pid_t pid;
		char c;

		assert_int_equal(pipe(ready), 0);
		assert_int_equal(pipe(end), 0);
		pid = fork();
		if (!pid)
			other_rkt(p, ready[1], end[0]);
		assert_int_equal(fd_read_upto(ready[0], &c, 1, &len), 0);
		assert_int_equal(partial_open(p->store, "image a", false, &part, NULL), -EWOULDBLOCK);
		assert_int_equal(write(end[1], removes ? "r" : "k", 1), 1);
		assert_int_equal(partial_open(p->store, "image a", true, &part, NULL), 0);
		assert_true(part.waited);
		assert_int_equal(size_of(&part), removes ? 0 : 3);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		partial_remove(p->store, &part);
		for (int i = 0; i < 2; i++) {
			close(ready[i]);
			close(end[i]);
		}
	}
}

static void age(int dir_fd, const char *name, int64_t seconds)
{
	struct timespec now, times[2];

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec -= seconds;
	times[0] = times[1] = now;
	assert_int_equal(utimensat(dir_fd, name, times, 0), 0);
}

static void sweeps(void **state)
{
	static const char *const keep[] = { "0123456789abcde0", "0123456789abcde0.json" };
	struct place *p = *state;
	AUTO(free) char *dir = dir_name(), *path = xasprintf("%s/%s", p->path, dir);
	AUTO(close) int fd = -1;

	assert_int_equal(mkdir(path, 0700), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(keep); i++)
		assert_int_equal(file_write(fd, keep[i], "{}", 2, 0600), 0);
	assert_int_equal(file_write(fd, "old", "x", 1, 0600), 0);
	assert_int_equal(file_write(fd, "old.json", "{}", 2, 0600), 0);
	age(fd, "old", 25LL * 60 * 60);
	assert_int_equal(file_write(fd, "empty", "", 0, 0600), 0);
	assert_int_equal(file_write(fd, "empty.json", "{}", 2, 0600), 0);
	assert_int_equal(file_write(fd, "alone", "x", 1, 0600), 0);
	assert_int_equal(file_write(fd, "note.json", "{}", 2, 0600), 0);
	assert_int_equal(mkdirat(fd, "directory", 0700), 0);
	assert_int_equal(store_sweep(p->store, NULL, NULL, NULL), 0);
	assert_int_equal(entries(p), 2);
	for (size_t i = 0; i < ARRAY_LEN(keep); i++)
		assert_int_equal(faccessat(fd, keep[i], F_OK, 0), 0);
	age(fd, keep[0], -25LL * 60 * 60);
	assert_int_equal(store_sweep(p->store, NULL, NULL, NULL), 0);
	assert_int_equal(entries(p), -1);
	assert_int_equal(symlink("/", path), 0);
	assert_int_equal(store_sweep(p->store, NULL, NULL, NULL), 0);
	assert_int_equal(place_count(p, "cas/tmp"), 0);
}

static void directories(void **state)
{
	static const char *const bad[] = { "part-", "part", "part-1x", "part-1/", "file.part-1", "" };

	assert_true(partial_dir_valid("part-0"));
	assert_true(partial_dir_valid("part-4294967295"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(partial_dir_valid(bad[i]));
}

#define PLACED(f) cmocka_unit_test_setup_teardown(f, place_make, place_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(goes_on), PLACED(other_version), PLACED(no_version), PLACED(digests), PLACED(bad_notes),
		PLACED(not_our_own), PLACED(one_at_a_time), PLACED(sweeps), cmocka_unit_test(directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
