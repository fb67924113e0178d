#include "image/client.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/human.h"
#include "base/mem.h"
#include "image/wire.h"

#define KEY "8d9d2fc756c14fe900814ad6fa1f9c1007ad22e7"

/*
 * This program is also the rkt-fetch that the tests start (by a link of that
 * name): what it does hangs on the location that it is asked about.
 */
static void answer(const char *kind, int64_t code)
{
	struct wire_key key = { (char[]){ "x" }, (char[]){ "armor" }, (char[]){ KEY } };
	char *chain[] = { (char[]){ "from afar" }, NULL };
	AUTO(free) char *own = xstrdup(kind);
	struct wire_reply reply = { .kind = own, .code = code, .chain = chain, .keys = &key, .n_keys = 1 };

	(void)wire_send_reply(WIRE_FD_CONTROL, &reply);
}

/* Instead of an image. */
static void answer_image(const struct wire_request *request)
{
	bool elsewhere = str_eq(request->url, "https://elsewhere/x.aci");
	struct wire_reply reply = {
		.source = elsewhere ? (char[]){ "https://other/x.aci" } : request->url, .etag = (char[]){ "\"v1\"" },
		.kind = str_eq(request->url, "https://unsigned/x.aci") ? (char[]){ "image" } : (char[]){ "unchanged" },
		.max_age = 60,
	};

	(void)wire_send_reply(WIRE_FD_CONTROL, &reply);
}

/* Who was started by root is told whom to become, and that is not root. */
static bool is_unprivileged(const char *as)
{
	return geteuid() || (str_starts(as ?: "", WIRE_ARG_AS) && !str_starts(as, WIRE_ARG_AS "0:"));
}

static int fake_fetch(char *const *argv)
{
	AUTO(wire_request_clear) struct wire_request request = {};
	const char *what;

	if (wire_recv_request(WIRE_FD_CONTROL, &request, NULL) < 0)
		return 3;
	if (request.url)
		answer_image(&request);
	if (!request.n_locations)
		return 3;
	what = request.locations[0].name;
	if (str_eq(what, "https://die"))
		raise(SIGKILL);
	if (str_eq(what, "https://hold")) {
		close(WIRE_FD_CONTROL);
		pause();
	}
	if (str_eq(what, "https://junk"))
		(void)fd_write_all(WIRE_FD_CONTROL, "\0\0\0\2{}", 6);
	if (str_eq(what, "https://good"))
		answer("keys", 0);
	if (str_eq(what, "https://other"))
		answer("image", 0);
	if (str_eq(what, "https://error"))
		answer("error", -ENOENT);
	if (str_eq(what, "https://told"))
		answer("error", -ERR_EXIT);
	if (str_eq(what, "https://root"))
		answer("error", is_unprivileged(argv[1]) ? -EPERM : -EIO);
	return 5;
}

struct place { char *dir; struct fetch_config config; };

static int set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	AUTO(free) char *self = realpath("/proc/self/exe", NULL);
	AUTO(free) char *link = NULL, *unpack = NULL;

	p->dir = xasprintf("%s/rkt-test-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	if (!self || !mkdtemp(p->dir))
		return -1;
	link = xasprintf("%s/rkt-fetch", p->dir);
	unpack = xasprintf("%s/rkt-unpack", p->dir);
	p->config.libexec_dir = p->config.local_config = p->dir;
	*state = p;
	return symlink(self, link) || symlink(self, unpack);
}

static int tear_down(void **state)
{
	struct place *p = *state;
	int r = tree_remove(AT_FDCWD, p->dir);

	free(p->dir);
	free(p);
	return r;
}

static int ask(const struct place *p, const char *location, struct err *err)
{
	AUTO(free) char *copy = xstrdup(location);
	char *locations[] = { copy, NULL };
	struct found_key *keys = NULL;
	size_t n = 0;
	int r = fetch_keys(&p->config, NULL, locations, &keys, &n, err);

	if (r >= 0) {
		assert_int_equal(n, 1);
		assert_string_equal(keys[0].fingerprint, KEY);
	}
	found_keys_free(keys, n);
	return r;
}

/* Whatever becomes of rkt-fetch, rkt goes on with words of its own. */
static void answers(void **state)
{
	static const struct { const char *location; int r; const char *words; } cases[] = {
		{ "https://good", 0, NULL },
		{ "https://error", -ENOENT, "from afar" },
		{ "https://die", -EPROTO, "rkt-fetch was ended by signal 9" },
		{ "https://silent", -EPROTO, "rkt-fetch ended without an answer (code 5)" },
		{ "https://junk", -EBADMSG, "received a message that makes no sense" },
		{ "https://other", -EBADMSG, "rkt-fetch gave another answer than was asked for" },
		{ "https://told", -EPROTO, "from afar" },	/* it may not end us without a word */
		{ "https://root", -EPERM, "from afar" },	/* it is never root */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};

		print_message("%s\n", cases[i].location);
		assert_int_equal(ask(*state, cases[i].location, &err), cases[i].r);
		if (cases[i].words)
			assert_string_equal(err.chain[0], cases[i].words);
	}
}

static void holding_on(void **state)
{
	AUTO(err_clear) struct err err = {};

	assert_int_equal(ask(*state, "https://hold", &err), -EPROTO);
	assert_string_equal(err.chain[0], "rkt-fetch closed its socket without an answer");
}

