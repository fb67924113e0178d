#include "stage0/stage0.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"
#include "os/mount.h"
#include "pod/contract.h"
#include "store/facts.h"
#include "store/tar_build.h"

/* Preparing pods from images that the real rkt-unpack unpacked. Needs root, as preparing does. */

static int fetches;

/* In place of what starts rkt-fetch: the network is away. */
int fetch_image(const struct fetch_config *config, struct store *store, const struct fetch_image *image,
		struct image_info *ret, struct err *err)
{
	fetches++;
	return err_set(err, -ERR_NOT_FOUND, "the server is away");
}

int helper_open(const char *libexec_dir, const char *name, int *ret_fd, struct err *err)
{
	*ret_fd = open(RKT_UNPACK, O_PATH | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define MANIFEST(name, rest) \
	"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"" name "\",\"labels\":[" \
	"{\"name\":\"os\",\"value\":\"linux\"},{\"name\":\"arch\",\"value\":\"amd64\"}]," rest "}"
#define APP_MANIFEST MANIFEST("example.com/app", "\"app\":{\"exec\":[\"/a\"],\"user\":\"0\",\"group\":\"0\"}")
#define STAGE1_MANIFEST MANIFEST("example.com/stage1", "\"annotations\":[{\"name\":\"" STAGE1_ENTRY_RUN "\"," \
	"\"value\":\"/init\"}]")

struct place {
	char *path, *app_id, *stage1_id;
	struct pods *pods;
	struct engine engine;
};

/* with_tree: as root fetches it; without, as a member of group rkt does. */
static char *import(struct place *p, const char *manifest, const char *name, bool with_tree)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(import_free) struct import *i = NULL;
	AUTO(buf_clear) struct buf tar = {};
	AUTO(close) int unpack = -1;
	struct image_info info = { .name = xstrdup(name), .verified_by = xstrdup(KEY) };
	struct import_result result;
	char *id;
	int fd;

	tar_add(&tar, &(struct tar_header){ .name = "manifest", .type = '0', .data = manifest, .mode = 0644 });
	tar_add(&tar, &(struct tar_header){ .name = "rootfs/", .type = '5', .mode = 01751, .uid = 7, .gid = 8 });
	tar_add(&tar, &(struct tar_header){ .name = "rootfs/f", .type = '0', .data = "x", .mode = 04755 });
	tar_end(&tar);
	assert_int_equal(helper_open(NULL, NULL, &unpack, NULL), 0);
	assert_int_equal(store_open(p->path, STORE_WRITE, &store, NULL), 0);
	assert_int_equal(import_start(store, unpack, with_tree, &i, &fd, NULL), 0);
	assert_int_equal(fd_write_all(fd, tar.data, tar.len), 0);
	close(fd);
	assert_int_equal(import_finish(i, &result, NULL), 0);
	assert_int_equal(reference_default_labels(&info.labels, &info.n_labels, NULL), 0);
	assert_int_equal(import_commit(i, &info, NULL), 0);
	id = xstrdup(info.id);
	image_info_clear(&info);
	return id;
}

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct engine *e = &p->engine;
	AUTO(free) char *key = NULL;

	*state = p;
	p->path = name_random("/tmp/rkt-prepare");
	if (geteuid())
		return 0;
	e->data_dir = xstrdup(p->path);
	e->system_config = xasprintf("%s/vendor", p->path);
	e->local_config = xasprintf("%s/local", p->path);
	e->libexec_dir = xstrdup("/nonexistent");
	if (dir_make_all(AT_FDCWD, p->path, 0755) < 0 || pods_open(p->path, true, &p->pods, NULL) < 0 ||
	    keystore_add(e->local_config, NULL, KEY, "a key", &key, NULL) < 0)
		return -1;
	p->app_id = import(p, APP_MANIFEST, "example.com/app", true);
	p->stage1_id = import(p, STAGE1_MANIFEST, "example.com/stage1", true);
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;

	pods_close(p->pods);
	tree_remove(AT_FDCWD, p->path);
	free(p->engine.data_dir);
	free(p->engine.system_config);
	free(p->engine.local_config);
	free(p->engine.libexec_dir);
	free(p->app_id);
	free(p->stage1_id);
	free(p->path);
	free(p);
	return 0;
}

static int prepare(struct place *p, struct prepare_request *r, struct pod *pod, char **ret_words)
{
	AUTO(err_clear) struct err err = {};
	int k;

	r->stage1.hash = p->stage1_id;
	k = pod_prepare(&p->engine, p->pods, r, pod, &err);
	*ret_words = k < 0 ? err_text(&err) : NULL;
	return k;
}

static struct stat look(int dir_fd, const char *path)
{
	struct stat st;

	if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("no %s", path);
	return st;
}

static void assert_file(int dir_fd, const char *path, const char *expected)
{
	AUTO(free) char *text = NULL;

	if (file_read(dir_fd, path, 1 << 20, &text, NULL) < 0)
		fail_msg("no %s", path);
	assert_string_equal(text, expected);
}

