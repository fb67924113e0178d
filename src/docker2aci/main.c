/*
 * docker2aci: makes ACIs of OCI and Docker images. See docker2aci/convert.h.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/opt.h"
#include "config.h"
#include "docker2aci/convert.h"

enum { EXIT_FAILED = 254 };

struct args {
	bool debug, nosquash, skip_verify, allow_http, version, help;
	const char *image, *compression, *system_config, *local_config;
};

#define AT(member) offsetof(struct args, member)
static const struct opt opts[] = {
	{ "compression", 0, OPT_STRING, AT(compression), "gzip|none", "how the ACIs are compressed", .def = "gzip" },
	{ "debug", 0, OPT_FLAG, AT(debug), NULL, "print out more debug information to stderr" },
	{ "help", 'h', OPT_FLAG, AT(help), NULL, "show this help" },
	{ "image", 0, OPT_STRING, AT(image), "NAME[:TAG]", "which of several images in a file" },
	{ "insecure-allow-http", 0, OPT_FLAG, AT(allow_http), NULL, "use plain http where a registry has no https" },
	{ "insecure-skip-verify", 0, OPT_FLAG, AT(skip_verify), NULL, "take any certificate of a registry" },
	{ "local-config", 0, OPT_STRING, AT(local_config), "DIR", "local configuration directory", .def = LOCAL_CONFIG_DIR },
	{ "nosquash", 0, OPT_FLAG, AT(nosquash), NULL, "one ACI for each layer instead of one for all" },
	{ "system-config", 0, OPT_STRING, AT(system_config), "DIR", "system configuration directory",
	  .def = SYSTEM_CONFIG_DIR },
	{ "version", 0, OPT_FLAG, AT(version), NULL, "show the version" },
	{}
};
static const struct opt *const tables[] = { opts, NULL };

static void show_help(void)
{
	AUTO(buf_clear) struct buf out = {};

	buf_adds(&out, "docker2aci makes ACIs of OCI and Docker images, in the working directory.\n\n"
		       "Usage:\n"
		       "  docker2aci [OPTIONS] docker://[REGISTRY_HOST[:REGISTRY_PORT]/]IMAGE_NAME[:TAG|@DIGEST]\n"
		       "  docker2aci [OPTIONS] FILE      an archive by \"docker save\" or of an OCI image layout, or a layout\n\n"
		       "Options:\n");
	opt_help(&out, tables);
	fputs(out.data, stdout);
}

/* --- the command line ----------------------------------------------------------------- */

/* Options used to have one dash: "-nosquash" is "--nosquash". */
static char **with_two_dashes(char *const *argv)
{
	char **words = NULL;

	for (; *argv; argv++)
		strv_take(&words, xasprintf("%s%s", **argv == '-' && (*argv)[1] && (*argv)[1] != '-' && (*argv)[2] ? "-" : "",
					    *argv));
	return words;
}

