#include <string.h>

#include "base/log.h"
#include "cli/commands.h"

struct trust_args {
	bool root, skip_review, allow_http;
	const char *prefix;
};

#define AT(member) offsetof(struct trust_args, member)
static const struct opt trust_opts[] = {
	{ "insecure-allow-http", 0, OPT_FLAG, AT(allow_http), NULL,
	  "allow HTTP use for key discovery and/or retrieval" },
	{ "prefix", 0, OPT_STRING, AT(prefix), "PREFIX", "trust the key for images below this name only" },
	{ "root", 0, OPT_FLAG, AT(root), NULL, "trust the key for images of any name" },
	{ "skip-fingerprint-review", 0, OPT_FLAG, AT(skip_review), NULL,
	  "accept key without fingerprint confirmation" },
	{}
};

static const char unbounded[] =
	"aborting due to implicit unbounded trust (root domain)\n"
	"A key without --prefix would be trusted for images of every name. Say which you mean:\n"
	"\trkt trust --prefix example.com/foo pubkey.gpg   (images below that name)\n"
	"\trkt trust --prefix example.com/foo              (the same; asks example.com for its key)\n"
	"\trkt trust --root pubkey.gpg                     (images of any name)\n";

static int check(const struct trust_args *a, const char *prefix, char *const *keys, struct err *err)
{
	const char *scheme_end = prefix ? strstr(prefix, "://") : NULL;

	if (prefix && a->root)
		return err_set(err, -EINVAL, "--root and --prefix usage mutually exclusive");
	if (scheme_end)
		return err_set(err, -EINVAL, "--prefix must not contain a URL scheme, omit %.*s://",
			       (int)(scheme_end - prefix), prefix);
	if (a->root && !keys[0])
		return err_set(err, -EINVAL, "error determining key location: empty prefix");
	return prefix ? ac_identifier_check(prefix, err) : 0;
}

static int review(const struct fetch_config *config, const struct found_key *keys, size_t n, const char *prefix,
		  const struct trust_args *a, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = key_review_and_add(config, &keys[i], prefix, a->skip_review ? KEY_SKIP_REVIEW : KEY_ASK, err);
	return r < 0 ? err_wrap(err, r, "error adding keys") : 0;
}

static int trust_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct trust_args *a = args;
	const char *prefix = a->prefix && *a->prefix ? a->prefix : NULL;
	size_t n_credentials = 0;
	AUTO(free) struct fetch_credential *credentials = engine_credentials(&cli->engine, &n_credentials);
	const struct fetch_config config = {
		.system_config = cli->engine.system_config,
		.local_config = cli->engine.local_config,
		.libexec_dir = cli->engine.libexec_dir,
		.insecure = (a->allow_http ? FETCH_PUBKEY_HTTP | FETCH_ALLOW_HTTP : 0) |
			    (cli->engine.insecure & INSECURE_TLS ? FETCH_SKIP_TLS : 0) |
			    (cli->engine.insecure & INSECURE_PUBKEY ? FETCH_PUBKEY_HTTP : 0),
		.credentials = credentials,
		.n_credentials = n_credentials,
		.trust_keys_from_https = cli->engine.trust_keys_from_https,
	};
	struct found_key *keys = NULL;
	size_t n = 0;
	int r;

	if (!prefix && !a->root && !argv[0])
		return -ERR_USAGE;
	if (!prefix && !a->root) {
		fprintf(stderr, "%s: %s", log_prefix(), unbounded);
		return EXIT_FAILED;
	}
	r = check(a, prefix, argv, err);
	if (r < 0)
		return r;
	r = fetch_keys(&config, prefix, argv, &keys, &n, err);
	if (r < 0)
		return err_wrap(err, r, argv[0] ? "error adding keys" : "error determining key location");
	r = review(&config, keys, n, prefix, a, err);
	found_keys_free(keys, n);
	return r;
}

const struct cmd cmd_trust = {
	.name = "trust",
	.args = "[--prefix=PREFIX] [--insecure-allow-http] [--skip-fingerprint-review] [--root] "
		"[PUBKEY ...]",
	.help = "trust a key for image verification",
	.description = "Adds keys to the keystore. PUBKEY is a file or a URL; without one, the keys are those that\n"
		       "the server of PREFIX offers by discovery.",
	.max = -1, .words = WORDS_FILES, .opts = { trust_opts },
	.args_size = sizeof(struct trust_args), .run = trust_run,
};
