#include "image/oci_archive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/fd.h"
#include "image/sha.h"
#include "store/tar_build.h"

/*
 * The files of an image, as a layout that is asked for one by one and as a tar.
 * Names and contents live as long as the test.
 */
struct image {
	struct { char *path; const char *text; } files[32];
	size_t n;
};

static void add_file(struct image *i, const char *path, const char *text)
{
	assert_true(i->n < ARRAY_LEN(i->files));
	i->files[i->n].path = xstrdup(path);
	i->files[i->n++].text = text;
}

/* A blob; its descriptor with that media type. */
static char *add_blob(struct image *i, const char *type, const char *text, const char *more)
{
	AUTO(free) char *digest = sha_digest("sha256:", text, strlen(text)), *path = xasprintf("blobs/sha256/%s", digest + 7);

	add_file(i, path, text);
	return xasprintf("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu%s}", type, digest, strlen(text), more);
}

static void image_clear(struct image *i)
{
	for (size_t k = 0; k < i->n; k++)
		free(i->files[k].path);
	i->n = 0;
}
static void image_clear_auto(struct image *i) { image_clear(i); }

static int memory_file(const char *data, size_t len)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, len), 0);
	return fd;
}

static int open_file(void *arg, const char *path, int *ret_fd, struct err *err)
{
	const struct image *image = arg;

	for (size_t i = 0; i < image->n; i++) {
		if (!str_eq(image->files[i].path, path))
			continue;
		*ret_fd = memory_file(image->files[i].text, strlen(image->files[i].text));
		return 0;
	}
	return err_set(err, -ERR_NOT_FOUND, "\"%s\" is not there", path);
}

static int tar_of(const struct image *image)
{
	AUTO(buf_clear) struct buf tar = {};

	for (size_t i = 0; i < image->n; i++)
		tar_add(&tar, &(struct tar_header){ image->files[i].path, '0', NULL, image->files[i].text });
	tar_end(&tar);
	return memory_file(tar.data, tar.len);
}

/* What the root is, or the words of the refusal. */
static char *root_of(struct source *s)
{
	AUTO(document_clear) struct document d = {};
	AUTO(err_clear) struct err err = {};

	if (s->ops->root(s, &d, &err) < 0)
		return err_text(&err);
	return xasprintf("%s %s", d.media_type ?: "-", d.text.data);
}

static char *layout_root(struct image *image, const char *tag, const char *digest)
{
	AUTO(source_free) struct source *s = layout_new(open_file, image, &(struct layout_wish){ tag, digest });

	return root_of(s);
}

static char *archive_root(const struct image *image, const char *tag, const char *digest)
{
	AUTO(close) int fd = tar_of(image);
	AUTO(source_free) struct source *s = NULL;
	AUTO(err_clear) struct err err = {};

	if (oci_archive_new(fd, -1, &(struct layout_wish){ tag, digest }, &s, &err) < 0)
		return err_text(&err);
	return root_of(s);
}

#define VERSION "{\"imageLayoutVersion\":\"1.0.0\"}"
#define NAMED(name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define NAMED_TWICE(tag, name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" tag \
	"\",\"io.containerd.image.name\":\"" name "\"}"

/* A layout whose index has the descriptors. The index is *ret_index, the caller's. */
static void make_layout(struct image *i, char *const *descriptors, char **ret_index)
{
	AUTO(free) char *list = strv_join(descriptors, ",");

	*ret_index = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s]}", list);
	add_file(i, "oci-layout", VERSION);
	add_file(i, "index.json", *ret_index);
}

#define HEX "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"

