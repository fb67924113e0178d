#include "stage0/image.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"
#include "config.h"
#include "pod/contract.h"
#include "stage1_id.h"
#include "store/facts.h"
#include "store/names.h"
#include "store/vouch.h"

/* Which images are taken from the store, which are fetched, which are refused: with a store of facts alone. */

#define TRUSTED "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PREFIXED "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define COSIGN	"cosign-dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define ZEROS_62 "00000000000000000000000000000000000000000000000000000000000000"
#define ZEROS	"00" ZEROS_62
#define STRANGE "cccccccccccccccccccccccccccccccccccccccc"

/* --- in place of rkt-fetch --- */

static struct {
	int calls;
	char *text, *must_be_id;
	bool no_signature, expect_name;
	unsigned insecure;
	const char *verified_by, *absent;	/* what it gives; a path that it does not find */
	int code;
} fetched;

int fetch_image(const struct fetch_config *config, struct store *store, const struct fetch_image *image,
		struct image_info *ret, struct err *err)
{
	fetched.calls++;
	free(fetched.text);
	free(fetched.must_be_id);
	fetched.text = xstrdup(image->ref->text);
	fetched.must_be_id = xstrdup(image->must_be_id);
	fetched.no_signature = image->no_signature;
	fetched.expect_name = image->expect_name;
	fetched.insecure = config->insecure;
	if (fetched.code)
		return err_set(err, fetched.code, "the server is away");
	*ret = (struct image_info){
		.id = image->must_be_id ? xstrdup(image->must_be_id) : xasprintf("sha512-%0128d", 9),
		.name = xstrdup("example.com/fetched"),
		.verified_by = xstrdup(fetched.verified_by),
	};
	return 0;
}

/* --- a store, keys, an engine --- */

struct place {
	char *path;
	struct store *store;
	struct engine engine;
};

static void put(struct place *p, const char *name, const char *version, char digit, const char *verified_by,
		const char *source)
{
	struct image_info info = {
		.id = xcalloc(1, IMAGE_ID_LEN + 1), .name = xstrdup(name), .import_time = digit, .size = 1,
		.verified_by = xstrdup(verified_by), .source = xstrdup(source),
	};
	AUTO(free) char *key = NULL;

	memcpy(info.id, "sha512-", 7);
	memset(info.id + 7, digit, IMAGE_ID_LEN - 7);
	key = store_key(info.id);
	label_set(&info.labels, &info.n_labels, "version", version);
	assert_int_equal(reference_default_labels(&info.labels, &info.n_labels, NULL), 0);
	assert_int_equal(facts_save(p->store, &info, NULL), 0);
	if (!geteuid())
		assert_int_equal(vouch_save(p->store, &info, NULL, 0, NULL), 0);
	assert_int_equal(names_add(p->store, name, key, NULL), 0);
	image_info_clear(&info);
}

static void put_manifest(struct place *p, char digit, const char *annotations)
{
	AUTO(free) char *key = xcalloc(1, IMAGE_KEY_LEN + 1), *path = NULL;
	AUTO(free) char *text = xasprintf("{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\","
					  "\"name\":\"example.com/s\",\"annotations\":[%s]}", annotations);

	memcpy(key, "sha512-", 7);
	memset(key + 7, digit, IMAGE_KEY_LEN - 7);
	path = store_sharded("imageManifest", key);
	assert_int_equal(store_make_shard(p->store, "imageManifest", key, NULL), 0);
	assert_int_equal(file_write(p->store->cas_fd, path, text, strlen(text), 0640), 0);
}