static bool is_written_as_reference(const char *text)
{
	static const char *const schemes[] = { "docker:", "oci:", "oci-archive:", "docker-archive:" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (str_starts(text, schemes[i]))
			return true;
	return false;
}

static int read_image(const char *text, const char *name, struct reference *ret, struct err *err)
{
	struct stat st;

	if (is_written_as_reference(text)) {
		if (name)
			return err_set(err, -ERR_USAGE, "flag --image works only with files.");
		return reference_parse(text, ret, err);
	}
	if (stat(text, &st) < 0)
		return err_sys(err, -errno, "cannot open '%s'", text);
	*ret = (struct reference){
		.kind = S_ISDIR(st.st_mode) ? REFERENCE_LAYOUT : REFERENCE_ARCHIVE,
		.text = xstrdup(text), .path = xstrdup(text), .tag = xstrdup(name),
	};
	return 0;
}

/* --- the answer ----------------------------------------------------------------------- */

static void say(const char *text)
{
	AUTO(free) char *shown = str_printable(text);

	puts(shown);
}

static void tell(const struct converted *done)
{
	const struct app *app = done->manifest.app;

	if (app->n_mount_points)
		puts("\nConverted volumes:");
	for (size_t i = 0; i < app->n_mount_points; i++) {
		const struct mount_point *p = &app->mount_points[i];
		AUTO(free) char *path = str_printable(p->path);

		printf("\tname: \"%s\", path: \"%s\", readOnly: %s\n", p->name, path, p->read_only.value ? "true" : "false");
	}
	if (app->n_ports)
		puts("\nConverted ports:");
	for (size_t i = 0; i < app->n_ports; i++) {
		const struct port *p = &app->ports[i];

		printf("\tname: \"%s\", protocol: \"%s\", port: %lld, count: %lld, socketActivated: %s\n", p->name, p->protocol,
		       (long long)p->port, (long long)p->count, p->socket_activated ? "true" : "false");
	}
	puts("\nGenerated ACI(s):");
	for (size_t i = 0; done->files[i]; i++)
		say(done->files[i]);
}

static int fail(struct err *err)
{
	AUTO(free) char *words = log_debugging() ? err_tree(err) : err_text(err);

	fflush(stdout);
	fprintf(stderr, "%s: %s\n", log_prefix(), words);
	return EXIT_FAILED;
}

/* rkt's: limits, credentials and mirrors. Whoever may not read it, as most may not read passwords, does without. */
static int load_config(const struct args *a, struct config *ret, struct err *err)
{
	int r = config_load(a->system_config, a->local_config, NULL, ret, err);

	if (r == -EACCES) {
		AUTO(free) char *words = err_text(err);

		log_warn("the configuration is passed over: %s", words);
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return err_wrap(err, r, "cannot get configuration");
	config_tell_unread(ret);
	return 0;
}

static int work(const struct args *a, const char *text, const char *work_dir)
{
	AUTO(free) char *libexec_dir = helper_dir();
	AUTO(reference_clear) struct reference image = {};
	AUTO(converted_clear) struct converted done = {};
	AUTO(config_clear) struct config config = {};
	AUTO(err_clear) struct err err = {};
	const struct convert c = {
		.image = &image, .libexec_dir = libexec_dir, .system_config = a->system_config,
		.local_config = a->local_config, .config = &config, .skip_tls = a->skip_verify, .allow_http = a->allow_http,
		.layers = a->nosquash, .compress = str_eq(a->compression, "gzip"), .work_dir = work_dir,
	};
	int r = load_config(a, &config, &err);

	if (r >= 0) {
		limits_set(&config.limits);
		r = read_image(text, a->image, &image, &err);
	}
	if (r >= 0)
		r = convert(&c, &done, &err);
	if (r == -ERR_AMBIGUOUS && !is_written_as_reference(text))
		r = err_wrap(&err, r, "use option --image");
	if (r < 0)
		return fail(&err);
	tell(&done);
	return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}

/* --- the working directory -------------------------------------------------------------- */

static volatile sig_atomic_t worker;

static void hand_on(int signo)
{
	if (worker)
		kill((pid_t)worker, signo);
}

/* Starts the work in a process of its own; what ends this one by the keyboard or by name ends that. */
static pid_t start(const struct args *a, const char *text, const char *dir)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	const struct sigaction action = { .sa_handler = hand_on, .sa_flags = SA_RESTART };
	sigset_t held, before;
	pid_t pid;

	sigemptyset(&held);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&held, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &held, &before);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		_exit(work(a, text, dir));
	}
	worker = pid > 0 ? pid : 0;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

/* All that is only needed on the way lies in a directory that goes away, also when the work is cut short. */
static int work_aside(const struct args *a, const char *text)
{
	const char *below = getenv("TMPDIR");
	AUTO(free) char *prefix = xasprintf("%s/docker2aci", below && *below == '/' ? below : "/var/tmp");
	AUTO(free) char *dir = name_random(prefix);
	AUTO(err_clear) struct err err = {};
	int r = dir_make(AT_FDCWD, dir, 0700), status = 0;
	pid_t pid;

	if (r < 0) {
		err_sys(&err, r, "cannot make the directory '%s'", dir);
		return fail(&err);
	}
	pid = start(a, text, dir);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	r = tree_remove(AT_FDCWD, dir);
	if (r < 0)
		log_warn("cannot remove '%s': %s", dir, err_name(r));
	if (pid < 0) {
		log_info("cannot start a process");
		return EXIT_FAILED;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const struct args *a, char **words)
{
	AUTO(err_clear) struct err err = {};

	if (a->help) {
		show_help();
		return 0;
	}
	if (a->version) {
		printf("docker2aci version %s\nappc version %s\n", RKT_VERSION, APPC_VERSION);
		return 0;
	}
	if (strv_len(words) != 1) {
		show_help();
		return EXIT_FAILED;
	}
	if (!str_eq(a->compression, "gzip") && !str_eq(a->compression, "none")) {
		err_set(&err, -ERR_USAGE, "unknown compression method \"%s\" (must be one of: [gzip none])", a->compression);
		return fail(&err);
	}
	return work_aside(a, words[0]);
}

int main(int argc, char **argv)
{
	AUTO(err_clear) struct err err = {};
	struct args a = {};
	const struct opt_set set = { tables, &a };
	AUTO(strv_free) char **given = NULL, **words = NULL;
	int r;

	if (argc < 1 || fd_std_fix() < 0)
		return EXIT_FAILED;
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);	/* rkt-unpack giving up is an error to return */
	log_set_prefix("docker2aci");
	given = with_two_dashes(argv + 1);
	opt_defaults(&set);
	r = opt_parse(&set, 1, given ?: (char *[]){ NULL }, false, &words, &err);
	log_set_debug(a.debug);
	r = r < 0 ? fail(&err) : run(&a, words);
	opt_clear(&set);
	return r;
}
