#include "docker2aci/convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_label(struct image_manifest *m, const char *name, const char *value)
{
	label_set(&m->labels, &m->n_labels, name, value);
}

static struct image_manifest make_image(void)
{
	struct image_manifest m = {
		.ac_kind = xstrdup("ImageManifest"), .ac_version = xstrdup("0.8.11"), .name = xstrdup("example.com/a"),
		.app = xcalloc(1, sizeof(struct app)),
	};

	m.app->user = xstrdup("0");
	m.app->group = xstrdup("0");
	set_label(&m, "version", "1.2");
	set_label(&m, "os", "linux");
	set_label(&m, "arch", "amd64");
	label_set(&m.annotations, &m.n_annotations, "appc.io/docker/repository", "library/a");
	return m;
}

static void test_file_names(void **state)
{
	AUTO(image_manifest_clear) struct image_manifest m = make_image(), bare = { .name = xstrdup("host/a/b") };
	AUTO(free) char *whole = convert_file_name(&m, -1), *layer = convert_file_name(&m, 3);
	AUTO(free) char *other = convert_file_name(&bare, -1), *lowest = convert_file_name(&bare, 0);

	assert_string_equal(whole, "library-a-1.2.aci");
	assert_string_equal(layer, "library-a-1.2-linux-amd64-3.aci");
	assert_string_equal(other, "host-a-b.aci");
	assert_string_equal(lowest, "host-a-b-0.aci");
}

/* No name leads out of the directory. */
static void test_odd_file_names(void **state)
{
	AUTO(image_manifest_clear) struct image_manifest m = { .name = xstrdup("a") };
	AUTO(free) char *name = NULL;

	set_label(&m, "version", "../../x:y@z");
	name = convert_file_name(&m, -1);
	assert_string_equal(name, "a-..-..-x-y-z.aci");
}

#define ID "sha512-0123456789abcdef"

static void test_layer_manifests(void **state)
{
	static char *const layers[] = { (char *)"sha256-aa", (char *)"sha256-bb", (char *)"sha256-aa", (char *)"sha256-cc", NULL };
	static const char *const names[] = { "example.com/a-aa", "example.com/a-bb", "example.com/a-aa-2", "example.com/a" };
	AUTO(image_manifest_clear) struct image_manifest m = make_image();

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(image_manifest_clear) struct image_manifest layer = {};

		convert_layer_manifest(&m, layers, i, i ? ID : NULL, &layer);
		assert_int_equal(image_manifest_check(&layer, NULL), 0);
		assert_string_equal(layer.name, names[i]);
		assert_string_equal(label_get(layer.labels, layer.n_labels, "version"), "1.2");
		assert_int_equal(!layer.app, i < 3);
		assert_int_equal(layer.n_annotations, i == 3);
		assert_int_equal(layer.n_dependencies, i > 0);
		if (!i)
			continue;
		assert_string_equal(layer.dependencies[0].image_name, names[i - 1]);
		assert_string_equal(layer.dependencies[0].image_id, ID);
		assert_string_equal(label_get(layer.dependencies[0].labels, layer.dependencies[0].n_labels, "arch"), "amd64");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_names),
		cmocka_unit_test(test_odd_file_names),
		cmocka_unit_test(test_layer_manifests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