static int trust(const struct engine *e, const char *prefix, const char *fingerprint)
{
	AUTO(free) char *path = NULL;

	return keystore_add(e->local_config, prefix, fingerprint, "a key", &path, NULL);
}

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct engine *e = &p->engine;

	memset(&fetched, 0, sizeof(fetched));
	fetched.verified_by = TRUSTED;
	p->path = name_random("/tmp/rkt-obtain");
	if (store_open(p->path, STORE_WRITE, &p->store, NULL) < 0)
		return -1;
	e->system_config = xasprintf("%s/vendor", p->path);
	e->local_config = xasprintf("%s/local", p->path);
	e->libexec_dir = xstrdup("/nonexistent");
	if (trust(e, NULL, TRUSTED) < 0 || trust(e, "example.com/good", PREFIXED) < 0)
		return -1;
	put(p, "example.com/good", "1", '1', TRUSTED, "https://example.com/good.aci");
	put(p, "example.com/good", "2", '2', NULL, "https://example.com/good.aci");
	put(p, "example.com/bare", "1", '3', NULL, "https://example.com/bare.aci");
	put(p, "example.com/strange", "1", '4', STRANGE, NULL);
	put(p, "example.com/goodness", "1", '5', PREFIXED, NULL);
	put(p, "example.com/good/er", "1", '6', PREFIXED, NULL);
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;

	free(fetched.text);
	free(fetched.must_be_id);
	store_close(p->store);
	tree_remove(AT_FDCWD, p->path);
	free(p->engine.system_config);
	free(p->engine.local_config);
	free(p->engine.libexec_dir);
	config_clear(&p->engine.config);
	free(p->path);
	free(p);
	return 0;
}

/* --- images --- */

#define STORED(digit) digit, NULL
#define FETCHED 'f', NULL
#define FAILS(words) 0, words
#define MISSING(what, text) \
	"unable to fetch image from " what " \"" text "\": either image was not found in the store or store was " \
	"disabled and fetching from remote yielded nothing or it was disabled"

static void test_matrix(void **state)
{
	static const struct {
		const char *text;
		enum pull_policy policy;
		unsigned insecure;
		char digit;		/* of the stored ID; 'f': it was fetched */
		const char *words;	/* the beginning of them */
	} cases[] = {
		{ "example.com/good", PULL_NEW, 0, STORED('1') },
		{ "example.com/good", PULL_NEVER, 0, STORED('1') },
		{ "example.com/good", PULL_UPDATE, 0, FETCHED },
		{ "example.com/good", PULL_NEW, INSECURE_IMAGE, STORED('2') },
		{ "example.com/good:2", PULL_NEW, 0, FETCHED },
		{ "example.com/good:2", PULL_NEVER, 0, FAILS("the signature of image \"example.com/good\" (sha512-2") },
		{ "example.com/good:3", PULL_NEVER, 0, FAILS(MISSING("image name", "example.com/good:3")) },
		{ "example.com/bare", PULL_NEW, 0, FETCHED },
		{ "example.com/bare", PULL_NEVER, INSECURE_IMAGE, STORED('3') },
		{ "example.com/strange", PULL_NEVER, 0,
		  FAILS("key " STRANGE ", which signed image \"example.com/strange\" (sha512-4") },
		{ "example.com/goodness", PULL_NEVER, 0, FAILS("key " PREFIXED ", which signed image") },
		{ "example.com/good/er", PULL_NEVER, 0, STORED('6') },
		{ "example.com/none", PULL_NEW, 0, FETCHED },
		{ "example.com/none", PULL_NEVER, 0, FAILS(MISSING("image name", "example.com/none")) },
		{ "example.com/good,os=plan9", PULL_NEW, 0,
		  FAILS("invalid image name \"example.com/good,os=plan9\": bad os \"plan9\"") },
		{ "sha512-11", PULL_UPDATE, 0, STORED('1') },
		{ "sha512-33", PULL_NEW, 0, FAILS("the signature of image \"example.com/bare\"") },
		{ "sha512-33", PULL_NEW, INSECURE_IMAGE, STORED('3') },
		{ "sha512-ff", PULL_NEW, INSECURE_IMAGE, FAILS("could not resolve image \"sha512-ff\": no image IDs found") },
		{ "https://example.com/good.aci", PULL_NEW, 0, STORED('1') },
		{ "https://example.com/good.aci", PULL_NEW, INSECURE_IMAGE, STORED('2') },
		{ "https://example.com/good.aci", PULL_UPDATE, 0, FETCHED },
		{ "https://example.com/bare.aci", PULL_NEVER, 0, FAILS("the signature of image") },
		{ "https://example.com/bare.aci", PULL_NEW, 0, FETCHED },
		{ "https://example.com/x.aci", PULL_NEVER, 0, FAILS(MISSING("URL", "https://example.com/x.aci")) },
		{ "https://example.com/x.aci", PULL_NEW, 0, FETCHED },
		{ "./x.aci", PULL_NEVER, 0, FETCHED },
	};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		int k, calls = fetched.calls;

		p->engine.insecure = cases[i].insecure;
		k = image_obtain(&p->engine, p->store, cases[i].text, NULL, cases[i].policy, &info, &err);
		words = k < 0 ? err_text(&err) : NULL;
		if (!cases[i].words != !words || (words && !str_starts(words, cases[i].words)))
			fail_msg("case %zu: %s", i, words ?: "was let through");
		assert_int_equal(fetched.calls - calls, cases[i].digit == 'f');
		if (k >= 0 && cases[i].digit != 'f')
			assert_int_equal(info.id[7], cases[i].digit);
	}
}

