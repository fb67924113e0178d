#include "cli/apps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct opt *const tables[] = {
	prepare_opts, pull_new_opts, network_opts, app_opts, signature_opts, NULL,
};

/* A command line cut at spaces; "''" stands for an empty word. */
struct line {
	char **argv;
	struct pod_args args;
	struct opt_set set;
	struct err err;
};

static int parse(struct line *l, const char *text, bool images_only)
{
	*l = (struct line){ .argv = strv_split(text, ' ') };
	for (char **p = l->argv; *p; p++)
		if (str_eq(*p, "''"))
			**p = 0;
	l->set = (struct opt_set){ tables, &l->args };
	opt_defaults(&l->set);
	return (images_only ? apps_parse_images : apps_parse)(&l->set, 1, l->argv, &l->args, &l->err);
}

static void done(struct line *l)
{
	pod_args_clear(&l->args);
	opt_clear(&l->set);
	strv_free(l->argv);
	err_clear(&l->err);
}

/* What became of the images: "IMAGE(option=value …)[arg …]", one after the other. */
static char *shown(const struct pod_args *a)
{
	static const struct { const char *name; size_t at; } texts[] = {
		{ "exec", offsetof(struct app_request, exec) }, { "name", offsetof(struct app_request, name) },
		{ "signature", offsetof(struct app_request, signature) }, { "user", offsetof(struct app_request, user) },
		{ "gids", offsetof(struct app_request, supplementary_gids) },
		{ "retain", offsetof(struct app_request, caps_retain) },
		{ "ro", offsetof(struct app_request, readonly_rootfs) },
	};
	static const struct { const char *name; size_t at; } lists[] = {
		{ "mount", offsetof(struct app_request, mounts) }, { "env", offsetof(struct app_request, environment) },
		{ "annotation", offsetof(struct app_request, annotations) },
		{ "label", offsetof(struct app_request, user_labels) },
	};
	struct buf out = {};

	for (size_t i = 0; i < a->prepare.n_apps; i++) {
		const char *app = (const char *)&a->prepare.apps[i];
		char **args = a->prepare.apps[i].args;
		AUTO(free) char *joined = args ? strv_join(args, " ") : xstrdup("");

		buf_addf(&out, "%s%s(", i ? " " : "", a->prepare.apps[i].image);
		for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
			const char *value = *(const char *const *)(app + texts[t].at);

			if (value)
				buf_addf(&out, "%s=%s;", texts[t].name, value);
		}
		for (size_t t = 0; t < ARRAY_LEN(lists); t++)
			for (char *const *p = *(char *const *const *)(app + lists[t].at); p && *p; p++)
				buf_addf(&out, "%s=%s;", lists[t].name, *p);
		buf_addf(&out, ")[%s]", joined);
	}
	return buf_steal(&out);
}