static void locations(void **state)
{
	struct place *p = *state;
	AUTO(free) char *fifo = xasprintf("%s/fifo", p->dir);
	AUTO(free) char *words = xasprintf("'%s' is not a regular file", fifo);
	AUTO(err_clear) struct err err = {};

	assert_int_equal(ask(p, "ftp://a/key", &err), -EINVAL);
	assert_string_equal(err.chain[0], "only local files and http or https URLs supported");
	assert_int_equal(ask(p, "http://a/key", &err), -EPROTO);
	assert_string_equal(err.chain[0], "--insecure-allow-http required for http URLs");
	assert_int_equal(ask(p, "/nonexistent/key", &err), -ENOENT);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(ask(p, fifo, &err), -EINVAL);
	assert_string_equal(err.chain[0], words);
}

static void no_helper(void **state)
{
	struct place none = { .config.libexec_dir = "/nonexistent" };
	AUTO(err_clear) struct err err = {};

	assert_int_equal(ask(&none, "https://good", &err), -ENOENT);
	assert_string_equal(err.chain[0], "cannot open '/nonexistent/rkt-fetch'");
}

static void hashes_are_not_fetched(void **state)
{
	struct place *p = *state;
	struct reference ref = { .kind = REFERENCE_HASH };
	struct fetch_image image = { .ref = &ref };
	struct image_info info = {};

	assert_int_equal(fetch_image(&p->config, NULL, &image, &info, NULL), -EINVAL);
}

/* --- what the store has already -------------------------------------------------- */

static int give_stored(void *arg, struct image_info *ret)
{
	const struct image_info *stored = arg;

	if (!stored->id)
		return -ERR_NOT_FOUND;
	*ret = (struct image_info){
		.id = xstrdup(stored->id), .name = xstrdup("example.com/x"), .source = xstrdup(stored->source),
		.etag = xstrdup(stored->etag), .max_age = stored->max_age, .checked = stored->checked,
	};
	return 0;
}

static int fetch(const struct place *p, char *url, struct image_info *stored, struct image_info *ret,
		 struct err *err)
{
	AUTO(free) char *data = xasprintf("%s/data", p->dir);
	AUTO(store_close) struct store *store = NULL;
	const struct reference ref = { .kind = REFERENCE_URL, .url = url, .text = url };
	const struct fetch_image image = { .ref = &ref, .stored = give_stored, .stored_arg = stored };

	assert_int_equal(store_open(data, STORE_WRITE, &store, NULL), 0);
	return fetch_image(&p->config, store, &image, ret, err);
}

/* That nothing has changed is an answer to one question alone. */
static void unchanged(void **state)
{
	char url[] = "https://same/x.aci", elsewhere[] = "https://elsewhere/x.aci";
	char id[] = "sha512-1", etag[] = "\"v0\"";
	struct image_info stored = { .id = id, .source = url, .etag = etag, .max_age = 1, .checked = 1 }, none = {};
	AUTO(image_info_clear) struct image_info got = {};
	AUTO(err_clear) struct err err = {};

	assert_int_equal(fetch(*state, url, &stored, &got, &err), 0);
	assert_string_equal(got.id, id);
	assert_string_equal(got.etag, "\"v1\"");
	assert_int_equal(got.max_age, 60);
	assert_true(time_now() - got.checked < 60LL * NS_PER_SECOND);
	image_info_clear(&got);
	stored.source = elsewhere;
	assert_int_equal(fetch(*state, elsewhere, &stored, &got, &err), -EBADMSG);
	assert_int_equal(fetch(*state, url, &none, &got, &err), -EBADMSG);
	stored.etag = NULL;
	assert_int_equal(fetch(*state, url, &stored, &got, &err), -EBADMSG);
}

static void unsigned_image(void **state)
{
	char url[] = "https://unsigned/x.aci";
	struct image_info none = {}, got = {};
	AUTO(err_clear) struct err err = {};

	assert_int_equal(fetch(*state, url, &none, &got, &err), -EBADMSG);
	assert_string_equal(err.chain[0], "rkt-fetch gave another answer than was asked for");
}

/* While it is fresh nobody is asked: there is no rkt-fetch here that could be. */
static void fresh(void **state)
{
	static const struct { int64_t max_age, age; bool fresh; } cases[] = {
		{ 1000, 10, true }, { 86400, 86000, true }, { 1000, 1010, false }, { 1000, -10, false },
		{ 1 << 30, 86401, false }, { 0, 0, false },
	};
	struct place *p = *state;
	char url[] = "https://same/x.aci", id[] = "sha512-1";

	p->config.libexec_dir = "/nonexistent";
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct image_info stored = { .id = id, .source = url, .max_age = cases[i].max_age };
		AUTO(image_info_clear) struct image_info got = {};
		AUTO(err_clear) struct err err = {};

		stored.checked = time_now() - cases[i].age * NS_PER_SECOND;
		assert_int_equal(fetch(p, url, &stored, &got, &err), cases[i].fresh ? 0 : -ENOENT);
		assert_true(str_eq(got.id, cases[i].fresh ? id : NULL));
	}
}

int main(int argc, char **argv)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_PLACE(answers), WITH_PLACE(holding_on), WITH_PLACE(locations), WITH_PLACE(no_helper),
		WITH_PLACE(hashes_are_not_fetched), WITH_PLACE(unchanged), WITH_PLACE(unsigned_image), WITH_PLACE(fresh),
	};

	if (str_eq(argv[0], "rkt-fetch"))
		return fake_fetch(argv);
	if (str_eq(argv[0], "rkt-unpack"))
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