/* Whoever names a signature wants that one verified, so what is stored is no answer. */
static void test_named_signature(void **state)
{
	static const char docker[] = "docker://example.com/x@sha256:"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct { const char *text; enum pull_policy policy; const char *words; } cases[] = {
		{ "example.com/good", PULL_NEW }, { "example.com/good", PULL_UPDATE }, { "https://example.com/good.aci", PULL_NEW },
		{ docker, PULL_NEW }, { docker, PULL_UPDATE }, { "./x.aci", PULL_NEVER },
		{ "example.com/good", PULL_NEVER, "--signature is for an image that is fetched, and \"example.com/good\" is not" },
		{ docker, PULL_NEVER, "--signature is for an image that is fetched" },
		{ "sha512-11", PULL_NEW, "--signature is for an image that is fetched, and \"sha512-11\" names a stored one" },
	};
	struct place *p = *state;

	put(p, "example.com/x", "1", '7', TRUSTED, docker);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		int calls = fetched.calls;
		int r = image_obtain(&p->engine, p->store, cases[i].text, "x.asc", cases[i].policy, &info, &err);

		words = err_text(&err);
		assert_int_equal(r, cases[i].words ? -EINVAL : 0);
		assert_int_equal(fetched.calls - calls, cases[i].words ? 0 : 1);
		assert_true(!cases[i].words || str_starts(words, cases[i].words));
	}
	/* Without one, it is. */
	AUTO(image_info_clear) struct image_info info = {};
	assert_int_equal(image_obtain(&p->engine, p->store, docker, NULL, PULL_UPDATE, &info, NULL), 0);
	assert_int_equal(info.id[7], '7');
}

/* A digest says which image it is; that one came from there by that name is what somebody says. */
static void test_digest_of_others(void **state)
{
	static const char reference[] = "docker://localhost:5000/x@sha256:" ZEROS, key[] = "sha512-77" ZEROS_62;
	struct place *p = *state;
	struct image_info info = {
		.id = xcalloc(1, IMAGE_ID_LEN + 1), .name = xstrdup("localhost_5000/x"), .format = xstrdup("oci"),
		.source = xstrdup(reference), .config_digest = xstrdup("sha256:" ZEROS), .import_time = 1,
	};

	memcpy(info.id, key, IMAGE_KEY_LEN);
	memset(info.id + IMAGE_KEY_LEN, '0', IMAGE_ID_LEN - IMAGE_KEY_LEN);
	p->engine.insecure = INSECURE_IMAGE;
	for (int i = 0; i < 3 && !geteuid(); i++) {
		AUTO(image_info_clear) struct image_info found = {};
		int calls = fetched.calls;

		/* Another digest; the digest itself, of a document that is not there; what root noted. */
		free(info.digest);
		info.digest = xstrdup(i == 1 ? "sha256:" ZEROS : "sha256:11" ZEROS_62);
		assert_int_equal(facts_save(p->store, &info, NULL), 0);
		if (i == 2)
			assert_int_equal(vouch_save(p->store, &info, NULL, 0, NULL), 0);
		assert_int_equal(image_obtain(&p->engine, p->store, reference, NULL, PULL_NEW, &found, NULL), 0);
		assert_int_equal(fetched.calls - calls, i < 2);
		assert_int_equal(str_starts(found.id, key), i == 2);
	}
	image_info_clear(&info);
}

