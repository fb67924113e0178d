#include "cli/image_view.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/human.h"

#define PGP	"0123456789abcdef0123456789abcdef01234567"
#define COSIGN	"cosign-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SECONDS(n) ((n) * (int64_t)NS_PER_SECOND)
static struct label version = { (char *)"version", (char *)"1.2" };
static const struct image_info store[] = {
	{ .id = (char *)"sha512-bbbbbbbbbbbbbbbbbbbb", .name = (char *)"example.com/b", .import_time = SECONDS(100),
	  .last_used = SECONDS(900), .size = 1000, .tree_size = 24 },
	{ .id = (char *)"sha512-aaaaaaaaaaaaaaaaaaaa", .name = (char *)"example.com/a", .labels = &version, .n_labels = 1,
	  .import_time = SECONDS(200), .last_used = SECONDS(300), .size = 19 << 20, .disk_size = 5 << 20,
	  .verified_by = (char *)PGP },
};

static const struct opt *const tables[] = { image_list_opts, NULL };

/* The table or JSON that a command line asks for. */
static char *show(const char *line, struct err *err)
{
	AUTO(strv_free) char **argv = strv_split(line, ' '), **rest = NULL;
	const struct engine engine = {};
	struct image_list_args a = { .engine = &engine };
	const struct opt_set set = { tables, &a };
	struct image_info list[ARRAY_LEN(store)];
	char *text = NULL;

	memcpy(list, store, sizeof(list));
	if (opt_parse(&set, 1, argv, false, &rest, err) >= 0) {
		image_list_sort(list, ARRAY_LEN(list), &a);
		text = a.format == FORMAT_TABLE ? image_list_table(list, ARRAY_LEN(list), &a, SECONDS(1000)) :
						  image_list_json(list, ARRAY_LEN(list), &a);
	}
	strv_free(a.fields);
	strv_free(a.sort);
	return text;
}

static void table(void **state)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{ "", "ID\t\t\tNAME\t\t\tSIZE\tIMPORT TIME\tLAST USED\n"
		      "sha512-bbbbbbbbbbbb\texample.com/b\t\t1.0KiB\t15 minutes ago\t1 minute ago\n"
		      "sha512-aaaaaaaaaaaa\texample.com/a:1.2\t5.0MiB\t13 minutes ago\t11 minutes ago\n" },
		{ "--no-legend --fields=name --order=desc", "example.com/a:1.2\nexample.com/b\n" },
		{ "--no-legend --fields=name --sort=lastused", "example.com/a:1.2\nexample.com/b\n" },
		{ "--no-legend --fields=name --sort size,name --order desc", "example.com/a:1.2\nexample.com/b\n" },
		{ "--no-legend --fields=name,size --full", "example.com/b\t\t1024\nexample.com/a:1.2\t5242880\n" },
		{ "--no-legend --fields=size,total --sort=total", "1.0KiB\t1.0KiB\n5.0MiB\t19MiB\n" },
		{ "--fields=verified", "VERIFIED\n-\n0123456789abcdef (no longer trusted)\n" },
		{ "--format=json",
		  "[{\"id\":\"sha512-bbbbbbbbbbbbbbbbbbbb\",\"name\":\"example.com/b\",\"import_time\":100000000000,"
		  "\"last_used_time\":900000000000,\"size\":1024,\"trusted\":false},"
		  "{\"id\":\"sha512-aaaaaaaaaaaaaaaaaaaa\",\"name\":\"example.com/a:1.2\",\"import_time\":200000000000,"
		  "\"last_used_time\":300000000000,\"size\":5242880,\"verified_by\":\"" PGP "\",\"trusted\":false}]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(free) char *text = show(rows[i].line, NULL);

		assert_string_equal(text, rows[i].text);
	}
}

/* Who vouched for an image, and whether that still counts. */
static void verified(void **state)
{
	AUTO(free) char *dir = xasprintf("%s/rkt-test-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	const struct engine engine = { .local_config = mkdtemp(dir) };
	struct image_info list[] = {
		{ .id = (char *)"sha512-1", .name = (char *)"quay.io/a", .verified_by = (char *)COSIGN },
		{ .id = (char *)"sha512-2", .name = (char *)"quay.io/b", .verified_by = (char *)COSIGN },
		{ .id = (char *)"sha512-3", .name = (char *)"quay.io/a", .verified_by = (char *)"accepted",
		  .format = (char *)"oci" },
	};
	char *fields[] = { (char *)"verified", NULL };
	struct image_list_args a = { .engine = &engine, .fields = fields, .no_legend = true };
	AUTO(free) char *path = NULL;
	AUTO(free) char *accepted = NULL;
	AUTO(free) char *brief = NULL;
	AUTO(free) char *full = NULL;
	AUTO(free) char *json = NULL;

	assert_non_null(engine.local_config);
	assert_int_equal(keystore_add(dir, "quay.io/a", COSIGN, "pem", &path, NULL), 0);
	assert_int_equal(keystore_add(dir, "quay.io/a", "accepted", NULL, &accepted, NULL), 0);
	brief = image_list_table(list, ARRAY_LEN(list), &a, 0);
	assert_string_equal(brief, "cosign-0123456789abcdef\ncosign-0123456789abcdef (no longer trusted)\naccepted\n");
	a.full = true;
	full = image_list_table(list, ARRAY_LEN(list), &a, 0);
	assert_string_equal(full, COSIGN "\n" COSIGN " (no longer trusted)\naccepted\n");
	json = image_list_json(list, ARRAY_LEN(list), &a);
	assert_non_null(strstr(json, "\"verified_by\":\"" COSIGN "\",\"trusted\":true"));
	assert_non_null(strstr(json, "\"verified_by\":\"" COSIGN "\",\"trusted\":false"));
	assert_int_equal(tree_remove(AT_FDCWD, dir), 0);
}

static void errors(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		{ "--fields=latest", "invalid argument \"latest\" for --fields=latest: unknown option \"latest\"" },
		{ "--fields=id,id", "invalid argument \"id,id\" for --fields=id,id: duplicated option \"id\"" },
		{ "--sort=verified", "invalid argument \"verified\" for --sort=verified: unknown option \"verified\"" },
		{ "--order=up", "invalid argument \"up\" for --order=up: wrong sort order" },
		{ "--format=xml", "invalid argument \"xml\" for --format=xml: Invalid format option: xml" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(err_clear) struct err err = {};
		AUTO(free) char *words = NULL;

		assert_null(show(rows[i].line, &err));
		words = err_text(&err);
		assert_string_equal(words, rows[i].words);
	}
}

static void empty_json(void **state)
{
	AUTO(free) char *text = image_list_json(NULL, 0, &(struct image_list_args){ .format = FORMAT_JSON_PRETTY });

	assert_string_equal(text, "null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table), cmocka_unit_test(verified), cmocka_unit_test(errors), cmocka_unit_test(empty_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
