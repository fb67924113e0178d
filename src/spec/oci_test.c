#include "spec/oci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64

static void test_digests(void **state)
{
	static const char *const bad[] = {
		"", "sha256", "sha256:", "sha256:abc", DIGEST "0", "sha512:" HEX64, "sha256-" HEX64, "sha1:" HEX64,
		"md5:" HEX64, "SHA256:" HEX64, "sha256:../../0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
		"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", " " DIGEST, DIGEST " ",
	};
	AUTO(free) char *key = oci_digest_key(DIGEST), *long_key = oci_digest_key("sha512:" HEX64 HEX64);
	AUTO(free) char *tag = oci_digest_tag(DIGEST, ".sig");

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(oci_digest_valid(bad[i]));
	assert_false(oci_digest_valid(NULL));
	assert_true(oci_digest_valid(DIGEST));
	assert_true(oci_digest_valid("sha512:" HEX64 HEX64));
	assert_string_equal(key, "sha256-" HEX64);
	assert_string_equal(tag, "sha256-" HEX64 ".sig");
	assert_string_equal(long_key, "sha512-" HEX64);
}

static void test_layer_formats(void **state)
{
	static const struct { const char *type, *format; } cases[] = {
		{ OCI_TYPE_LAYER, "tar" }, { OCI_TYPE_LAYER "+gzip", "gzip" }, { OCI_TYPE_LAYER "+zstd", "zstd" },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip" },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip" },
		{ "application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd" },
		{ "application/vnd.docker.image.rootfs.diff.tar", "tar" },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip" },
		{ OCI_TYPE_LAYER "+gzip+encrypted", NULL }, { OCI_TYPE_LAYER "+xz", NULL }, { OCI_TYPE_CONFIG, NULL },
		{ "", NULL }, { NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *format = oci_layer_format(cases[i].type);

		if (cases[i].format)
			assert_string_equal(format, cases[i].format);
		else
			assert_null(format);
	}
}

#define DESCRIPTOR(type) "{\"mediaType\":\"" type "\",\"digest\":\"" DIGEST "\",\"size\":5}"
#define CONFIG "\"config\":" DESCRIPTOR(OCI_TYPE_CONFIG)
#define LAYERS "\"layers\":[" DESCRIPTOR(OCI_TYPE_LAYER "+gzip") "," DESCRIPTOR(OCI_TYPE_LAYER) "]"
#define MANIFEST "{\"schemaVersion\":2," CONFIG "," LAYERS "}"
#define TYPED(type) "{\"schemaVersion\":2,\"mediaType\":\"" type "\"," CONFIG "," LAYERS "}"
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"