static void test_fetch_is_told(void **state)
{
	AUTO(image_info_clear) struct image_info info = {};
	struct place *p = *state;

	p->engine.insecure = INSECURE_IMAGE | INSECURE_HTTP | INSECURE_SECCOMP;
	assert_int_equal(image_obtain(&p->engine, p->store, "example.com/new:1", NULL, PULL_NEW, &info, NULL), 0);
	assert_int_equal(fetched.insecure, FETCH_SKIP_SIGNATURE | FETCH_ALLOW_HTTP);
	assert_true(fetched.expect_name);
	assert_false(fetched.no_signature);
	assert_null(fetched.must_be_id);
}

/* One line holds both: that there is one which may not be used, and why no other came. */
static void test_refused_and_unreachable(void **state)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;
	struct place *p = *state;

	fetched.code = -ERR_NOT_FOUND;
	assert_int_equal(image_obtain(&p->engine, p->store, "example.com/bare", NULL, PULL_NEW, &info, &err),
			 -ERR_NOT_FOUND);
	words = err_text(&err);
	assert_non_null(strstr(words, "was never verified (try --insecure-options=image), and fetching it again failed: "
			       "the server is away"));
}

/* What could be another user's counts neither as the word on a signature nor as a verified image's manifest. */
static void test_word_of_others(void **state)
{
	static const char facts[] = "image/sha512-1111111111111111111111111111111111111111111111111111111111111111";
	static const char manifest[] = "imageManifest/sha512/11/"
		"sha512-1111111111111111111111111111111111111111111111111111111111111111";
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(err_clear) struct err err = {}, manifest_err = {};
	struct image_manifest m = {};
	struct place *p = *state;

	put_manifest(p, '1', "");
	assert_int_equal(fchmodat(p->store->cas_fd, manifest, 0660, 0), 0);
	assert_int_equal(store_find_id(p->store, "sha512-11", &info, NULL), 0);
	assert_int_equal(store_read_manifest(p->store, &info, &m, &manifest_err), -ERR_BAD_INPUT);
	assert_non_null(strstr(manifest_err.chain[0], "another user put a manifest in place"));
	image_info_clear(&info);

	assert_int_equal(fchmodat(p->store->cas_fd, facts, 0660, 0), 0);
	assert_int_equal(vouch_remove(p->store, strrchr(facts, '/') + 1, NULL), 0);
	assert_int_equal(store_find_id(p->store, "sha512-11", &info, NULL), 0);
	assert_null(info.verified_by);
	assert_int_equal(image_check_verified(&p->engine, &info, &err), -ERR_NO_SIGNATURE);
	assert_non_null(strstr(err.chain[0], "whose word on its signature does not count"));
	/* Where nothing is verified, it is as good as the rest. */
	assert_int_equal(store_read_manifest(p->store, &info, &m, NULL), 0);
	image_manifest_clear(&m);
}

/* A fetch that verified nothing is no way around the check. */
static void test_unverified_fetch(void **state)
{
	AUTO(image_info_clear) struct image_info info = {};
	struct place *p = *state;

	fetched.verified_by = NULL;
	assert_int_equal(image_obtain(&p->engine, p->store, "./x.aci", NULL, PULL_NEW, &info, NULL),
			 -ERR_NO_SIGNATURE);
	fetched.verified_by = STRANGE;
	assert_int_equal(image_obtain(&p->engine, p->store, "./x.aci", NULL, PULL_NEW, &info, NULL),
			 -ERR_BAD_SIGNATURE);
	assert_null(info.id);
}

