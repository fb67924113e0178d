#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "store/facts.h"
#include "store/test_place.h"
#include "store/vouch.h"

/* SHA-2 of "hello\n", as sha256sum and sha512sum have it. */
static const char hello256[] = "sha256-5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
static const char hello512[] = "sha512-e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931f94aae41edda2c2"
			       "b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629";

static void expect_words(struct err *err, const char *expected)
{
	AUTO(free) char *words = err_text(err);

	assert_string_equal(words, expected);
}

static int start(struct place *p, const char *key, const char *text, struct blob_add **ret, struct blob_digests *digests,
		 struct err *err)
{
	int fd;

	assert_int_equal(blob_add_start(p->store, p->unpack_fd, key, ret, &fd, err), 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
	return blob_add_finish(*ret, digests, err);
}

static void both_hashes(void **state)
{
	struct place *p = *state;
	AUTO(blob_add_free) struct blob_add *b = NULL;
	AUTO(err_clear) struct err err = {};
	AUTO(close) int fd = -1;
	AUTO(free) char *text = NULL, *short512 = xstrndup(hello512, IMAGE_KEY_LEN);
	struct blob_digests digests;
	struct stat st;

	assert_int_equal(start(p, NULL, "hello\n", &b, &digests, &err), 0);
	assert_string_equal(digests.sha256, hello256);
	assert_string_equal(digests.sha512, hello512);
	assert_int_equal(digests.size, 6);
	assert_false(store_has_blob(p->store, hello256));
	assert_int_equal(store_open_key(p->store, hello256, &fd, &err), -ERR_NOT_FOUND);
	assert_int_equal(blob_add_commit(b, hello256, &err), 0);
	assert_true(store_has_blob(p->store, hello256));
	assert_false(store_has_blob(p->store, short512));
	assert_int_equal(store_open_key(p->store, hello256, &fd, &err), 0);
	assert_int_equal(fd_read_file(fd, 100, &text, NULL), 0);
	assert_string_equal(text, "hello\n");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(place_count(p, "cas/blob/sha256/58"), 1);
	assert_int_equal(place_count(p, "cas/tmp"), 0);
	blob_add_free(TAKE(b));
	/* By the other hash, and once more over what is there. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(start(p, short512, "hello\n", &b, &digests, &err), 0);
		assert_string_equal(digests.sha256, "");
		assert_int_equal(blob_add_commit(b, short512, &err), 0);
		assert_true(store_has_blob(p->store, short512));
		blob_add_free(TAKE(b));
	}
}

static void large(void **state)
{
	struct place *p = *state;
	AUTO(blob_add_free) struct blob_add *b = NULL;
	AUTO(free) char *piece = xcalloc(1, 1 << 20);
	struct blob_digests digests;
	int fd;

	assert_int_equal(blob_add_start(p->store, p->unpack_fd, NULL, &b, &fd, NULL), 0);
	for (int i = 0; i < 16; i++)
		assert_int_equal(fd_write_all(fd, piece, 1 << 20), 0);
	close(fd);
	assert_int_equal(blob_add_finish(b, &digests, NULL), 0);
	assert_int_equal(digests.size, 16 << 20);
	assert_string_equal(digests.sha256, "sha256-080acf35a507ac9849cfcba47dc2ad83e01b75663a516279c8b9d243b719643e");
}

static void other_bytes(void **state)
{
	struct place *p = *state;
	AUTO(blob_add_free) struct blob_add *b = NULL, *c = NULL, *d = NULL;
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;
	struct blob_digests digests;
	int fd;

	assert_int_equal(start(p, hello256, "hullo\n", &b, &digests, &err), -ERR_BAD_INPUT);
	words = err_text(&err);
	assert_non_null(strstr(words, "has other bytes: they are 'sha256-"));
	assert_int_equal(blob_add_commit(b, hello256, &err), -ERR_BAD_INPUT);
	assert_int_equal(start(p, NULL, "", &c, &digests, &err), 0);
	assert_int_equal(blob_add_commit(c, hello256, &err), -ERR_BAD_INPUT);
	assert_int_equal(blob_add_commit(c, "../../lock", &err), -ERR_BAD_INPUT);
	assert_int_equal(blob_add_start(p->store, p->unpack_fd, "sha256-../..", &d, &fd, &err), -ERR_BAD_INPUT);
	expect_words(&err, "'sha256-../..' is no blob's name");
	/* Given up on the way. */
	assert_int_equal(blob_add_start(p->store, p->unpack_fd, NULL, &d, &fd, &err), 0);
	assert_int_equal(fd_write_all(fd, "hello\n", 6), 0);
	blob_add_free(TAKE(d));
	close(fd);
	assert_int_equal(place_count(p, "cas/blob/sha256"), 0);
	assert_int_equal(place_count(p, "cas/tmp"), 0);
}

static void no_links_on_the_way(void **state)
{
	struct place *p = *state;
	AUTO(free) char *elsewhere = xasprintf("%s/elsewhere", p->path), *shard = xasprintf("%s/cas/blob/sha256/58", p->path);
	AUTO(free) char *kept = xasprintf("%s/%s", elsewhere, hello256);
	AUTO(blob_add_free) struct blob_add *b = NULL;
	AUTO(err_clear) struct err err = {};
	struct blob_digests digests;

	assert_int_equal(dir_make(AT_FDCWD, elsewhere, 0755), 0);
	assert_int_equal(symlink(elsewhere, shard), 0);
	assert_int_equal(start(p, hello256, "hello\n", &b, &digests, &err), 0);
	assert_int_equal(blob_add_commit(b, hello256, &err), -ENOTDIR);
	assert_int_equal(access(kept, F_OK), -1);
	assert_int_equal(file_write(AT_FDCWD, kept, "hello\n", 6, 0644), 0);
	assert_false(store_has_blob(p->store, hello256));
	/* A sweep takes the link away, not what it leads to. */
	p->store->shared = false;
	assert_int_equal(flock(p->store->lock_fd, LOCK_UN), 0);
	(void)store_sweep(p->store, NULL, NULL, NULL);
	assert_int_equal(access(kept, F_OK), 0);
}

/* An image of layers of these texts. */
static int add(struct place *p, const char *name, const char *const *texts, struct image_info *info, struct err *err)
{
	struct buf layers[4] = {};
	size_t n = 0;
	int r;

	for (; texts[n]; n++)
		buf_adds(&layers[n], texts[n]);
	r = place_add_oci(p, name, layers, n, false, info, err);
	while (n)
		buf_clear(&layers[--n]);
	return r;
}

static void add_oci_image(void **state)
{
	static const char *const layers[] = { "one", "two", "one", NULL };
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info info = {}, found = {}, copy = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *text = NULL;
	struct stat st;
	int64_t size = 0;

	assert_int_equal(add(p, "example.com/a", layers, &info, &err), 0);
	info.etag = xstrdup("\"e\"");
	info.last_modified = xstrdup("yesterday");
	info.max_age = 60;
	info.checked = 1;
	assert_int_equal(facts_save(p->store, &info, &err), 0);
	if (!geteuid())
		assert_int_equal(vouch_save(p->store, &info, NULL, 0, &err), 0);
	assert_int_equal(store_find(p->store, "example.com/a", &found, &err), 0);
	assert_string_equal(found.format, "oci");
	assert_string_equal(found.digest, info.digest);
	assert_string_equal(found.config_digest, info.config_digest);
	assert_int_equal(strv_len(found.layers), 3);
	assert_string_equal(found.layers[2], found.layers[0]);
	assert_string_equal(found.etag, "\"e\"");
	assert_string_equal(found.last_modified, "yesterday");
	assert_true(found.max_age == 60 && found.checked == 1 && found.import_time > 0);
	/* Each blob once: both documents and two layers. */
	for (char **keys = image_blobs(&found), **key = keys;; key++) {
		AUTO(close) int fd = -1;

		if (!*key) {
			assert_int_equal(key - keys, 4);
			strv_free(keys);
			break;
		}
		assert_int_equal(store_open_key(p->store, *key, &fd, &err), 0);
		assert_int_equal(fstat(fd, &st), 0);
		size += st.st_size;
	}
	assert_int_equal(found.size, size);
	assert_string_equal(label_get(found.labels, found.n_labels, "version"), "1");
	assert_string_equal(label_get(found.labels, found.n_labels, "arch"), "amd64");
	copy = image_info_copy(&found);
	assert_string_equal(copy.layers[1], found.layers[1]);
	assert_int_equal(copy.last_used, found.last_used);
	assert_int_equal(store_read_manifest_text(p->store, &found, &text, &err), 0);
	assert_non_null(strstr(text, "\"exec\":[\"/x\"]"));
	assert_non_null(strstr(text, found.digest));
}

static void find_by_digest(void **state)
{
	static const char *const layers[] = { "one", NULL };
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info a = {}, b = {};
	AUTO(free) char *dashed = NULL, *as_digest = NULL;
	AUTO(err_clear) struct err err = {};
	struct image_info none;
	const char *words[4];

	assert_int_equal(add(p, "example.com/a", layers, &a, &err), 0);
	assert_int_equal(add(p, "example.com/b", layers, &b, &err), 0);
	as_digest = xstrdup(a.id);
	dashed = xstrndup(a.digest, 20);
	dashed[6] = '-';
	as_digest[6] = ':';
	words[0] = a.digest;
	words[1] = dashed;
	words[2] = as_digest;
	words[3] = a.id;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		AUTO(image_info_clear) struct image_info found = {};

		assert_int_equal(store_find(p->store, words[i], &found, &err), 0);
		assert_string_equal(found.id, a.id);
	}
	assert_int_equal(store_find(p->store, "sha256:00000000", &none, &err), -ERR_NOT_FOUND);
	assert_int_equal(store_find(p->store, "sha256:0", &none, &err), -ERR_BAD_INPUT);
	assert_int_equal(store_find(p->store, "sha256:../../x", &none, &err), -ERR_BAD_INPUT);
	assert_int_equal(store_find(p->store, "sha256:FFFF", &none, &err), -ERR_BAD_INPUT);
}

