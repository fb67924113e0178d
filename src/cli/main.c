#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "config.h"

static const struct cmd *const commands[] = {
	&cmd_cat_manifest, &cmd_completion, &cmd_config, &cmd_enter, &cmd_fetch, &cmd_fsck, &cmd_gc, &cmd_help, &cmd_image,
	&cmd_image_cat_manifest, &cmd_image_export, &cmd_image_extract, &cmd_image_fetch, &cmd_image_gc, &cmd_image_import, &cmd_image_list,
	&cmd_image_render, &cmd_image_rm, &cmd_image_verify, &cmd_list, &cmd_prepare, &cmd_rm, &cmd_run,
	&cmd_run_prepared, &cmd_status, &cmd_stop, &cmd_trust, &cmd_version, NULL,
};

struct global_args {
	bool debug, help, trust_keys_from_https;
	const char *dir, *system_config, *local_config, *user_config;
	unsigned insecure;
};

static int take_insecure(void *args, const struct opt *opt, const char *value, struct err *err)
{
	return insecure_parse(value, &((struct global_args *)args)->insecure, err);
}

/* An option's default is put in place by whoever uses it: NULL means not given. */
static int take_dir(void *args, const struct opt *opt, const char *value, struct err *err)
{
	if (!*value)
		return err_set(err, -EINVAL, "\"\" is not a valid directory");
	*(const char **)((char *)args + opt->at) = value;
	return 0;
}

#define AT(member) offsetof(struct global_args, member)
static const struct opt global_opts[] = {
	{ "debug", 0, OPT_FLAG, AT(debug), NULL, "print out more debug information to stderr" },
	{ "dir", 0, OPT_CALL, AT(dir), "DIR", "rkt data directory", .def = DATA_DIR, .call = take_dir },
	{ "help", 'h', OPT_FLAG, AT(help), NULL, "show this help" },
	{ "insecure-options", 0, OPT_CALL, 0,
	  "none|image|tls|ondisk|http|pubkey|capabilities|paths|seccomp|all-fetch|all-run|all",
	  "comma-separated list of security features to switch off", .def = "none", .call = take_insecure },
	{ "local-config", 0, OPT_CALL, AT(local_config), "DIR", "local configuration directory",
	  .def = LOCAL_CONFIG_DIR, .call = take_dir },
	{ "system-config", 0, OPT_CALL, AT(system_config), "DIR", "system configuration directory",
	  .def = SYSTEM_CONFIG_DIR, .call = take_dir },
	{ "trust-keys-from-https", 0, OPT_FLAG, AT(trust_keys_from_https), NULL,
	  "trust signing keys that discovery offers over HTTPS, without asking" },
	{ "user-config", 0, OPT_CALL, AT(user_config), "DIR", "user configuration directory", .call = take_dir },
	{}
};
static const struct opt *const globals[] = { global_opts, NULL };

/* Stage1 runs elsewhere and is told these paths, so they are absolute. */
static int absolute(const char *path, char **ret, struct err *err)
{
	AUTO(free) char *cwd = NULL, *whole = NULL;

	if (*path == '/') {
		*ret = path_clean(path);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_sys(err, -errno, "cannot tell the working directory");
	whole = xasprintf("%s/%s", cwd, path);
	*ret = path_clean(whole);
	return 0;
}

/* The flag, else the configured directory, else the default; without symlinks. */
static int data_dir(const struct global_args *g, const struct config *config, char **ret, struct err *err)
{
	const char *dir = g->dir ? g->dir : config->data_dir ? config->data_dir : DATA_DIR;

	*ret = realpath(dir, NULL);
	if (*ret)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, -errno, "cannot evaluate dataDir \"%s\" real path", dir);
	return absolute(dir, ret, err);
}

/* The defaults may be absent; whoever names one means one that is there. */
static int check_named(const char *const *dirs, size_t n, struct err *err)
{
	struct stat st;

	for (size_t i = 0; i < n; i++)
		if (dirs[i] && stat(dirs[i], &st) < 0 && errno == ENOENT)
			return err_sys(err, -ENOENT, "cannot open \"%s\"", dirs[i]);
	return 0;
}

static int engine_open(struct engine *e, const struct global_args *g, struct err *err)
{
	int r;

	e->insecure = g->insecure;
	e->debug = g->debug;
	e->trust_keys_from_https = g->trust_keys_from_https;
	e->libexec_dir = helper_dir();
	r = absolute(g->system_config ? g->system_config : SYSTEM_CONFIG_DIR, &e->system_config, err);
	if (r >= 0)
		r = absolute(g->local_config ? g->local_config : LOCAL_CONFIG_DIR, &e->local_config, err);
	if (r >= 0 && g->user_config)
		r = absolute(g->user_config, &e->user_config, err);
	if (r < 0)
		return r;
	r = check_named((const char *[]){ g->system_config, g->local_config, g->user_config }, 3, err);
	if (r >= 0)
		r = config_load(e->system_config, e->local_config, e->user_config, &e->config, err);
	if (r < 0)
		return err_wrap(err, r, "cannot get configuration");
	limits_set(&e->config.limits);
	return data_dir(g, &e->config, &e->data_dir, err);
}

static void engine_close(struct engine *e)
{
	config_clear(&e->config);
	free(e->data_dir);
	free(e->system_config);
	free(e->local_config);
	free(e->user_config);
	free(e->libexec_dir);
}