static void test_layout_choice(void **state)
{
	static const struct { const char *names[4], *tag, *root; } cases[] = {
		{ { NAMED("one") }, NULL, OCI_TYPE_MANIFEST " 0" },
		{ { "" }, NULL, OCI_TYPE_MANIFEST " 0" },
		{ { NAMED("one"), NAMED("two") }, "two", OCI_TYPE_MANIFEST " 1" },
		{ { NAMED("one"), NAMED("two") }, NULL, "several images found, append \":\" and one of: one, two" },
		{ { NAMED("one"), NAMED("two") }, "x", "no image is called \"x\" (there are: one, two)" },
		{ { NAMED("one"), NAMED("one") }, "one", "several images are called \"one\" (there are: one, one)" },
		{ { NAMED_TWICE("1", "docker.io/library/a:1"), NAMED_TWICE("1", "docker.io/library/b:1") }, "b:1",
		  OCI_TYPE_MANIFEST " 1" },
		{ { NAMED_TWICE("1", "docker.io/library/a:1"), NAMED_TWICE("1", "docker.io/library/b:1") }, "1",
		  "several images are called \"1\" (there are: docker.io/library/a:1, docker.io/library/b:1)" },
		{ { NAMED("host/a/b:1") }, "host/a/b:1", OCI_TYPE_MANIFEST " 0" },
		/* signatures beside the image */
		{ { NAMED("sha256-" HEX ".sig"), NAMED("one"), NAMED("sha256-" HEX ".asc") }, NULL, OCI_TYPE_MANIFEST " 1" },
		{ { NAMED("sha256-" HEX ".sig"), "" }, NULL, OCI_TYPE_MANIFEST " 1" },
		{ { NAMED("sha256-" HEX ".sig"), "" }, "sha256-" HEX ".sig", OCI_TYPE_MANIFEST " 0" },
		{ { NAMED("sha256-" HEX ".sig") }, NULL, "the image layout has no image" },
		{ { NAMED("sha256-" HEX) }, NULL, OCI_TYPE_MANIFEST " 0" },
		{ {}, NULL, "the image layout has no image" },
		{ {}, "x", "no image is called \"x\" (there are: nothing)" },
	};
	static const char *const texts[] = { "0", "1", "2" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_clear) struct image image = {};
		AUTO(strv_free) char **descriptors = NULL;
		AUTO(free) char *index = NULL, *asked = NULL, *archived = NULL;

		for (size_t k = 0; cases[i].names[k]; k++)
			strv_take(&descriptors, add_blob(&image, OCI_TYPE_MANIFEST, texts[k], cases[i].names[k]));
		make_layout(&image, descriptors ?: (char *[]){ NULL }, &index);
		asked = layout_root(&image, cases[i].tag, NULL);
		archived = archive_root(&image, cases[i].tag, NULL);
		assert_string_equal(asked, cases[i].root);
		assert_string_equal(archived, cases[i].root);
	}
}