/* That nobody signed it is accepted, or no longer; of ACIs never. */
static void test_accepted(void **state)
{
	struct place *p = *state;
	struct image_info image = { .id = (char[]){ "sha512-0" }, .name = (char[]){ "quay.io/org/app" } };
	AUTO(err_clear) struct err err = {};

	assert_int_equal(trust(&p->engine, "quay.io/org", FINGERPRINT_ACCEPTED), 0);
	assert_false(image_is_verified(&p->engine, &image));	/* it was fetched when nothing was looked at */
	image.verified_by = (char[]){ FINGERPRINT_ACCEPTED };
	assert_false(image_is_verified(&p->engine, &image));
	image.format = (char[]){ "oci" };
	assert_true(image_is_verified(&p->engine, &image));
	assert_false(image_is_signed(&p->engine, &image));
	image.name = (char[]){ "quay.io/organ" };
	assert_int_equal(image_check_verified(&p->engine, &image, &err), -ERR_NO_SIGNATURE);
	assert_non_null(strstr(err.chain[0], "no longer accepted"));
	image.verified_by = (char[]){ COSIGN };
	assert_int_equal(image_check_verified(&p->engine, &image, &err), -ERR_BAD_SIGNATURE);
	assert_int_equal(trust(&p->engine, "quay.io/organ", image.verified_by), 0);
	assert_int_equal(image_check_verified(&p->engine, &image, &err), 0);
	assert_true(image_is_signed(&p->engine, &image));
}

/* --- stage1 --- */

static int stage1(struct place *p, struct stage1_choice choice, struct image_info *ret, char **ret_words)
{
	AUTO(err_clear) struct err err = {};
	int k = stage1_obtain(&p->engine, p->store, &choice, ret, &err);

	*ret_words = k < 0 ? err_text(&err) : NULL;
	return k;
}

#define RUN_ANNOTATION "{\"name\":\"" STAGE1_ENTRY_RUN "\",\"value\":\"/init\"}"

static void test_default_stage1(void **state)
{
	struct place *p = *state;
	struct image_info facts = { .id = xstrdup(DEFAULT_STAGE1_ID), .name = xstrdup("x"), .size = 1 };
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *words = NULL;

	/* Neither signature nor manifest is asked for: its hash says it all. */
	assert_int_equal(facts_save(p->store, &facts, NULL), 0);
	assert_int_equal(stage1(p, (struct stage1_choice){}, &info, &words), 0);
	assert_string_equal(info.id, DEFAULT_STAGE1_ID);
	assert_int_equal(fetched.calls, 0);
	image_info_clear(&facts);
}

static void test_choice_faults(void **state)
{
	static const struct { struct stage1_choice choice; const char *words; } bad[] = {
		{ { .url = "https://h/x.aci", .hash = "sha512-11" },
		  "flags --stage1-url and --stage1-hash are mutually exclusive" },
		{ { .hash = "example.com/good" }, "\"example.com/good\" is not what --stage1-hash takes" },
		{ { .name = "sha512-11" }, "\"sha512-11\" is not what --stage1-name takes" },
		{ { .url = "example.com/good" }, "\"example.com/good\" is not what --stage1-url takes" },
		{ { .from_dir = "../x.aci" }, "--stage1-from-dir takes the name of a file, not \"../x.aci\"" },
		{ { .name = "example.com/good:1" }, "image \"example.com/s\" is not a stage1 image: it has no annotation "
		  "\"coreos.com/rkt/stage1/run\"" },
		{ { .hash = "sha512-33" }, "the signature of image \"example.com/bare\" (sha512-3333333333333333333333333"
		  "333333333333333333333333333333333333333) was never verified (try --insecure-options=image)" },
	};
	struct place *p = *state;

	put_manifest(p, '1', "");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		AUTO(free) char *words = NULL;

		assert_true(stage1(p, bad[i].choice, &info, &words) < 0);
		assert_string_equal(words, bad[i].words);
		assert_null(info.id);
	}
}

static void test_chosen_in_store(void **state)
{
	static const struct stage1_choice good[] = {
		{ .name = "example.com/good:1" }, { .hash = "sha512-11" }, { .url = "https://example.com/good.aci" },
	};
	struct place *p = *state;

	put_manifest(p, '1', RUN_ANNOTATION);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		AUTO(free) char *words = NULL;

		if (stage1(p, good[i], &info, &words) < 0)
			fail_msg("case %zu: %s", i, words);
		assert_int_equal(info.id[7], '1');
	}
	assert_int_equal(fetched.calls, 0);
}