static void show_help(const struct cmd *cmd)
{
	AUTO(free) char *text = cmd_help_text(commands, globals, cmd);

	out_text(text);
}

/* A command line that makes no sense: its usage on stdout, why on stderr. */
static int refuse(const struct cmd *cmd, const struct err *err)
{
	AUTO(free) char *words = err_text(err);

	show_help(cmd);
	fflush(stdout);
	fprintf(stderr, "Error: %s\n\n", words);
	return EXIT_FAILED;
}

static int fail(const struct cmd *cmd, int r, const struct err *err)
{
	/* Where there are words, they help more than a page of usage. */
	if (r == -ERR_USAGE && !err->chain)
		show_help(cmd);
	fflush(stdout);
	if (err->chain)
		out_failure(err);
	return EXIT_FAILED;
}

/* Runs the command with everything parsed. */
static int run(const struct cmd *cmd, const struct global_args *g, void *args, char **words)
{
	AUTO(err_clear) struct err err = {};
	struct cli cli = { .commands = commands, .globals = globals };
	static char *no_words[] = { NULL };
	size_t n = strv_len(words);
	int r = 0;

	if (n < (size_t)cmd->min || (cmd->max >= 0 && n > (size_t)cmd->max))
		return fail(cmd, -ERR_USAGE, &err);
	if (cmd->superuser && geteuid() != 0)
		r = err_set(&err, -EPERM, "cannot run as unprivileged user");
	if (r >= 0 && !cmd->plain)
		r = engine_open(&cli.engine, g, &err);
	/* Easily mistyped, and then it would just look empty. */
	if (r >= 0 && cmd->looks && access(cli.engine.data_dir, F_OK) < 0 && errno == ENOENT)
		log_info("there is no data directory \"%s\"", cli.engine.data_dir);
	if (r >= 0)
		r = cmd->run(&cli, args, words ? words : no_words, &err);
	if (r >= 0) {
		int flushed = out_flush(&err);

		/* Whoever read our output has gone, as "| head" does: nothing to tell. */
		if (flushed == -EPIPE)
			err_clear(&err);
		if (flushed < 0)
			r = flushed;
	}
	engine_close(&cli.engine);
	return r < 0 ? fail(cmd, r, &err) : r;
}

static int parse_and_run(const struct cmd *cmd, char *const *argv, struct global_args *g)
{
	AUTO(err_clear) struct err err = {};
	AUTO(strv_free) char **words = NULL;
	AUTO(free) void *args = xcalloc(1, cmd->args_size + 1);
	const struct opt_set sets[] = { { cmd->opts, args }, { globals, g } };
	int r;

	log_set_prefix(cmd_leaf(cmd));
	opt_defaults(&sets[0]);
	if (cmd->parse)
		r = cmd->parse(sets, ARRAY_LEN(sets), argv, args, &err);
	else
		r = opt_parse(sets, ARRAY_LEN(sets), argv, cmd->first_ends, &words, &err);
	log_set_debug(g->debug);
	if (g->help) {
		show_help(cmd);
		r = 0;
	} else if (r == -ERR_USAGE) {
		r = refuse(cmd, &err);
	} else if (r < 0) {
		r = fail(cmd, r, &err);
	} else {
		r = run(cmd, g, args, words);
	}
	if (cmd->clear)
		cmd->clear(args);
	opt_clear(&sets[0]);
	return r;
}

static int no_command(const struct global_args *g)
{
	show_help(NULL);
	fflush(stdout);
	if (g->help)
		return 0;
	fputs("rkt: missing command\n", stderr);
	return EXIT_NO_COMMAND;
}

static void pass_over(int signo) { (void)signo; }

/*
 * Whatever the caller ignores or blocks: children must be waitable, SIGTERM must
 * end us, and a limit of file sizes or a helper that no longer reads is an error
 * to return. A handler, since exec would hand on what is ignored.
 */
static void take_signals(void)
{
	const struct sigaction action = { .sa_handler = pass_over, .sa_flags = SA_RESTART };
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigaction(SIGXFSZ, &action, NULL);
	(void)sigaction(SIGPIPE, &action, NULL);
}

int main(int argc, char **argv)
{
	AUTO(err_clear) struct err err = {};
	struct global_args g = {};
	const struct opt_set set = { globals, &g };
	const struct cmd *cmd = NULL;
	int words;

	/* Before anything is opened: no file of ours may become fd 0, 1 or 2. */
	if (argc < 1 || fd_std_fix() < 0)
		return EXIT_FAILED;
	take_signals();
	opt_defaults(&set);
	for (argv++; (words = opt_take(&set, 1, argv, &err)) > 0; argv += words)
		;
	if (words < 0)
		return refuse(NULL, &err);
	words = cmd_find(commands, argv, &cmd, &err);
	if (words < 0) {
		AUTO(free) char *text = err_text(&err);

		fprintf(stderr, "Error: %s\nRun 'rkt%s%s --help' for usage.\n", text, cmd ? " " : "", cmd ? cmd->name : "");
		return EXIT_FAILED;
	}
	if (!cmd)
		return no_command(&g);
	if (!cmd->run) {
		show_help(cmd);
		return 0;
	}
	return parse_and_run(cmd, argv + words, &g);
}