/* Nothing of a pod is left in any state. */
static void assert_no_pods(struct place *p)
{
	struct pod *list = NULL;
	size_t n = 0;

	assert_int_equal(pods_list(p->pods, POD_MASK_ALL, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	pods_list_free(list, n);
}

static char *tree_of(struct place *p, const char *id)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(image_info_clear) struct image_info info = {};

	assert_int_equal(store_open(p->path, STORE_READ, &store, NULL), 0);
	assert_int_equal(store_find_id(store, id, &info, NULL), 0);
	return TAKE(info.tree);
}

static void test_overlay(void **state)
{
	struct place *p = *state;
	struct app_request apps[] = { { .image = "example.com/app" }, { .image = "example.com/app", .name = "b" } };
	AUTO(free) char *uuid_file = xasprintf("%s/uuid", p->path), *words = NULL, *tree = NULL, *stage1_tree = NULL;
	struct prepare_request r = { .apps = apps, .n_apps = 2, .uuid_file_save = uuid_file };
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(pod_manifest_clear) struct pod_manifest m = {};
	AUTO(free) char *upper = NULL, *work = NULL, *base = NULL;
	struct stat st;

	if (geteuid() || !mount_overlay_supported())
		skip();
	if (prepare(p, &r, &pod, &words) < 0)
		fail_msg("%s", words);
	assert_int_equal(pod.state, POD_PREPARING);
	assert_true(pod.locked);
	assert_file(AT_FDCWD, uuid_file, pod.uuid);
	assert_int_equal(pod_read_manifest(&pod, &m, NULL), 0);
	assert_int_equal(m.n_apps, 2);
	assert_string_equal(m.apps[0].image.id, p->app_id);
	tree = tree_of(p, p->app_id);
	stage1_tree = tree_of(p, p->stage1_id);
	assert_file(pod.fd, "stage1TreeStoreID", stage1_tree);
	assert_file(pod.fd, "appsinfo/app/treeStoreID", tree);
	assert_file(pod.fd, "appsinfo/b/manifest", APP_MANIFEST);
	assert_file(pod.fd, "appsinfo/b/verifiedBy", KEY);
	assert_file(pod.fd, "stage1/manifest", STAGE1_MANIFEST);
	assert_int_equal(look(pod.fd, "overlay-prepared").st_size, 0);
	assert_int_equal(look(pod.fd, "pod").st_mode & 0777, 0640);
	assert_int_equal(look(pod.fd, "pod.lck").st_mode & 0777, 0600);
	assert_true(S_ISDIR(look(pod.fd, "stage1/rootfs").st_mode));
	/* The app's "/" is the upper directory; outside it only root gets near what the app may make setuid. */
	base = xasprintf("overlay/%s", tree);
	upper = xasprintf("%s/upper/b", base);
	work = xasprintf("%s/work/app", base);
	st = look(pod.fd, upper);
	assert_int_equal(st.st_mode, S_IFDIR | 01751);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 8);
	assert_int_equal(look(pod.fd, base).st_mode & 0777, 0700);
	assert_int_equal(look(pod.fd, work).st_mode & 0777, 0700);
	assert_int_equal(fetches, 0);
}

static void test_copy(void **state)
{
	struct place *p = *state;
	struct app_request app = { .image = "example.com/app" };
	struct prepare_request r = { .apps = &app, .n_apps = 1, .no_overlay = true };
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(free) char *words = NULL, *stage1_tree = NULL;
	struct stat st;

	if (geteuid())
		skip();
	if (prepare(p, &r, &pod, &words) < 0)
		fail_msg("%s", words);
	stage1_tree = tree_of(p, p->stage1_id);
	assert_file(pod.fd, "stage1TreeStoreID", stage1_tree);
	assert_file(pod.fd, "stage1/rootfs/f", "x");
	assert_file(pod.fd, "stage1/rootfs/opt/stage2/app/manifest", APP_MANIFEST);
	assert_int_equal(look(pod.fd, "stage1/rootfs/opt/stage2/app/rootfs/f").st_mode & 07777, 04755);
	assert_int_equal(look(pod.fd, "stage1/rootfs/opt/stage2").st_mode & 0777, 0700);
	assert_true(fstatat(pod.fd, "overlay-prepared", &st, 0) < 0);
	assert_true(fstatat(pod.fd, "appsinfo/app/treeStoreID", &st, 0) < 0);
}

/* Images of a member of group rkt have no tree yet. */
static void test_renders(void **state)
{
	struct place *p = *state;
	struct app_request app = { .image = "example.com/flat" };
	struct prepare_request r = { .apps = &app, .n_apps = 1 };
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(free) char *words = NULL, *id = NULL, *tree = NULL;

	if (geteuid())
		skip();
	id = import(p, MANIFEST("example.com/flat", "\"app\":{\"exec\":[\"/a\"],\"user\":\"0\",\"group\":\"0\"}"),
		    "example.com/flat", false);
	assert_null(tree_of(p, id));
	if (prepare(p, &r, &pod, &words) < 0)
		fail_msg("%s", words);
	tree = tree_of(p, id);
	assert_non_null(tree);
}

