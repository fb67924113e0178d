#include "cli/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int nothing(struct cli *cli, void *args, char **argv, struct err *err) { return 0; }

static const struct opt run_opts[] = {
	{ "net", 0, OPT_STRING, 0, "none|host", "network", .def = "default", .bare = "default" },
	{ "format", 0, OPT_STRING, 0, "json|json-pretty", "form" },
	{ "old", 0, OPT_FLAG, 0, NULL, "old", .deprecated = "use --net" },
	{}
};
static const struct opt global_opts[] = {
	{ "debug", 0, OPT_FLAG, 0, NULL, "more words" },
	{ "dir", 0, OPT_STRING, 0, "DIR", "data directory" },
	{}
};
static const struct cmd run = { .name = "run", .args = "IMAGE", .help = "runs", .description = "One.\nTwo.",
				.opts = { run_opts }, .words = WORDS_IMAGES, .run = nothing },
			run_prepared = { .name = "run-prepared", .args = "", .help = "runs later", .run = nothing },
			image = { .name = "image", .args = "[command]", .help = "images" },
			image_list = { .name = "image list", .args = "", .help = "lists", .run = nothing },
			image_rm = { .name = "image rm", .args = "", .help = "removes", .run = nothing },
			image_render = { .name = "image render", .args = "", .help = "renders", .run = nothing },
			image_fetch = { .name = "image fetch", .args = "", .help = "x", .hidden = true, .run = nothing },
			status = { .name = "status", .args = "UUID", .help = "tells", .words = WORDS_PODS, .run = nothing },
			stop = { .name = "stop", .args = "UUID", .help = "stops", .run = nothing };
static const struct cmd *const commands[] = { &run, &run_prepared, &image, &image_list, &image_rm, &image_render,
					      &image_fetch, &status, &stop, NULL };
static const struct opt *const globals[] = { global_opts, NULL };

static void finding(void **state)
{
	static const struct {
		const char *line;
		const struct cmd *cmd;	/* what is found, or the group that lacks it */
		int words;
		const char *error;
	} rows[] = {
		{ "", NULL, 0 },
		{ "run", &run, 1 },
		{ "run x", &run, 1 },
		{ "run-p", &run_prepared, 1 },
		{ "stat x", &status, 1 },
		{ "im", &image, 1 },
		{ "image --help", &image, 1 },
		{ "image list", &image_list, 2 },
		{ "im l --full", &image_list, 2 },
		{ "image f", &image_fetch, 2 },
		{ "ru", NULL, -ERR_USAGE, "unknown command \"ru\" for \"rkt\"" },
		{ "st", NULL, -ERR_USAGE, "unknown command \"st\" for \"rkt\"" },
		{ "image r", &image, -ERR_USAGE, "unknown command \"r\" for \"rkt image\"" },
		{ "image run", &image, -ERR_USAGE, "unknown command \"run\" for \"rkt image\"" },
		{ "list", NULL, -ERR_USAGE, "unknown command \"list\" for \"rkt\"" },
		{ "runs", NULL, -ERR_USAGE, "unknown command \"runs\" for \"rkt\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(strv_free) char **argv = strv_split(rows[i].line, ' ');
		AUTO(err_clear) struct err err = {};
		const struct cmd *found = &stop;

		assert_int_equal(cmd_find(commands, argv, &found, &err), rows[i].words);
		assert_ptr_equal(found, rows[i].cmd);
		if (rows[i].error)
			assert_string_equal(err.chain[0], rows[i].error);
	}
}

static void leaf(void **state)
{
	assert_string_equal(cmd_leaf(&image_rm), "rm");
	assert_string_equal(cmd_leaf(&run), "run");
}

static void help_of_a_command(void **state)
{
	AUTO(free) char *text = cmd_help_text(commands, globals, &run);

	assert_string_equal(text, "NAME:\n\trkt run - runs\n\n"
				  "USAGE:\n\trkt run IMAGE\n\n"
				  "DESCRIPTION:\n\tOne.\n\tTwo.\n\n"
				  "OPTIONS:\n"
				  "      --format=\"\"\tform\n"
				  "      --net[=\"default\"]\tnetwork\n\n"
				  "GLOBAL OPTIONS:\n"
				  "      --debug[=false]\tmore words\n"
				  "      --dir=\"\"\t\tdata directory\n");
}

static void help_of_all(void **state)
{
	AUTO(free) char *text = cmd_help_text(commands, globals, NULL);
	AUTO(free) char *group = cmd_help_text(commands, globals, &image);

	assert_non_null(strstr(text, "NAME:\n\trkt - "));
	assert_non_null(strstr(text, "VERSION:\n\t"));
	assert_non_null(strstr(text, "COMMANDS:\n\trun\t\truns\n"));
	assert_non_null(strstr(text, "\timage list\tlists\n"));
	assert_null(strstr(text, "image fetch"));
	assert_non_null(strstr(group, "COMMANDS:\n\tlist\tlists\n\trm\tremoves\n\trender\trenders\n"));
	assert_null(strstr(group, "VERSION"));
}

static void completion(void **state)
{
	AUTO(free) char *script = completion_bash(commands, globals);

	assert_non_null(strstr(script, "'image') words=' list rm render'"));
	assert_non_null(strstr(script, "'') words=' run run-prepared image status stop'"));
	assert_non_null(strstr(script, "'run') words='images' options=\"$globals --format --net\""));
	assert_non_null(strstr(script, "'run --format') value='json|json-pretty'"));
	assert_null(strstr(script, "'run --net')"));	/* its value stands behind "=" only */
	assert_null(strstr(script, "--old"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finding), cmocka_unit_test(leaf), cmocka_unit_test(help_of_a_command),
		cmocka_unit_test(help_of_all), cmocka_unit_test(completion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
