#include "base/opt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct args {
	bool flag, other;
	const char *text, *net;
	char **list, **parts;
	int64_t grace;
	char calls[64];
};
struct global_args {
	bool debug;
	const char *dir;
};

static int note(void *args, const struct opt *opt, const char *value, struct err *err)
{
	struct args *a = args;

	if (str_eq(value, "bogus"))
		return err_set(err, -EINVAL, "Invalid format option: %s", value);
	snprintf(a->calls + strlen(a->calls), sizeof(a->calls) - strlen(a->calls), "%s=%s;", opt->name, value);
	return 0;
}

#define AT(member) offsetof(struct args, member)
static const struct opt own[] = {
	{ "flag", 'f', OPT_FLAG, AT(flag), NULL, "a flag" },
	{ "other", 'o', OPT_FLAG, AT(other), NULL, "a flag that is on", .def = "true" },
	{ "text", 't', OPT_STRING, AT(text), "FILE", "a text" },
	{ "net", 0, OPT_STRING, AT(net), "LIST", "networks", .def = "default", .bare = "all" },
	{ "list", 0, OPT_STRV, AT(list), "X", "a list" },
	{ "parts", 0, OPT_LIST, AT(parts), "X,…", "parts" },
	{ "grace", 0, OPT_DURATION, AT(grace), "DURATION", "how long", .def = "30m0s" },
	{}
};
static const struct opt more[] = {
	{ "format", 0, OPT_CALL, 0, "json|json-pretty", "a form", .call = note },
	{ "quietly", 0, OPT_CALL, 0, "X", "hidden", .flags = OPT_HIDDEN, .call = note },
	{}
};
#define GLOBAL_AT(member) offsetof(struct global_args, member)
static const struct opt global[] = {
	{ "debug", 0, OPT_FLAG, GLOBAL_AT(debug), NULL, "say more" },
	{ "dir", 0, OPT_STRING, GLOBAL_AT(dir), "DIR", "data" },
	{}
};
static const struct opt *const own_tables[] = { own, more, NULL }, *const global_tables[] = { global, NULL };

struct fixture {
	struct args args;
	struct global_args globals;
	struct opt_set sets[2];
	char **rest;
	struct err err;
};

static int parse(struct fixture *f, bool first_ends, const char *line)
{
	AUTO(strv_free) char **argv = strv_split(line, ' ');

	*f = (struct fixture){};
	f->sets[0] = (struct opt_set){ own_tables, &f->args };
	f->sets[1] = (struct opt_set){ global_tables, &f->globals };
	opt_defaults(&f->sets[0]);
	opt_defaults(&f->sets[1]);
	return opt_parse(f->sets, 2, argv, first_ends, &f->rest, &f->err);
}

static void done(struct fixture *f)
{
	opt_clear(&f->sets[0]);
	strv_free(f->rest);
	err_clear(&f->err);
}