/* What is known of an image names the tree of another: the right one is made, the other is left alone. */
static void test_tree_of_another(void **state)
{
	struct place *p = *state;
	struct app_request app = { .image = "example.com/app" };
	struct prepare_request r = { .apps = &app, .n_apps = 1 };
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(free) char *words = NULL, *wrong = NULL, *right = NULL, *after = NULL;
	AUTO(store_close) struct store *store = NULL;
	AUTO(image_info_clear) struct image_info info = {};

	if (geteuid())
		skip();
	right = tree_of(p, p->app_id);
	wrong = tree_of(p, p->stage1_id);
	assert_int_equal(store_open(p->path, STORE_WRITE, &store, NULL), 0);
	assert_int_equal(store_find_id(store, p->app_id, &info, NULL), 0);
	free(info.tree);
	info.tree = xstrdup(wrong);
	assert_int_equal(facts_save(store, &info, NULL), 0);
	if (prepare(p, &r, &pod, &words) < 0)
		fail_msg("%s", words);
	after = tree_of(p, p->app_id);
	assert_string_equal(after, right);
}

static void test_failures_leave_nothing(void **state)
{
	struct place *p = *state;
	AUTO(free) char *no_dir = xasprintf("%s/no/such/uuid", p->path);
	AUTO(free) char *no_dir_words = xasprintf("cannot prepare pod: error saving pod UUID to file: cannot write "
						  "\"%s\": No such file or directory", no_dir);
	AUTO(free) char *self_words = xasprintf("image \"example.com/stage1\" cannot be the stage1 and an app of one "
						"pod");
	const struct { const char *image, *uuid_file, *words; } cases[] = {
		{ "example.com/none", NULL, "the server is away" },
		{ "example.com/app", no_dir, no_dir_words },
		{ p->stage1_id, NULL, self_words },
	};

	if (geteuid() || !mount_overlay_supported())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct app_request app = { .image = cases[i].image, .exec = "/a" };
		struct prepare_request r = { .apps = &app, .n_apps = 1, .uuid_file_save = cases[i].uuid_file };
		AUTO(pod_close) struct pod pod = POD_NONE;
		AUTO(free) char *words = NULL;

		assert_true(prepare(p, &r, &pod, &words) < 0);
		assert_string_equal(words, cases[i].words);
		assert_int_equal(pod.fd, -1);
		assert_no_pods(p);
	}
}

static char *write_pod_manifest(struct place *p, const char *apps)
{
	AUTO(free) char *text = xasprintf("{ \"acVersion\": \"1.30.0\", \"acKind\": \"PodManifest\", \"apps\": [%s] }\n",
					  apps);
	char *path = xasprintf("%s/manifest", p->path);

	assert_int_equal(file_write(AT_FDCWD, path, text, strlen(text), 0644), 0);
	return path;
}

static void test_pod_manifest(void **state)
{
	struct place *p = *state;
	AUTO(pod_close) struct pod pod = POD_NONE;
	AUTO(free) char *words = NULL, *apps = NULL, *path = NULL, *given = NULL;
	struct prepare_request r = {};

	if (geteuid())
		skip();
	apps = xasprintf("{\"name\":\"mine\",\"image\":{\"id\":\"%s\"}}", p->app_id);
	r.pod_manifest = path = write_pod_manifest(p, apps);
	if (prepare(p, &r, &pod, &words) < 0)
		fail_msg("%s", words);
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &given, NULL), 0);
	assert_file(pod.fd, "pod", given);	/* byte for byte */
	assert_file(pod.fd, "appsinfo/mine/manifest", APP_MANIFEST);
}

static void test_pod_manifest_faults(void **state)
{
	static const struct { const char *apps, *words; } cases[] = {
		{ "", "pod must contain at least one application" },
		{ "{\"name\":\"a\",\"image\":{\"id\":\"sha512-00\"}}",
		  "could not resolve image \"sha512-00\": no image IDs found" },
	};
	struct place *p = *state;

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(pod_close) struct pod pod = POD_NONE;
		AUTO(free) char *words = NULL, *path = write_pod_manifest(p, cases[i].apps);
		struct prepare_request r = { .pod_manifest = path };

		assert_true(prepare(p, &r, &pod, &words) < 0);
		assert_string_equal(words, cases[i].words);
		assert_no_pods(p);
	}
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_overlay),
		IN_PLACE(test_copy),
		IN_PLACE(test_renders),
		IN_PLACE(test_tree_of_another),
		IN_PLACE(test_failures_leave_nothing),
		IN_PLACE(test_pod_manifest),
		IN_PLACE(test_pod_manifest_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