static void test_layout_names(void **state)
{
	static const struct { const char *more, *name, *tag; } cases[] = {
		{ "", NULL, NULL }, { NAMED("1.2"), NULL, "1.2" }, { NAMED("localhost/a:1"), "localhost/a:1", NULL },
		{ NAMED_TWICE("1", "docker.io/library/a:1"), "docker.io/library/a:1", "1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_clear) struct image image = {};
		AUTO(source_free) struct source *s = layout_new(open_file, &image, &(struct layout_wish){});
		AUTO(free) char *text = add_blob(&image, OCI_TYPE_MANIFEST, "0", cases[i].more), *index = NULL, *root = NULL;

		make_layout(&image, (char *[]){ text, NULL }, &index);
		root = root_of(s);
		assert_true(str_eq(s->name, cases[i].name));
		assert_true(str_eq(s->tag, cases[i].tag));
	}
}

/* Several entries without names are one image for several machines. */
static void test_layout_of_platforms(void **state)
{
	AUTO(image_clear) struct image image = {};
	AUTO(strv_free) char **descriptors = NULL;
	AUTO(free) char *index = NULL, *root = NULL, *expected = NULL;

	strv_take(&descriptors, add_blob(&image, OCI_TYPE_MANIFEST, "0", ""));
	strv_take(&descriptors, add_blob(&image, OCI_TYPE_MANIFEST, "1", ""));
	make_layout(&image, descriptors, &index);
	root = layout_root(&image, NULL, NULL);
	expected = xasprintf("- %s", index);
	assert_string_equal(root, expected);
}

static void test_layout_digest(void **state)
{
	AUTO(image_clear) struct image image = {};
	AUTO(free) char *digest = sha_digest("sha256:", "0", 1), *other = sha_digest("sha256:", "1", 1);
	AUTO(free) char *found = NULL, *missing = NULL;
	AUTO(free) char *words = xasprintf("cannot read \"blobs/sha256/%s\" of the image layout: \"blobs/sha256/%s\" is not "
					   "there", other + 7, other + 7);

	free(add_blob(&image, OCI_TYPE_MANIFEST, "0", ""));
	add_file(&image, "oci-layout", VERSION);
	found = layout_root(&image, "any", digest);
	missing = layout_root(&image, NULL, other);
	assert_string_equal(found, "- 0");
	assert_string_equal(missing, words);
}

static void test_bad_layouts(void **state)
{
	static const struct { const char *layout, *index, *words; } cases[] = {
		{ NULL, "{}", "not an OCI image layout: cannot read \"oci-layout\" of the image layout: \"oci-layout\" is not there" },
		{ "{}", "{}", "image layouts of version \"\" are not supported" },
		{ "{\"imageLayoutVersion\":\"2.0.0\"}", "{}", "image layouts of version \"2.0.0\" are not supported" },
		{ "x", "{}", "line 1, column 1: expected a value" },
		{ VERSION, NULL, "cannot read \"index.json\" of the image layout: \"index.json\" is not there" },
		{ VERSION, "{}", "schemaVersion: missing" },
		{ VERSION, "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a\",\"digest\":\"sha256:"
			   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"size\":0},\"layers\":[]}",
		  "\"index.json\" is no index" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_clear) struct image image = {};
		AUTO(free) char *root = NULL;

		if (cases[i].layout)
			add_file(&image, "oci-layout", cases[i].layout);
		if (cases[i].index)
			add_file(&image, "index.json", cases[i].index);
		root = layout_root(&image, NULL, NULL);
		assert_string_equal(root, cases[i].words);
	}
}

struct sink_log { struct err err; int64_t last; int calls, fail_at; };

static int grown(void *arg, int64_t size)
{
	struct sink_log *log = arg;

	assert_true(size > log->last);
	log->last = size;
	return ++log->calls == log->fail_at ? -EPIPE : 0;
}

/* What the blob gave, or the words of the refusal. */
static char *blob_of(struct source *s, const char *digest, int64_t size, struct sink_log *log)
{
	const struct oci_descriptor d = { .media_type = (char *)OCI_TYPE_LAYER, .digest = (char *)digest, .size = size };
	AUTO(close) int fd = memory_file("old bytes", 9);
	AUTO(err_clear) struct err err = {};
	const struct blob_sink sink = { .fd = fd, .grown = grown, .arg = log };
	char *text = NULL;
	int r = s->ops->blob(s, &d, &sink, &err);

	if (r < 0)
		return err.chain ? err_text(&err) : xstrdup(err_name(r));
	assert_int_equal(fd_read_file(fd, 1 << 24, &text, NULL), 0);
	return text;
}

static void test_blobs(void **state)
{
	AUTO(image_clear) struct image image = {};
	AUTO(free) char *digest = sha_digest("sha256:", "good", 4), *other = sha_digest("sha256:", "other", 5);
	AUTO(free) char *lie = NULL, *good = NULL, *size = NULL;
	AUTO(free) char *words = xasprintf("blob \"%s\" has 4 bytes instead of 5", digest), *corrupt = NULL, *wrong = NULL;
	AUTO(source_free) struct source *s = layout_new(open_file, &image, &(struct layout_wish){});
	struct sink_log log = {}, unused = {};

	free(add_blob(&image, OCI_TYPE_LAYER, "good", ""));
	lie = xasprintf("blobs/sha256/%s", other + 7);
	add_file(&image, lie, "lying");
	good = blob_of(s, digest, 4, &log);
	assert_string_equal(good, "good");
	assert_int_equal(log.last, 4);
	size = blob_of(s, digest, 5, &unused);
	assert_string_equal(size, words);
	corrupt = blob_of(s, other, 5, &(struct sink_log){});
	wrong = sha_digest("sha256:", "lying", 5);
	free(words);
	words = xasprintf("blob \"%s\" is corrupt: its bytes have digest \"%s\"", other, wrong);
	assert_string_equal(corrupt, words);
}

/* Larger than one read; and whoever reads the sink may give up. */
static void test_large_blob(void **state)
{
	enum { LEN = 3 << 20 };
	AUTO(image_clear) struct image image = {};
	AUTO(free) char *text = xcalloc(LEN + 1, 1), *digest = NULL, *got = NULL, *failed = NULL;
	AUTO(source_free) struct source *s = layout_new(open_file, &image, &(struct layout_wish){});
	struct sink_log log = {}, broken = { .fail_at = 2 };

	memset(text, 'x', LEN);
	digest = sha_digest("sha256:", text, LEN);
	free(add_blob(&image, OCI_TYPE_LAYER, text, ""));
	got = blob_of(s, digest, LEN, &log);
	assert_string_equal(got, text);
	assert_true(log.calls > 1);
	failed = blob_of(s, digest, LEN, &broken);
	assert_string_equal(failed, err_name(-EPIPE));
	assert_int_equal(broken.calls, 2);
}

static void test_documents(void **state)
{
	AUTO(image_clear) struct image image = {};
	AUTO(free) char *text = add_blob(&image, OCI_TYPE_MANIFEST, "good", NAMED("sha256-x.sig")), *index = NULL;
	AUTO(free) char *digest = sha_digest("sha256:", "good", 4);
	AUTO(source_free) struct source *s = layout_new(open_file, &image, &(struct layout_wish){});
	struct oci_descriptor d = { .media_type = (char *)OCI_TYPE_MANIFEST, .digest = digest, .size = 4 };
	AUTO(document_clear) struct document by_digest = {}, by_tag = {}, none = {};

	make_layout(&image, (char *[]){ text, NULL }, &index);
	assert_int_equal(s->ops->document(s, &d, &by_digest, NULL), 0);
	assert_string_equal(by_digest.text.data, "good");
	assert_string_equal(by_digest.digest, digest);
	assert_string_equal(by_digest.media_type, OCI_TYPE_MANIFEST);
	assert_int_equal(s->ops->tag(s, 0, "sha256-x.sig", &by_tag, NULL), 0);
	assert_string_equal(by_tag.text.data, "good");
	assert_int_equal(s->ops->tag(s, 0, "no", &none, NULL), -ERR_NOT_FOUND);
	d.size = 3;
	assert_int_equal(s->ops->document(s, &d, &none, NULL), -ERR_BAD_INPUT);
}

static int open_pipe(void *arg, const char *path, int *ret_fd, struct err *err)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	close(fds[1]);
	*ret_fd = fds[0];
	return 0;
}