/* Only files in the vendor's directory go without a signature, and only by the path that was judged. */
static void test_files(void **state)
{
	static const struct {
		struct stage1_choice choice;
		const char *dir, *fetched;
		bool no_signature;
	} cases[] = {
		{ { .path = STAGE1_DIR "/x.aci" }, NULL, STAGE1_DIR "/x.aci", true },
		{ { .path = STAGE1_DIR "//./x.aci" }, NULL, STAGE1_DIR "/x.aci", true },
		{ { .path = STAGE1_DIR "/../x.aci" }, NULL, STAGE1_DIR "/../x.aci", false },
		{ { .path = STAGE1_DIR "-other/x.aci" }, NULL, STAGE1_DIR "-other/x.aci", false },
		{ { .path = "x.aci" }, NULL, "x.aci", false },
		{ { .from_dir = "x.aci" }, NULL, STAGE1_DIR "/x.aci", true },
		{ { .from_dir = "x.aci" }, "/srv/s1", "/srv/s1/x.aci", false },
	};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		AUTO(free) char *words = NULL;

		free(p->engine.config.stage1_images_dir);
		p->engine.config.stage1_images_dir = xstrdup(cases[i].dir);
		/* What was fetched has no manifest here; how it was asked for is what counts. */
		assert_true(stage1(p, cases[i].choice, &info, &words) < 0);
		assert_string_equal(fetched.text, cases[i].fetched);
		assert_int_equal(fetched.no_signature, cases[i].no_signature);
	}
}

static void test_configured(void **state)
{
	static const struct {
		const char *name, *version, *location;
		char digit;		/* 0: fetched */
		const char *fetched;
		bool no_signature;
	} cases[] = {
		{ "example.com/good", "1", NULL, '1', NULL, false },
		{ "example.com/good", "1", "https://example.com/other.aci", '1', NULL, false },
		{ "example.com/good", "1-dirty", "https://example.com/other.aci", 0, "https://example.com/other.aci", false },
		{ "example.com/good", "2", "https://example.com/other.aci", 0, "https://example.com/other.aci", false },
		{ NULL, NULL, "https://example.com/good.aci", '1', NULL, false },
		{ NULL, NULL, "/etc/hostname", 0, "/etc/hostname", false },
		{ NULL, NULL, "file:///etc/hostname", 0, "/etc/hostname", false },
	};
	struct place *p = *state;

	put_manifest(p, '1', RUN_ANNOTATION);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_info_clear) struct image_info info = {};
		AUTO(free) char *words = NULL;
		int calls = fetched.calls;

		config_clear(&p->engine.config);
		p->engine.config.stage1_name = xstrdup(cases[i].name);
		p->engine.config.stage1_version = xstrdup(cases[i].version);
		p->engine.config.stage1_location = xstrdup(cases[i].location);
		(void)stage1(p, (struct stage1_choice){}, &info, &words);
		assert_int_equal(fetched.calls - calls, !cases[i].digit);
		if (cases[i].digit)
			assert_int_equal(info.id[7], cases[i].digit);
		else
			assert_string_equal(fetched.text, cases[i].fetched);
	}
}

/* A configured file that is gone: the one beside the program, as rkt does, and the words for both failing. */
static void test_beside_the_program(void **state)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *words = NULL;
	struct place *p = *state;

	p->engine.config.stage1_location = xstrdup("/nonexistent/s1.aci");
	fetched.code = -ENOENT;
	assert_int_equal(stage1(p, (struct stage1_choice){}, &info, &words), -ENOENT);
	assert_true(str_ends(fetched.text, "/s1.aci"));
	assert_true(fetched.no_signature);
	assert_string_equal(words, "failed to fetch stage1 image and failed to fall back to stage1 image in the rkt "
			    "directory: the server is away");
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_matrix),
		IN_PLACE(test_named_signature),
		IN_PLACE(test_digest_of_others),
		IN_PLACE(test_fetch_is_told),
		IN_PLACE(test_refused_and_unreachable),
		IN_PLACE(test_word_of_others),
		IN_PLACE(test_unverified_fetch),
		IN_PLACE(test_accepted),
		IN_PLACE(test_default_stage1),
		IN_PLACE(test_choice_faults),
		IN_PLACE(test_chosen_in_store),
		IN_PLACE(test_files),
		IN_PLACE(test_configured),
		IN_PLACE(test_beside_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
