#include "image/keystore.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY_C "cosign-cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

struct dirs { char *top, *vendor, *local; };

static int set_up(void **state)
{
	struct dirs *d = xcalloc(1, sizeof(*d));

	d->top = xasprintf("%s/rkt-test-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	if (!mkdtemp(d->top))
		return -1;
	d->vendor = xasprintf("%s/system", d->top);
	d->local = xasprintf("%s/local", d->top);
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct dirs *d = *state;
	int r = tree_remove(AT_FDCWD, d->top);

	free(d->top);
	free(d->vendor);
	free(d->local);
	free(d);
	return r;
}

static void put(const char *dir, const char *below, const char *name, const char *text)
{
	AUTO(free) char *parent = xasprintf("%s/trustedkeys/%s", dir, below);
	AUTO(free) char *path = xasprintf("%s/%s", parent, name);

	assert_int_equal(dir_make_all(AT_FDCWD, parent, 0755), 0);
	assert_int_equal(file_write(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

/* Loading and looking up must agree. Returns how many keys of that kind may sign name. */
static size_t trusted(const struct dirs *d, const char *name, const char *fingerprint, bool want)
{
	enum trust_kind kind = fingerprint_kind(fingerprint);
	struct trusted_key *keys = NULL;
	bool found = false;
	size_t n = 0;

	assert_int_equal(keystore_load(d->vendor, d->local, kind, name, &keys, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		found |= str_eq(keys[i].fingerprint, fingerprint);
	trusted_keys_free(keys, n);
	assert_int_equal(found, want);
	assert_int_equal(keystore_trusts(d->vendor, d->local, name, fingerprint), want);
	return n;
}

static void nothing_there(void **state)
{
	assert_int_equal(trusted(*state, "example.com/app", KEY_A, false), 0);
	assert_int_equal(trusted(*state, NULL, KEY_A, false), 0);
}

static void prefixes_end_at_a_slash(void **state)
{
	struct dirs *d = *state;

	put(d->local, "prefix.d/example.com/foo", KEY_A, "a");
	trusted(d, "example.com/foo", KEY_A, true);
	trusted(d, "example.com/foo/bar", KEY_A, true);
	trusted(d, "example.com/foobar", KEY_A, false);
	trusted(d, "example.com", KEY_A, false);
	trusted(d, "other.com/foo", KEY_A, false);
	trusted(d, NULL, KEY_A, false);
	assert_true(keystore_has_prefix_key(d->vendor, d->local, "example.com/foo/bar"));
	assert_false(keystore_has_prefix_key(d->vendor, d->local, "example.com/foobar"));
}

static void root_keys(void **state)
{
	struct dirs *d = *state;

	put(d->vendor, "root.d", KEY_A, "a");
	trusted(d, "example.com/app", KEY_A, true);
	trusted(d, NULL, KEY_A, true);
	assert_false(keystore_has_prefix_key(d->vendor, d->local, "example.com/app"));
}

static void masks(void **state)
{
	struct dirs *d = *state;

	put(d->vendor, "root.d", KEY_A, "a");
	put(d->vendor, "prefix.d/example.com/foo", KEY_B, "b");
	put(d->local, "root.d", KEY_A, "");
	put(d->local, "prefix.d/example.com", KEY_B, "");	/* a shorter prefix, but the administrator's */
	assert_int_equal(trusted(d, "example.com/foo", KEY_A, false), 0);
	trusted(d, "example.com/foo", KEY_B, false);
	assert_true(keystore_has_prefix_key(d->vendor, NULL, "example.com/foo"));
	assert_false(keystore_has_prefix_key(d->vendor, d->local, "example.com/foo"));
	put(d->local, "prefix.d/example.com/foo", KEY_B, "again");
	trusted(d, "example.com/foo", KEY_B, true);
}

static void local_wins(void **state)
{
	struct dirs *d = *state;
	struct trusted_key *keys = NULL;
	size_t n = 0;

	put(d->vendor, "root.d", KEY_A, "system");
	put(d->local, "root.d", KEY_A, "local");
	put(d->local, "root.d", "README", "no key");
	assert_int_equal(keystore_load(d->vendor, d->local, TRUST_OPENPGP, NULL, &keys, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(keys[0].armor, "local");
	assert_non_null(strstr(keys[0].path, "local/trustedkeys/root.d/" KEY_A));
	trusted_keys_free(keys, n);
}

static void no_links(void **state)
{
	AUTO(err_clear) struct err err = {};
	struct dirs *d = *state;
	AUTO(free) char *path = xasprintf("%s/trustedkeys/root.d/" KEY_A, d->local);
	struct trusted_key *keys = NULL;
	size_t n = 0;

	put(d->local, "root.d", KEY_B, "b");
	assert_int_equal(symlink(KEY_B, path), 0);
	assert_int_equal(keystore_load(d->vendor, d->local, TRUST_OPENPGP, NULL, &keys, &n, &err), -ELOOP);
	assert_non_null(strstr(err.chain[1], "is not a regular file"));
	assert_false(keystore_trusts(d->vendor, d->local, NULL, KEY_A));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);	/* and it does not wait for a writer */
	assert_int_equal(keystore_load(d->vendor, d->local, TRUST_OPENPGP, NULL, &keys, &n, &err), -EINVAL);
	assert_false(keystore_trusts(d->vendor, d->local, NULL, KEY_A));
}

static void odd_names(void **state)
{
	struct dirs *d = *state;
	struct trusted_key *keys = NULL;
	size_t n = 0;

	put(d->local, "root.d", KEY_A, "a");
	put(d->local, "prefix.d", "x", "x");
	assert_int_equal(keystore_load(d->vendor, d->local, TRUST_OPENPGP, "../root.d", &keys, &n, NULL), -ERR_BAD_INPUT);
	assert_int_equal(keystore_load(d->vendor, d->local, TRUST_OPENPGP, "a//b", &keys, &n, NULL), 0);
	assert_false(keystore_trusts(d->vendor, d->local, "x", "../root.d/" KEY_A));
	trusted_keys_free(keys, n);
}

static void every_key(void **state)
{
	struct dirs *d = *state;
	struct trusted_key *keys = NULL;
	size_t n = 0;

	assert_int_equal(keystore_load_all(d->vendor, d->local, TRUST_OPENPGP, &keys, &n, NULL), 0);
	assert_int_equal(n, 0);
	trusted_keys_free(keys, n);
	put(d->vendor, "root.d", KEY_A, "a");
	put(d->local, "root.d", KEY_A, "");	/* a mask, of which names depend on */
	put(d->vendor, "prefix.d/a.com/x/y", KEY_B, "b");
	put(d->local, "prefix.d/b.com", KEY_B, "another b");
	assert_int_equal(keystore_load_all(d->vendor, d->local, TRUST_OPENPGP, &keys, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_string_equal(keys[0].armor, "a");
	assert_string_equal(keys[1].armor, "b");
	assert_string_equal(keys[2].armor, "another b");
	trusted_keys_free(keys, n);
}

static void adding(void **state)
{
	AUTO(free) char *path = NULL;
	AUTO(free) char *root = NULL;
	AUTO(free) char *none = NULL;
	struct dirs *d = *state;
	struct stat st;
	mode_t mask = umask(077);

	assert_int_equal(keystore_add(d->local, "example.com/foo", KEY_A, "armor", &path, NULL), 0);
	umask(mask);
	assert_true(str_ends(path, "/trustedkeys/prefix.d/example.com/foo/" KEY_A));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	*strrchr(path, '/') = 0;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	trusted(d, "example.com/foo", KEY_A, true);

	assert_int_equal(keystore_add(d->local, NULL, KEY_B, "armor", &root, NULL), 0);
	assert_true(str_ends(root, "/trustedkeys/root.d/" KEY_B));
	assert_int_equal(keystore_add(d->local, "../x", KEY_B, "armor", &none, NULL), -ERR_BAD_INPUT);
	assert_int_equal(keystore_add(d->local, NULL, "../x", "armor", &none, NULL), -ERR_BAD_INPUT);
	assert_int_equal(keystore_add(d->local, NULL, KEY_B, "", &none, NULL), -ERR_BAD_INPUT);
	assert_null(none);
}

static void words(void **state)
{
	assert_int_equal(fingerprint_kind(KEY_A), TRUST_OPENPGP);
	assert_int_equal(fingerprint_kind(KEY_C), TRUST_COSIGN);
	assert_int_equal(fingerprint_kind("accepted"), TRUST_UNSIGNED);
	assert_int_equal(fingerprint_kind(NULL), TRUST_NONE);
	assert_int_equal(fingerprint_kind(""), TRUST_NONE);
	assert_int_equal(fingerprint_kind("cosign-" KEY_A), TRUST_NONE);
	assert_int_equal(fingerprint_kind("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), TRUST_NONE);
	assert_int_equal(fingerprint_kind(KEY_C "/"), TRUST_NONE);
}

static void cosign_keys(void **state)
{
	struct dirs *d = *state;

	put(d->vendor, "cosign.d/root.d", KEY_C ".PEM", "pem");
	put(d->local, "prefix.d/example.com", KEY_C, "in the wrong place");
	put(d->local, "cosign.d/prefix.d/example.com", KEY_A, "likewise");
	assert_int_equal(trusted(d, "example.com/foo", KEY_C, true), 1);
	assert_int_equal(trusted(d, "example.com/foo", KEY_A, false), 0);
	put(d->local, "cosign.d/prefix.d/example.com/foo", KEY_C ".PEM", "");
	trusted(d, "example.com/foo/bar", KEY_C, false);
	trusted(d, "example.com/foobar", KEY_C, true);
	assert_false(keystore_has_prefix_key(d->vendor, d->local, "example.com/foo"));
}

static void prefixes_that_look_like_keys(void **state)
{
	struct dirs *d = *state;

	put(d->local, "cosign.d/prefix.d/" KEY_C, KEY_C ".PEM", "pem");
	put(d->local, "accepted.d/accepted", "ACCEPTED", "yes");
	trusted(d, KEY_C, KEY_C, true);
	trusted(d, "a", KEY_C, false);
	assert_true(keystore_accepts(d->vendor, d->local, "accepted/accepted"));
	assert_false(keystore_accepts(d->vendor, d->local, "b"));
}

static void accepting(void **state)
{
	struct dirs *d = *state;
	AUTO(free) char *path = NULL;
	AUTO(free) char *none = NULL;
	AUTO(err_clear) struct err err = {};

	put(d->local, "accepted.d", "ACCEPTED", "yes");	/* everything: not offered */
	assert_false(keystore_accepts(d->vendor, d->local, "quay.io/x"));
	assert_false(keystore_accepts(d->vendor, d->local, NULL));
	assert_int_equal(keystore_add(d->local, NULL, "accepted", NULL, &none, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "unsigned images can be accepted for a prefix only");
	assert_int_equal(keystore_add(d->local, "quay.io/x", "accepted", NULL, &path, NULL), 0);
	assert_true(str_ends(path, "/trustedkeys/accepted.d/quay.io/x/ACCEPTED"));
	assert_true(keystore_accepts(d->vendor, d->local, "quay.io/x"));
	assert_true(keystore_accepts(d->vendor, d->local, "quay.io/x/y"));
	assert_false(keystore_accepts(d->vendor, d->local, "quay.io/xy"));
	assert_false(keystore_accepts(d->vendor, d->local, "quay.io"));
	put(d->local, "accepted.d/quay.io/x/y", "ACCEPTED", "");
	assert_false(keystore_accepts(d->vendor, d->local, "quay.io/x/y/z"));
}

static void remove_it(const struct dirs *d, const char *prefix, const char *fingerprint, int want)
{
	AUTO(free) char *path = NULL;
	AUTO(err_clear) struct err err = {};

	assert_int_equal(keystore_remove(d->vendor, d->local, prefix, fingerprint, &path, &err), want);
	assert_int_equal(!!path, want >= 0);
}

static void removing(void **state)
{
	struct dirs *d = *state;

	put(d->local, "prefix.d/a.com/x", KEY_A, "a");
	put(d->vendor, "prefix.d/a.com/x", KEY_B, "b");
	put(d->vendor, "cosign.d/root.d", KEY_C ".PEM", "c");
	put(d->local, "cosign.d/root.d", KEY_C ".PEM", "c too");
	put(d->local, "accepted.d/a.com/x", "ACCEPTED", "yes");
	remove_it(d, "a.com", KEY_A, -ERR_NOT_FOUND);	/* this very prefix */
	remove_it(d, NULL, KEY_A, -ERR_NOT_FOUND);
	remove_it(d, "a.com/x", "../x", -ERR_BAD_INPUT);
	remove_it(d, "../x", KEY_A, -ERR_BAD_INPUT);
	remove_it(d, "a.com/x", KEY_A, 0);
	remove_it(d, "a.com/x", KEY_A, -ERR_NOT_FOUND);
	remove_it(d, "a.com/x", KEY_B, 1);
	remove_it(d, "a.com/x", KEY_B, -ERR_NOT_FOUND);	/* masked already */
	remove_it(d, NULL, KEY_C, 1);
	remove_it(d, NULL, KEY_C, -ERR_NOT_FOUND);
	remove_it(d, "a.com/x", "accepted", 0);
	remove_it(d, "a.com/x", "accepted", -ERR_NOT_FOUND);
	trusted(d, "a.com/x", KEY_A, false);
	trusted(d, "a.com/x", KEY_B, false);
	trusted(d, "a.com/x", KEY_C, false);
	assert_false(keystore_accepts(d->vendor, d->local, "a.com/x"));
	trusted(&(struct dirs){ .vendor = d->vendor }, "a.com/x", KEY_B, true);
}

static void listing(void **state)
{
	static const struct { enum trust_kind kind; const char *fingerprint, *prefix; bool empty; } want[] = {
		{ TRUST_OPENPGP, KEY_A, NULL, false },		/* the vendor's */
		{ TRUST_UNSIGNED, "accepted", "a.com/x", false },
		{ TRUST_COSIGN, KEY_C, "a.com/x/y", false },
		{ TRUST_COSIGN, KEY_C, NULL, false },
		{ TRUST_OPENPGP, KEY_B, "b.com", false },
		{ TRUST_OPENPGP, KEY_A, NULL, true },
	};
	struct dirs *d = *state;
	struct keystore_entry *list = NULL;
	size_t n = 1;

	assert_int_equal(keystore_list(d->vendor, d->local, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	put(d->vendor, "root.d", KEY_A, "a");
	put(d->local, "root.d", KEY_A, "");
	put(d->local, "root.d", "README", "no key");
	put(d->local, "prefix.d", KEY_A, "below no prefix");
	put(d->local, "prefix.d/b.com", KEY_B, "b");
	put(d->local, "cosign.d/root.d", KEY_C ".PEM", "c");
	put(d->local, "cosign.d/prefix.d/a.com/x/y", KEY_C ".PEM", "c");
	put(d->local, "accepted.d/a.com/x", "ACCEPTED", "yes");
	assert_int_equal(keystore_list(d->vendor, d->local, &list, &n, NULL), 0);
	assert_int_equal(n, ARRAY_LEN(want));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(list[i].kind, want[i].kind);
		assert_string_equal(list[i].fingerprint, want[i].fingerprint);
		assert_true(str_eq(list[i].prefix, want[i].prefix));
		assert_int_equal(list[i].empty, want[i].empty);
	}
	keystore_entries_free(list, n);
}

int main(void)
{
#define WITH_DIRS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_DIRS(nothing_there), WITH_DIRS(prefixes_end_at_a_slash), WITH_DIRS(root_keys),
		WITH_DIRS(masks), WITH_DIRS(local_wins), WITH_DIRS(no_links), WITH_DIRS(odd_names),
		WITH_DIRS(every_key), WITH_DIRS(adding), cmocka_unit_test(words), WITH_DIRS(cosign_keys),
		WITH_DIRS(prefixes_that_look_like_keys), WITH_DIRS(accepting), WITH_DIRS(removing),
		WITH_DIRS(listing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