static void flags(void **state)
{
	static const struct {
		const char *line;
		bool flag, other, debug;
	} rows[] = {
		{ "", false, true, false },
		{ "--flag", true, true, false },
		{ "--flag=true", true, true, false },
		{ "--flag --flag=false", false, true, false },
		{ "--other=0 --flag=T", true, false, false },
		{ "-f -o=false", true, false, false },
		{ "-of x --debug", true, true, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture f;

		assert_int_equal(parse(&f, false, rows[i].line), 0);
		assert_int_equal(f.args.flag, rows[i].flag);
		assert_int_equal(f.args.other, rows[i].other);
		assert_int_equal(f.globals.debug, rows[i].debug);
		done(&f);
	}
}

/* Strings point into argv, so each row looks while argv lives. */
static void values(void **state)
{
	AUTO(strv_free) char **argv = strv_split("--text|a b|--net|x|--net=host|--dir=|--grace=1h|--list|a,b|"
						 "--list=c|--parts=a,b|--parts|c|-|--|--text=no", '|');
	struct args a = {};
	struct global_args g = {};
	const struct opt_set sets[] = { { own_tables, &a }, { global_tables, &g } };
	AUTO(strv_free) char **rest = NULL;
	AUTO(free) char *joined = NULL, *list = NULL, *parts = NULL;

	opt_defaults(&sets[0]);
	assert_string_equal(a.net, "default");
	assert_int_equal(a.grace, 1800LL * 1000000000);
	assert_int_equal(opt_parse(sets, 2, argv, false, &rest, NULL), 0);
	assert_string_equal(a.text, "a b");
	assert_string_equal(a.net, "host");
	assert_string_equal(g.dir, "");
	assert_int_equal(a.grace, 3600LL * 1000000000);
	list = strv_join(a.list, "|");
	parts = strv_join(a.parts, "|");
	joined = strv_join(rest, "|");
	assert_string_equal(list, "a,b|c");
	assert_string_equal(parts, "a|b|c");
	assert_string_equal(joined, "x|-|--text=no");
	opt_clear(&sets[0]);
	assert_null(a.list);
}

static void bare_value_leaves_the_next_word(void **state)
{
	AUTO(strv_free) char **argv = strv_split("--net host", ' ');
	struct args a = {};
	const struct opt_set set = { own_tables, &a };
	AUTO(strv_free) char **rest = NULL;

	assert_int_equal(opt_parse(&set, 1, argv, false, &rest, NULL), 0);
	assert_string_equal(a.net, "all");
	assert_string_equal(rest[0], "host");
}

static void first_word_ends(void **state)
{
	struct fixture f;
	AUTO(free) char *rest = NULL;

	assert_int_equal(parse(&f, true, "--flag cmd --debug -- --unknown"), 0);
	assert_true(f.args.flag);
	assert_false(f.globals.debug);
	rest = strv_join(f.rest, " ");
	assert_string_equal(rest, "cmd --debug -- --unknown");
	done(&f);
}

static void calls_in_order(void **state)
{
	struct fixture f;

	assert_int_equal(parse(&f, false, "--format=a x --quietly b --format c"), 0);
	assert_string_equal(f.args.calls, "format=a;quietly=b;format=c;");
	done(&f);
}

static void errors(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		{ "--nope", "unknown flag: --nope" },
		{ "--nope=1 x", "unknown flag: --nope" },
		{ "--fla", "unknown flag: --fla" },
		{ "-z", "unknown shorthand flag: 'z' in -z" },
		{ "-fz", "unknown shorthand flag: 'z' in -fz" },
		{ "--text", "flag needs an argument: --text" },
		{ "-t", "flag needs an argument: -t" },
		{ "--=x", "bad flag syntax: --=x" },
		{ "---x", "bad flag syntax: ---x" },
		{ "--flag=maybe", "invalid argument \"maybe\" for --flag=maybe: neither true nor false" },
		{ "--format=bogus", "invalid argument \"bogus\" for --format=bogus: Invalid format option: bogus" },
		{ "--format bogus", "invalid argument \"bogus\" for --format: Invalid format option: bogus" },
		{ "--grace=-1h", "invalid argument \"-1h\" for --grace=-1h: a negative duration" },
		{ "--grace=5", "invalid argument \"5\" for --grace=5: no duration such as 30s, 10m or 1h30m" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture f;
		AUTO(free) char *text = NULL;

		assert_int_equal(parse(&f, false, rows[i].line), -ERR_USAGE);
		text = err_text(&f.err);
		assert_string_equal(text, rows[i].words);
		assert_null(f.rest);
		done(&f);
	}
}

static void help(void **state)
{
	AUTO(buf_clear) struct buf out = {};

	opt_help(&out, own_tables);
	assert_string_equal(out.data, "  -f, --flag[=false]\ta flag\n"
				      "      --format=\"\"\ta form\n"
				      "      --grace=30m0s\thow long\n"
				      "      --list=\t\ta list\n"
				      "      --net[=\"default\"]\tnetworks\n"
				      "  -o, --other[=true]\ta flag that is on\n"
				      "      --parts=\t\tparts\n"
				      "  -t, --text=\"\"\t\ta text\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags), cmocka_unit_test(values), cmocka_unit_test(bare_value_leaves_the_next_word),
		cmocka_unit_test(first_word_ends), cmocka_unit_test(calls_in_order), cmocka_unit_test(errors),
		cmocka_unit_test(help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