static void test_manifests(void **state)
{
	static const struct { const char *text, *told; } cases[] = {
		{ MANIFEST, NULL }, { MANIFEST, "" }, { MANIFEST, OCI_TYPE_MANIFEST }, { MANIFEST, DOCKER_TYPE_MANIFEST },
		{ TYPED(OCI_TYPE_MANIFEST), NULL }, { TYPED(OCI_TYPE_MANIFEST), OCI_TYPE_MANIFEST },
		{ TYPED(DOCKER_TYPE_MANIFEST), DOCKER_TYPE_MANIFEST "; charset=utf-8" },
		{ TYPED(OCI_TYPE_MANIFEST), "Application/vnd.OCI.image.manifest.v1+JSON" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(oci_document_clear) struct oci_document d = {};

		assert_int_equal(oci_document_read(cases[i].text, strlen(cases[i].text), cases[i].told, &d, NULL), 0);
		assert_int_equal(d.kind, OCI_KIND_MANIFEST);
		assert_string_equal(d.config.media_type, OCI_TYPE_CONFIG);
		assert_int_equal(d.config.size, 5);
		assert_int_equal(d.n, 2);
		assert_string_equal(d.list[0].media_type, OCI_TYPE_LAYER "+gzip");
		assert_string_equal(d.list[1].digest, DIGEST);
		assert_int_equal(oci_manifest_check(&d, NULL), 0);
	}
}

#define OF_CONFIG(descriptor, layers) "{\"schemaVersion\":2,\"config\":" descriptor ",\"layers\":[" layers "]}"

/* As tools wrote them before there were types for all. */
static void test_untyped_configuration(void **state)
{
	static const char *const descriptors[] = {
		DESCRIPTOR("application/octet-stream"), DESCRIPTOR("application/json"), DESCRIPTOR(""),
		"{\"digest\":\"" DIGEST "\",\"size\":5}",
	};

	for (size_t i = 0; i < ARRAY_LEN(descriptors); i++) {
		AUTO(free) char *text = xasprintf(OF_CONFIG("%s", DESCRIPTOR(OCI_TYPE_LAYER)), descriptors[i]);
		AUTO(oci_document_clear) struct oci_document d = {};

		assert_int_equal(oci_document_read(text, strlen(text), NULL, &d, NULL), 0);
		assert_int_equal(oci_manifest_check(&d, NULL), 0);
		assert_false(oci_config_is_typed(&d));
	}
}

static void test_annotations(void **state)
{
	static const char text[] = "{\"schemaVersion\":2,\"annotations\":{\"b\":\"1\"},\"manifests\":[{"
		"\"mediaType\":\"x/y\",\"digest\":\"" DIGEST "\",\"size\":0,\"urls\":[\"http://h/\"],\"annotations\":{\"c\":\"2\",\"a=b\":\"\"}}]}";
	AUTO(oci_document_clear) struct oci_document d = {};

	assert_int_equal(oci_document_read(text, strlen(text), OCI_TYPE_INDEX, &d, NULL), 0);
	assert_int_equal(d.kind, OCI_KIND_INDEX);
	assert_string_equal(label_get(d.list[0].annotations, d.list[0].n_annotations, "c"), "2");
	assert_string_equal(label_get(d.list[0].annotations, d.list[0].n_annotations, "a=b"), "");
	assert_string_equal(d.list[0].urls[0], "http://h/");
	assert_null(d.list[0].platform.os);
}

#define SCHEMA1 "the image is of docker's schema 1, which is obsolete and not supported: push it again with a current tool"
#define BAD_DESCRIPTOR(members) "{\"schemaVersion\":2," CONFIG ",\"layers\":[{" members "}]}"

static void test_refuses(void **state)
{
	static const struct { const char *text, *told, *words; } cases[] = {
		{ "[]", NULL, "not an object" },
		{ "{}", NULL, "schemaVersion: missing" },
		{ "{\"schemaVersion\":\"2\"}", NULL, "schemaVersion: missing" },
		{ "{\"schemaVersion\":3}", NULL, "schemaVersion: 3 is unknown" },
		{ "{\"schemaVersion\":2}", NULL, "the document is neither an index nor a manifest of an image" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, SCHEMA1 },
		{ "{\"schemaVersion\":2,\"fsLayers\":[]}", NULL, SCHEMA1 },
		{ MANIFEST, "application/vnd.docker.distribution.manifest.v1+prettyjws", SCHEMA1 },
		{ "x", "application/vnd.docker.distribution.manifest.v1+json", SCHEMA1 },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", NULL,
		  "the document is ambiguous: it has both \"manifests\" and \"layers\"" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":null}", OCI_TYPE_INDEX,
		  "the document is ambiguous: it has both \"manifests\" and \"layers\"" },
		{ "{\"schemaVersion\":2,\"manifests\":null,\"config\":{}}", NULL,
		  "the document is ambiguous: it has both \"manifests\" and \"config\"" },
		{ MANIFEST, OCI_TYPE_INDEX, "the document is ambiguous: a manifest of media type \"" OCI_TYPE_INDEX "\"" },
		{ TYPED(DOCKER_TYPE_LIST), NULL, "the document is ambiguous: a manifest of media type \"" DOCKER_TYPE_LIST "\"" },
		{ INDEX(""), OCI_TYPE_MANIFEST, "the document is ambiguous: an index of media type \"" OCI_TYPE_MANIFEST "\"" },
		{ TYPED(OCI_TYPE_MANIFEST), DOCKER_TYPE_MANIFEST, "the document is ambiguous: media type \"" OCI_TYPE_MANIFEST
		  "\" inside, \"" DOCKER_TYPE_MANIFEST "\" outside" },
		{ MANIFEST, "text/html", "media type \"text/html\" is neither that of an index nor of a manifest" },
		{ TYPED("a/b"), NULL, "media type \"a/b\" is neither that of an index nor of a manifest" },
		{ "{\"schemaVersion\":2,\"mediaType\":1,\"layers\":[]}", NULL, "mediaType: not a string" },
		{ INDEX("{\"mediaType\":\"a\",\"digest\":\"" DIGEST "\",\"size\":1,\"annotations\":[]}"), NULL,
		  "manifests[0]: annotations: not an object" },
		{ INDEX("{\"mediaType\":\"a\",\"digest\":\"" DIGEST "\",\"size\":1,\"annotations\":{\"a\":1}}"), NULL,
		  "manifests[0]: annotations.a: not a string" },
		{ "{\"schemaVersion\":2,\"manifests\":null}", NULL, "manifests: not a list" },
		{ "{\"schemaVersion\":2,\"layers\":[]}", NULL, "config: missing" },
		{ "{\"schemaVersion\":2,\"config\":null,\"layers\":[]}", NULL, "config: not an object" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", NULL, "layers: not a list" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[null]}", NULL, "layers[0]: not an object" },
		{ BAD_DESCRIPTOR("\"digest\":\"" DIGEST "\",\"size\":1"), NULL, "layers[0]: mediaType: missing" },
		{ BAD_DESCRIPTOR("\"mediaType\":\"a\",\"digest\":\"" DIGEST "\""), NULL, "layers[0]: size: missing" },
		{ BAD_DESCRIPTOR("\"mediaType\":\"a\",\"digest\":\"" DIGEST "\",\"size\":-1"), NULL, "layers[0]: size: negative" },
		{ BAD_DESCRIPTOR("\"mediaType\":\"a\",\"digest\":\"" DIGEST "\",\"size\":1e308"), NULL,
		  "layers[0]: size: not a whole number" },
		{ BAD_DESCRIPTOR("\"mediaType\":\"a\",\"digest\":\"sha256:../../x\",\"size\":1"), NULL,
		  "layers[0]: digest: \"sha256:../../x\" is none" },
		{ BAD_DESCRIPTOR("\"mediaType\":\"a\",\"digest\":\"" DIGEST "\",\"size\":1,\"urls\":[1]"), NULL,
		  "layers[0]: urls[0]: not a string" },
		{ "{\"schemaVersion\":2,\"layers\":[],\"layers\":[]}", NULL, "line 1, column 32: duplicate key \"layers\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;
		struct oci_document d = {}, empty = {};

		assert_int_equal(oci_document_read(cases[i].text, strlen(cases[i].text), cases[i].told, &d, &err),
				 -ERR_BAD_INPUT);
		words = err_text(&err);
		assert_string_equal(words, cases[i].words);
		assert_memory_equal(&d, &empty, sizeof(d));
	}
}

enum { DOCUMENT_MAX = 4 << 20, LAYERS_MAX = 500 };	/* the default limits */

static void test_limits(void **state)
{
	AUTO(free) char *large = xcalloc(DOCUMENT_MAX + 1, 1);
	AUTO(err_clear) struct err err = {};
	AUTO(buf_clear) struct buf many = {};
	struct oci_document d = {};

	memset(large, ' ', DOCUMENT_MAX + 1);
	assert_int_equal(oci_document_read(large, DOCUMENT_MAX + 1, NULL, &d, NULL), -E2BIG);
	buf_adds(&many, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
	for (int i = 0; i <= LAYERS_MAX; i++)
		buf_addf(&many, "%s" DESCRIPTOR(OCI_TYPE_LAYER), i ? "," : "");
	buf_adds(&many, "]}");
	assert_int_equal(oci_document_read(many.data, many.len, NULL, &d, &err), -E2BIG);
	assert_string_equal(err.chain[0], "the image has more layers than the limit layers (500; limits.d)");
}

static void test_not_images(void **state)
{
	static const struct { const char *text, *words; } cases[] = {
		{ INDEX(""), "the document is an index where a manifest belongs" },
		{ "{\"schemaVersion\":2,\"config\":" DESCRIPTOR("application/vnd.oci.empty.v1+json") ",\"layers\":[]}",
		  "not an image: its configuration has media type \"application/vnd.oci.empty.v1+json\"" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESCRIPTOR("text/plain") "]}",
		  "layers[0]: media type \"text/plain\" is none that can be unpacked" },
		{ OF_CONFIG(DESCRIPTOR("application/octet-stream"), DESCRIPTOR("text/plain")),
		  "layers[0]: media type \"text/plain\" is none that can be unpacked" },
		{ OF_CONFIG(DESCRIPTOR("application/octet-stream"), ""),
		  "not an image: it has no layers, and its configuration media type \"application/octet-stream\"" },
		{ OF_CONFIG(DESCRIPTOR("application/vnd.cncf.helm.config.v1+json"), DESCRIPTOR(OCI_TYPE_LAYER)),
		  "not an image: its configuration has media type \"application/vnd.cncf.helm.config.v1+json\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(oci_document_clear) struct oci_document d = {};
		AUTO(err_clear) struct err err = {};

		assert_int_equal(oci_document_read(cases[i].text, strlen(cases[i].text), NULL, &d, NULL), 0);
		assert_int_equal(oci_manifest_check(&d, &err), -ERR_BAD_INPUT);
		assert_string_equal(err.chain[0], cases[i].words);
	}
}

static void test_architectures(void **state)
{
	static const struct { const char *go, *variant, *appc; } cases[] = {
		{ "amd64", NULL, "amd64" }, { "386", NULL, "i386" }, { "arm64", "v8", "aarch64" },
		{ "arm", "v6", "armv6l" }, { "arm", "v7", "armv7l" }, { "ppc64", NULL, "ppc64" },
		{ "ppc64le", NULL, "ppc64le" }, { "s390x", NULL, "s390x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(oci_arch_to_appc(cases[i].go, cases[i].variant), cases[i].appc);
	assert_string_equal(oci_arch_to_appc("arm", NULL), "armv6l");
	assert_string_equal(oci_arch_to_appc("arm64", NULL), "aarch64");
	assert_string_equal(oci_arch_to_appc("amd64", "v3"), "amd64");
	assert_null(oci_arch_to_appc("riscv64", NULL));
}

/* Entries "os/arch[/variant]", "-" for one without a platform, "a" for an attestation; the size tells which it is. */
static char *make_index(const char *const *entries)
{
	struct buf out = {};

	buf_adds(&out, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; entries[i]; i++) {
		AUTO(strv_free) char **parts = strv_split(entries[i], '/');

		buf_addf(&out, "%s{\"mediaType\":\"%s\",\"digest\":\"" DIGEST "\",\"size\":%zu", i ? "," : "",
			 str_eq(entries[i], "x") ? "x/y" : OCI_TYPE_MANIFEST, i);
		if (str_eq(entries[i], "a"))
			buf_adds(&out, ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}");
		if (parts[1])
			buf_addf(&out, ",\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"%s%s%s}", parts[0], parts[1],
				 parts[2] ? ",\"variant\":\"" : "", parts[2] ?: "", parts[2] ? "\"" : "");
		buf_addc(&out, '}');
	}
	buf_adds(&out, "]}");
	return buf_steal(&out);
}

static void test_choice(void **state)
{
	static const struct { const char *entries[6], *arch; int chosen; const char *words; } cases[] = {
		{ { "linux/arm64", "linux/amd64" }, "amd64", 1, NULL },
		{ { "windows/amd64", "linux/amd64" }, "amd64", 1, NULL },
		{ { "linux/amd64/v3", "linux/amd64", "linux/amd64/v2" }, "amd64", 1, NULL },
		{ { "linux/amd64", "linux/amd64" }, "amd64", 0, NULL },
		{ { "linux/arm64", "linux/arm64/v8" }, "aarch64", 1, NULL },
		{ { "linux/arm64" }, "aarch64", 0, NULL },
		{ { "linux/arm/v5", "linux/arm/v6", "linux/arm/v7" }, "armv7l", 2, NULL },
		{ { "linux/arm/v5", "linux/arm/v6" }, "armv7l", 1, NULL },
		{ { "linux/arm/v5", "linux/arm/v7" }, "armv6l", 0, NULL },
		{ { "linux/386" }, "i386", 0, NULL },
		{ { "a", "-" }, "amd64", 1, NULL },
		{ { "-", "linux/amd64" }, "amd64", 1, NULL },
		{ { "x", "unknown/unknown", "-" }, "amd64", 2, NULL },
		{ { "-", "-" }, "amd64", -1, "there is no image for linux/amd64, but for: nothing" },
		{ { "unknown/unknown", "linux/arm/v7", "windows/amd64", "a" }, "amd64", -1,
		  "there is no image for linux/amd64, but for: linux/arm/v7, windows/amd64" },
		{ { "linux/amd64/v3" }, "amd64", -1, "there is no image for linux/amd64, but for: linux/amd64/v3" },
		{ { "linux/arm/v7" }, "armv6l", -1, "there is no image for linux/armv6l, but for: linux/arm/v7" },
		{ { "linux/amd64" }, "vax", -1, "there is no image for linux/vax, but for: linux/amd64" },
		{ {}, "amd64", -1, "there is no image for linux/amd64, but for: nothing" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *text = make_index(cases[i].entries);
		AUTO(oci_document_clear) struct oci_document d = {};
		AUTO(err_clear) struct err err = {};
		const struct oci_descriptor *chosen = NULL;
		int r;

		assert_int_equal(oci_document_read(text, strlen(text), NULL, &d, NULL), 0);
		r = oci_index_choose(&d, "linux", cases[i].arch, &chosen, &err);
		assert_int_equal(r, cases[i].words ? -ERR_NOT_FOUND : 0);
		if (cases[i].words)
			assert_string_equal(err.chain[0], cases[i].words);
		else
			assert_int_equal(chosen->size, cases[i].chosen);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_layer_formats),
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_untyped_configuration),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_not_images),
		cmocka_unit_test(test_architectures),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