/* A blob that several have is shared out: together they take what is on disk. */
static void measured(void **state)
{
	static const char *const both[] = { "shared", "of a", NULL }, *const only[] = { "shared", NULL };
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info a = {}, b = {};
	struct image_info list[3];
	struct image_info aci = { .id = xcalloc(1, IMAGE_ID_LEN + 1), .size = 1000, .tree_size = 24 };

	memset(aci.id, 'c', IMAGE_ID_LEN);
	assert_int_equal(add(p, "example.com/a", both, &a, NULL), 0);
	assert_int_equal(add(p, "example.com/b", only, &b, NULL), 0);
	list[0] = a;
	list[1] = b;
	list[2] = aci;
	store_measure(p->store, list, 3);
	assert_int_equal(list[0].disk_size, a.size - 3);
	assert_int_equal(list[1].disk_size, b.size - 3);
	assert_int_equal(list[2].disk_size, 1024);
	store_measure(p->store, list, 1);
	assert_int_equal(list[0].disk_size, a.size);
	free(aci.id);
}

/* Facts that no honest rkt wrote. */
static void refused_facts(void **state)
{
	static const char *const layers[] = { "one", NULL };
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info good = {};
	AUTO(free) char *gone = NULL;
	AUTO(err_clear) struct err err = {};
	char *bad_layers[] = { (char *)"../../lock", NULL };
	struct image_info bad[10];

	assert_int_equal(add(p, "example.com/a", layers, &good, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = good;
	bad[0].format = NULL;
	bad[1].format = (char *)"zip";
	bad[2].digest = (char *)"sha256:00";
	bad[3].config_digest = NULL;
	bad[4].layers = bad_layers;
	bad[5].etag = (char *)"a\r\nX-Evil: 1";
	bad[6].last_modified = (char *)"\n";
	bad[7].max_age = -1;
	bad[8].id = (char *)"sha512-00";
	bad[9].name = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(facts_check(&bad[i], NULL, &err), -ERR_BAD_INPUT);
		assert_int_equal(store_add_image(p->store, p->unpack_fd, &bad[i], "{}", false, &err), -ERR_BAD_INPUT);
	}
	assert_int_equal(facts_check(&good, NULL, &err), 0);
	/* One whose blob is not there. */
	bad[0] = good;
	bad[0].digest = xasprintf("sha256:%064d", 1);
	gone = bad[0].digest;
	assert_int_equal(store_add_image(p->store, p->unpack_fd, &bad[0], "{}", false, &err), -ERR_NOT_FOUND);
}

static void stop_using(struct store *s)
{
	s->shared = false;
	assert_int_equal(flock(s->lock_fd, LOCK_UN), 0);
}

static void shared_layers_stay(void **state)
{
	static const char *const first[] = { "base", "one", NULL }, *const second[] = { "base", "two", NULL };
	struct place *p = *state;
	AUTO(image_info_clear) struct image_info a = {}, b = {};
	AUTO(free) char *orphan = NULL;
	AUTO(err_clear) struct err err = {};
	bool left;

	assert_int_equal(add(p, "example.com/a", first, &a, &err), 0);
	assert_int_equal(add(p, "example.com/b", second, &b, &err), 0);
	orphan = place_put(p, "nobody's", 8, NULL);
	orphan[6] = '-';
	/* Whoever fetches holds the shared lock: what was just published stays. */
	assert_int_equal(store_sweep(p->store, NULL, NULL, &err), 0);
	assert_true(store_has_blob(p->store, orphan));
	stop_using(p->store);
	assert_int_equal(store_sweep(p->store, NULL, NULL, &err), 0);
	assert_false(store_has_blob(p->store, orphan));
	for (size_t i = 0; i < 2; i++)
		assert_true(store_has_blob(p->store, a.layers[i]) && store_has_blob(p->store, b.layers[i]));
	assert_int_equal(store_remove(p->store, &a, NULL, NULL, &left, &err), 0);
	assert_false(left);
	assert_true(store_has_blob(p->store, b.layers[0]) && store_has_blob(p->store, b.layers[1]));
	assert_false(store_has_blob(p->store, a.layers[1]));
	/* The facts of one cannot be read, so nobody knows what it needs. */
	assert_int_equal(file_write(p->store->cas_fd, "image/sha512-"
				    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", "{}", 2, 0640), 0);
	assert_int_equal(store_remove(p->store, &b, NULL, NULL, &left, &err), 0);
	assert_true(left);
	assert_int_equal(store_sweep(p->store, NULL, NULL, &err), 0);
	assert_true(store_has_blob(p->store, b.layers[0]));
	assert_int_equal(unlinkat(p->store->cas_fd, "image/sha512-"
				  "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", 0), 0);
	assert_int_equal(store_sweep(p->store, NULL, NULL, &err), 0);
	assert_false(store_has_blob(p->store, b.layers[0]));
	assert_int_equal(place_count(p, "cas/blob/sha256/58"), -1);
}

static int wait_child(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void one_at_a_time(void **state)
{
	struct place *p = *state;
	AUTO(store_close) struct store *other = NULL;
	AUTO(err_clear) struct err err = {};
	int fd = -1, other_fd = -1, pipe_fds[2];
	pid_t child;
	char c;

	assert_int_equal(store_open(p->path, STORE_WRITE, &other, NULL), 0);
	assert_int_equal(store_lock_blob(p->store, hello256, false, &fd, &err), 0);
	assert_int_equal(store_lock_blob(other, hello256, false, &other_fd, &err), -EWOULDBLOCK);
	assert_int_equal(store_lock_blob(other, "x", false, &other_fd, &err), -ERR_BAD_INPUT);
	/* While it is waited for, nobody sweeps its file away. */
	assert_int_equal(store_try_exclusive(other, NULL), -EWOULDBLOCK);
	store_unlock_blob(p->store, hello256, &fd);
	assert_int_equal(fd, -1);
	assert_int_equal(place_count(p, "cas/tmp"), 0);
	store_unlock_blob(p->store, hello256, &fd);
	/* Whoever dies lets go, and whoever waits gets it. */
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		if (store_lock_blob(other, hello256, false, &other_fd, NULL) < 0 || write(pipe_fds[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(pipe_fds[0], &c, 1), 1);
	assert_int_equal(store_lock_blob(p->store, hello256, false, &fd, &err), -EWOULDBLOCK);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(store_lock_blob(p->store, hello256, true, &fd, &err), 0);
	assert_true(WIFSIGNALED(wait_child(child)));
	store_unlock_blob(p->store, hello256, &fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* As 16 that want the same layer: each waits, looks, and only the first adds it. */
static void sixteen(void **state)
{
	enum { N = 16 };
	struct place *p = *state;
	pid_t children[N];
	int added = 0;

	for (int i = 0; i < N; i++) {
		children[i] = fork();
		if (!children[i]) {
			AUTO(store_close) struct store *s = NULL;
			int fd = -1;
			bool there;

			if (store_open(p->path, STORE_WRITE, &s, NULL) < 0 ||
			    store_lock_blob(s, hello256, true, &fd, NULL) < 0)
				_exit(2);
			there = store_has_blob(s, hello256);
			if (!there) {
				struct place mine = { .path = p->path, .store = s, .unpack_fd = p->unpack_fd };

				free(place_put(&mine, "hello\n", 6, NULL));
			}
			store_unlock_blob(s, hello256, &fd);
			_exit(there);
		}
	}
	for (int i = 0; i < N; i++) {
		int status = wait_child(children[i]);

		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
		added += !WEXITSTATUS(status);
	}
	assert_int_equal(added, 1);
	assert_int_equal(place_count(p, "cas/tmp"), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_drop)
	const struct CMUnitTest tests[] = {
		TEST(both_hashes), TEST(large), TEST(other_bytes), TEST(no_links_on_the_way), TEST(add_oci_image),
		TEST(find_by_digest), TEST(measured), TEST(refused_facts), TEST(shared_layers_stay), TEST(one_at_a_time), TEST(sixteen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