static void grammar(void **state)
{
	static const struct {
		const char *line, *apps;
	} rows[] = {
		{ "", "" },
		{ "a", "a()[]" },
		{ "a b", "a()[] b()[]" },
		{ "'' a ''", "a()[]" },
		{ "a -- x y", "a()[x y]" },
		{ "a -- x --- b", "a()[x] b()[]" },
		{ "a -- x --- b -- -y --- c", "a()[x] b()[-y] c()[]" },
		{ "a -- --- b", "a()[] b()[]" },
		{ "a --- b ---", "a()[] b()[]" },
		{ "--- a", "a()[]" },
		{ "a -- -- --net=host", "a()[-- --net=host]" },
		{ "a --exec /bin/a -- -x y --- b -- z", "a(exec=/bin/a;)[-x y] b()[z]" },
		{ "a --exec=/a b --exec=/b", "a(exec=/a;)[] b(exec=/b;)[]" },
		{ "--net=host a --no-overlay --name=n", "a(name=n;)[]" },
		{ "a --user u --user v", "a(user=v;)[]" },
		{ "a --signature s b", "a(signature=s;)[] b()[]" },
		{ "a --environment A=1 --environment=B= b --environment=C=c=c",
		  "a(env=A=1;env=B=;)[] b(env=C=c=c;)[]" },
		{ "a --supplementary-gids=1,20", "a(gids=1,20;)[]" },
		{ "a --readonly-rootfs=T b --readonly-rootfs false", "a(ro=true;)[] b(ro=false;)[]" },
		{ "a --cap-retain=CAP_X", "a(retain=CAP_X;)[]" },
		{ "a --user-label=k=v --annotation=n=v", "a(annotation=n=v;label=k=v;)[]" },
		{ "a -- x --- --name=late", "a(name=late;)[x]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(free) char *text = NULL;
		struct line l;

		assert_int_equal(parse(&l, rows[i].line, false), 0);
		text = shown(&l.args);
		assert_string_equal(text, rows[i].apps);
		done(&l);
	}
}

#define AFTER "error parsing app image arguments: "
static void grammar_errors(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *words;
	} rows[] = {
		{ "-- x", -EINVAL, AFTER "an image is required before any app arguments" },
		{ "a -- x --- -- y", -EINVAL, AFTER "only one set of app arguments allowed per image" },
		{ "--exec=/x a", -ERR_USAGE, "invalid argument \"/x\" for --exec=/x: --exec must follow an image" },
		{ "--caps-remove=X a", -ERR_USAGE,
		  "invalid argument \"X\" for --caps-remove=X: --caps-remove must follow an image" },
		{ "a --exec=/x --exec=/y", -EINVAL,
		  AFTER "invalid argument \"/y\" for --exec=/y: --exec specified multiple times for the same image" },
		{ "a --signature=x --signature=y", -EINVAL,
		  AFTER "invalid argument \"y\" for --signature=y: --signature specified multiple times for the same image" },
		{ "--nope a", -ERR_USAGE, "unknown flag: --nope" },
		{ "a --nope", -EINVAL, AFTER "unknown flag: --nope" },
		{ "a --readonly-rootfs=perhaps", -EINVAL, AFTER "invalid argument \"perhaps\" for "
		  "--readonly-rootfs=perhaps: --readonly-rootfs must be set with a boolean" },
		{ "a --supplementary-gids=1,x", -EINVAL, AFTER "invalid argument \"1,x\" for "
		  "--supplementary-gids=1,x: --supplementary-gids must be integers" },
		{ "a --environment=A", -EINVAL,
		  AFTER "invalid argument \"A\" for --environment=A: invalid format of --environment flag \"A\"" },
		{ "--set-env=A=1 --set-env=A=2", -ERR_USAGE,
		  "invalid argument \"A=2\" for --set-env=A=2: key \"A\" already set" },
		{ "--set-env=A", -ERR_USAGE, "invalid argument \"A\" for --set-env=A: must be specified as key=value" },
		{ "--stage1-name=a --stage1-name=b", -ERR_USAGE,
		  "invalid argument \"b\" for --stage1-name=b: --stage1-name already used" },
		{ "--stage1-name=a --stage1-path=b", -ERR_USAGE,
		  "invalid argument \"b\" for --stage1-path=b: flags --stage1-path and --stage1-name are mutually exclusive" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(free) char *words = NULL;
		struct line l;

		assert_int_equal(parse(&l, rows[i].line, false), rows[i].code);
		words = err_text(&l.err);
		assert_string_equal(words, rows[i].words);
		done(&l);
	}
}

static void images_only(void **state)
{
	AUTO(free) char *words = NULL, *text = NULL;
	struct line l;

	assert_int_equal(parse(&l, "a -- x", true), -EINVAL);
	words = err_text(&l.err);
	assert_string_equal(words, "unable to parse arguments: app arguments unsupported");
	done(&l);
	assert_int_equal(parse(&l, "a --signature=s b", true), 0);
	text = shown(&l.args);
	assert_string_equal(text, "a(signature=s;)[] b()[]");
	done(&l);
}

/* In front of the images a mount is the pod's, behind one it is that app's. */
static void mounts(void **state)
{
	AUTO(free) char *text = NULL;
	struct line l;

	assert_int_equal(parse(&l, "--volume=v,kind=empty --mount volume=v,target=/all a "
			       "--mount=volume=v,target=/one --volume=w,kind=empty b", false), 0);
	assert_int_equal(strv_len(l.args.prepare.mounts), 1);
	assert_string_equal(l.args.prepare.mounts[0], "volume=v,target=/all");
	assert_int_equal(strv_len(l.args.prepare.volumes), 2);
	text = shown(&l.args);
	assert_string_equal(text, "a(mount=volume=v,target=/one;)[] b()[]");
	assert_int_equal(pod_args_check_prepare(&l.args, &l.err), 0);
	done(&l);
}

static void checks(void **state)
{
	static const struct {
		const char *line;
		bool run;
		const char *words;
	} rows[] = {
		{ "--net=none a", true, NULL },
		{ "--net=host a", true, NULL },
		{ "", false, "must provide at least one image or specify the pod manifest" },
		{ "--pod-manifest=f", false, NULL },
		{ "--pod-manifest=f a", false, "conflicting flags set with --pod-manifest (see --help)" },
		{ "--pod-manifest=f --inherit-env", false, "conflicting flags set with --pod-manifest (see --help)" },
		{ "--private-users a", false, "--private-users: user namespaces are not supported by this version" },
		{ "--store-only --no-store a", false, "both --store-only and --no-store specified" },
		{ "a --caps-retain=A --caps-remove=B", false,
		  "error: cannot use both --caps-retain and --caps-remove on the same image" },
		{ "a --mount=volume=v,target=/t", false,
		  AFTER "dangling mount point \"/t\": volume \"v\" not found" },
		{ "--mount=volume=v,target=/t a", false,
		  AFTER "dangling mount point \"/t\": volume \"v\" not found" },
		{ "--net=none --interactive a b", true, "interactive option only supports one image" },
		{ "--net=none --port=p:80 a", true, "--port flag does not work with 'none' networking" },
		{ "--net=host --port=p:80 a", true, "--port flag does not work with 'host' networking" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(free) char *words = NULL;
		struct line l;
		int r;

		assert_int_equal(parse(&l, rows[i].line, false), 0);
		r = (rows[i].run ? pod_args_check_run : pod_args_check_prepare)(&l.args, &l.err);
		if (rows[i].words) {
			assert_true(r < 0);
			words = err_text(&l.err);
			assert_string_equal(words, rows[i].words);
		} else {
			assert_int_equal(r, 0);
		}
		done(&l);
	}
}

static void policies(void **state)
{
	static const struct {
		const char *line;
		enum pull_policy policy;
	} rows[] = {
		{ "a", PULL_NEW }, { "--pull-policy=never a", PULL_NEVER }, { "--pull-policy update a", PULL_UPDATE },
		{ "--store-only a", PULL_NEVER }, { "--no-store a", PULL_UPDATE },
	};
	struct line l;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(parse(&l, rows[i].line, false), 0);
		assert_int_equal(pod_args_check_pull(&l.args, &l.err), 0);
		assert_int_equal(l.args.prepare.policy, rows[i].policy);
		done(&l);
	}
	assert_int_equal(parse(&l, "--pull-policy=sometimes a", false), 0);
	assert_true(pod_args_check_pull(&l.args, &l.err) < 0);
	done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grammar), cmocka_unit_test(grammar_errors), cmocka_unit_test(images_only),
		cmocka_unit_test(mounts), cmocka_unit_test(checks), cmocka_unit_test(policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