static void test_no_regular_file(void **state)
{
	AUTO(source_free) struct source *s = layout_new(open_pipe, NULL, &(struct layout_wish){});
	AUTO(free) char *root = root_of(s);

	assert_string_equal(root, "cannot read \"oci-layout\" of the image layout: \"oci-layout\" is not a regular file");
}

/* --- docker save --- */

#define EMPTY_DIFF "sha256:4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"	/* of "1\n" */
#define CONFIG "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" EMPTY_DIFF "\"]}}"
#define SAVED(config, names) "{\"Config\":\"" config "\",\"RepoTags\":" names ",\"Layers\":[\"l/layer.tar\"]}"

static char *docker_root(const char *list, const char *config, const char *tag)
{
	AUTO(image_clear) struct image image = {};

	add_file(&image, "c.json", config);
	add_file(&image, "l/layer.tar", "1\n");
	add_file(&image, "manifest.json", list);
	return archive_root(&image, tag, NULL);
}

static void test_docker_choice(void **state)
{
	static const struct { const char *list, *tag, *words; } cases[] = {
		{ "[" SAVED("c.json", "null") "]", NULL, NULL },
		{ "[" SAVED("c.json", "[\"a:1\"]") "]", NULL, NULL },
		{ "[" SAVED("x", "[\"b:1\"]") "," SAVED("c.json", "[\"x/y:2\",\"docker.io/library/a:latest\"]") "]", "a", NULL },
		{ "[" SAVED("x", "[\"b:1\"]") "," SAVED("c.json", "[\"localhost/a:1\"]") "]", "localhost/a:1", NULL },
		{ "[" SAVED("x", "[\"b:1\"]") "," SAVED("c.json", "[\"a:1\"]") "]", NULL,
		  "several images found, append \":\" and one of: b:1, a:1" },
		{ "[" SAVED("c.json", "[\"b:1\"]") "]", "a", "no image is called \"a\" (there are: b:1)" },
		{ "[" SAVED("c.json", "null") "]", "a", "no image is called \"a\" (there are: nothing with a name)" },
		{ "[]", NULL, "the archive has no image" },
		{ "{}", NULL, "\"manifest.json\" of the archive: not a list" },
		{ "[{}]", NULL, "\"manifest.json\" of the archive: [0]: Config: missing" },
		{ "[{\"Config\":\"c.json\"}]", NULL, "\"manifest.json\" of the archive: [0]: Layers: missing" },
		{ "[" SAVED("no", "null") "]", NULL, "cannot read \"no\" of the archive: the archive has no \"no\"" },
		{ "[{\"Config\":\"c.json\",\"Layers\":[]}]", NULL, "\"manifest.json\" names 0 layers and the configuration 1" },
		{ "[{\"Config\":\"c.json\",\"Layers\":[\"no\"]}]", NULL, "the archive has no \"no\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *root = docker_root(cases[i].list, CONFIG, cases[i].tag);

		if (cases[i].words)
			assert_string_equal(root, cases[i].words);
		else
			assert_true(str_starts(root, OCI_TYPE_MANIFEST " {\"schemaVersion\":2,"));
	}
}

/* The manifest that is made: always these bytes, and a registry's rules hold for it. */
static void test_docker_manifest(void **state)
{
	AUTO(free) char *config_digest = sha_digest("sha256:", CONFIG, strlen(CONFIG)), *expected = NULL, *root = NULL;
	AUTO(oci_document_clear) struct oci_document d = {};
	const char *text;

	root = docker_root("[" SAVED("c.json", "null") "]", CONFIG, NULL);
	expected = xasprintf(OCI_TYPE_MANIFEST " {\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"config\":{"
		"\"mediaType\":\"" OCI_TYPE_CONFIG "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\""
		OCI_TYPE_LAYER "\",\"digest\":\"" EMPTY_DIFF "\",\"size\":2}]}", config_digest, strlen(CONFIG));
	assert_string_equal(root, expected);
	text = strchr(root, ' ') + 1;
	assert_int_equal(oci_document_read(text, strlen(text), OCI_TYPE_MANIFEST, &d, NULL), 0);
	assert_int_equal(oci_manifest_check(&d, NULL), 0);
}

static void test_docker_blobs(void **state)
{
	AUTO(free) char *config_digest = sha_digest("sha256:", CONFIG, strlen(CONFIG)), *layer = NULL, *none = NULL;
	struct oci_descriptor d = { .digest = config_digest, .size = strlen(CONFIG) };
	AUTO(document_clear) struct document config = {}, root = {};
	AUTO(image_clear) struct image image = {};
	AUTO(source_free) struct source *s = NULL;
	AUTO(close) int fd = -1;

	add_file(&image, "c.json", CONFIG);
	add_file(&image, "l/layer.tar", "1\n");
	add_file(&image, "manifest.json", "[" SAVED("c.json", "null") "]");
	fd = tar_of(&image);
	assert_int_equal(oci_archive_new(fd, -1, &(struct layout_wish){}, &s, NULL), 0);
	assert_int_equal(s->ops->root(s, &root, NULL), 0);
	assert_int_equal(s->ops->document(s, &d, &config, NULL), 0);
	assert_string_equal(config.text.data, CONFIG);
	layer = blob_of(s, EMPTY_DIFF, 2, &(struct sink_log){});
	assert_string_equal(layer, "1\n");
	none = blob_of(s, "sha256:x", 2, &(struct sink_log){});
	assert_string_equal(none, "the archive has no blob \"sha256:x\"");
	assert_null(s->ops->tag);
	assert_null(s->name);
}

/* Its bytes are not those of its diff ID: told when it is read. */
static void test_docker_corrupt_layer(void **state)
{
	AUTO(image_clear) struct image image = {};
	AUTO(source_free) struct source *s = NULL;
	AUTO(document_clear) struct document root = {};
	AUTO(close) int fd = -1;
	AUTO(free) char *layer = NULL;

	add_file(&image, "c.json", CONFIG);
	add_file(&image, "l/layer.tar", "2\n");
	add_file(&image, "manifest.json", "[" SAVED("c.json", "null") "]");
	fd = tar_of(&image);
	assert_int_equal(oci_archive_new(fd, -1, &(struct layout_wish){}, &s, NULL), 0);
	assert_int_equal(s->ops->root(s, &root, NULL), 0);
	layer = blob_of(s, EMPTY_DIFF, 2, &(struct sink_log){});
	assert_true(str_starts(layer, "blob \"" EMPTY_DIFF "\" is corrupt"));
}

/* Some tools put compressed layers there; then the digest is of what lies there. */
static void test_docker_compressed_layer(void **state)
{
	static const char packed[] = "\x1f\x8b\x08 no more of gzip than this";
	AUTO(image_clear) struct image image = {};
	AUTO(free) char *digest = sha_digest("sha256:", packed, strlen(packed)), *root = NULL, *layer = NULL;

	add_file(&image, "c.json", CONFIG);
	add_file(&image, "l/layer.tar", packed);
	add_file(&image, "manifest.json", "[" SAVED("c.json", "null") "]");
	root = archive_root(&image, NULL, NULL);
	layer = xasprintf("{\"mediaType\":\"" OCI_TYPE_LAYER "+gzip\",\"digest\":\"%s\",\"size\":%zu}", digest, strlen(packed));
	assert_non_null(strstr(root, layer));
}

static void test_other_archives(void **state)
{
	AUTO(image_clear) struct image old = {}, docker = {};
	AUTO(free) char *refused = NULL, *by_digest = NULL;

	add_file(&old, "repositories", "{}");
	refused = archive_root(&old, NULL, NULL);
	assert_string_equal(refused, "the archive is neither an OCI image layout nor of a docker that is still supported: it "
				     "has neither \"oci-layout\" nor \"manifest.json\"");
	add_file(&docker, "manifest.json", "[]");
	by_digest = archive_root(&docker, NULL, EMPTY_DIFF);
	assert_string_equal(by_digest, "the archive is docker's, which knows its images by name, not by digest");
}

/* gzip of an empty tar, as `head -c 1024 /dev/zero | gzip -n` makes it */
static void test_compressed_archive(void **state)
{
	static const unsigned char packed[] = {
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x63, 0x60, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x8c,
		0x54, 0x00, 0x00, 0x2e, 0xaf, 0xb5, 0xef, 0x00, 0x04, 0x00, 0x00,
	};
	AUTO(close) int fd = memory_file((const char *)packed, sizeof(packed)), scratch = memory_file("", 0);
	AUTO(err_clear) struct err refused = {}, empty = {};
	AUTO(source_free) struct source *s = NULL;

	assert_int_equal(oci_archive_new(fd, -1, &(struct layout_wish){}, &s, &refused), -ERR_BAD_INPUT);
	assert_string_equal(refused.chain[0], "the archive is packed with gzip: unpack it first");
	assert_int_equal(oci_archive_new(fd, scratch, &(struct layout_wish){}, &s, &empty), -ERR_BAD_INPUT);
	assert_true(str_starts(empty.chain[0], "the archive is neither"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout_choice),
		cmocka_unit_test(test_layout_names),
		cmocka_unit_test(test_layout_of_platforms),
		cmocka_unit_test(test_layout_digest),
		cmocka_unit_test(test_bad_layouts),
		cmocka_unit_test(test_blobs),
		cmocka_unit_test(test_large_blob),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_no_regular_file),
		cmocka_unit_test(test_docker_choice),
		cmocka_unit_test(test_docker_manifest),
		cmocka_unit_test(test_docker_blobs),
		cmocka_unit_test(test_docker_corrupt_layer),
		cmocka_unit_test(test_docker_compressed_layer),
		cmocka_unit_test(test_other_archives),
		cmocka_unit_test(test_compressed_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
