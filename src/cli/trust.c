#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/table.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/out.h"
#include "image/keystore.h"
#include "spec/registry.h"

struct trust_args {
	bool root, skip_review, allow_http, accept_unsigned, list, remove;
	const char *prefix;
	enum format format;
};

#define AT(member) offsetof(struct trust_args, member)
static const struct opt trust_opts[] = {
	{ "accept-unsigned", 0, OPT_FLAG, AT(accept_unsigned), NULL,
	  "accept OCI images below PREFIX though nobody signed them" },
	FORMAT_OPT(AT(format)),
	{ "insecure-allow-http", 0, OPT_FLAG, AT(allow_http), NULL,
	  "allow HTTP use for key discovery and/or retrieval" },
	{ "list", 0, OPT_FLAG, AT(list), NULL, "list what is trusted, with --prefix what counts for that name" },
	{ "prefix", 0, OPT_STRING, AT(prefix), "PREFIX", "trust the key for images below this name only" },
	{ "remove", 0, OPT_FLAG, AT(remove), NULL, "trust these fingerprints (or \"accepted\") no longer" },
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

/* What the command line says, looked over. */
struct request {
	const struct trust_args *args;
	const struct engine *engine;
	struct fetch_config fetch;
	const char *prefix;	/* NULL: root keys */
	char *const *words;
};

/* --- adding ---------------------------------------------------------------- */

static enum key_review how_to_review(const struct request *q)
{
	return q->args->skip_review ? KEY_SKIP_REVIEW : KEY_ASK_IN_TRUST;
}

static int add_keys(const struct request *q, struct err *err)
{
	struct found_key *keys = NULL;
	size_t n = 0, declined = 0;
	int r;

	if (q->args->root && !q->words[0])
		return err_set(err, -EINVAL, "error determining key location: empty prefix");
	config_tell_unread(&q->engine->config);
	r = fetch_keys(&q->fetch, q->prefix, q->words, &keys, &n, err);
	if (r < 0)
		return err_wrap(err, r, q->words[0] ? "error adding keys" : "error determining key location");
	for (size_t i = 0; i < n && r >= 0; i++) {
		r = key_review_and_add(&q->fetch, &keys[i], q->prefix, how_to_review(q), err);
		declined += r == 1;
	}
	found_keys_free(keys, n);
	if (r < 0)
		return err_wrap(err, r, "error adding keys");
	return n && declined == n ? EXIT_FAILED : 0;
}

static int accept_unsigned(const struct request *q, struct err *err)
{
	int r;

	if (!q->prefix)
		return err_set(err, -EINVAL, "--accept-unsigned needs --prefix: images of every name are not accepted unsigned");
	if (q->words[0])
		return err_set(err, -EINVAL, "--accept-unsigned takes no key");
	r = unsigned_review_and_accept(&q->fetch, q->prefix, how_to_review(q), err);
	return r > 0 ? EXIT_FAILED : r;
}

/* --- listing ----------------------------------------------------------------- */

static const char *const kind_names[TRUST_KINDS] = {
	[TRUST_OPENPGP] = "openpgp", [TRUST_COSIGN] = "cosign", [TRUST_UNSIGNED] = "unsigned",
};

static bool trusts(const struct engine *e, const struct keystore_entry *k, const char *name)
{
	return keystore_trusts(e->system_config, e->local_config, name, k->fingerprint);
}

/*
 * What is not empty counts unless an empty file takes it away: elsewhere for its own prefix, or further down for the
 * name that is asked about (NULL: none is).
 */
static const char *state_of(const struct engine *e, const struct keystore_entry *k, const char *name)
{
	if (k->empty)
		return "mask";
	return trusts(e, k, k->prefix) && (!name || trusts(e, k, name)) ? "trusted" : "masked";
}

static bool concerns(const struct keystore_entry *k, const char *name)
{
	return !name || !k->prefix || path_has_prefix(name, k->prefix);
}

/* What is to be listed, in order. */
struct listing {
	const struct engine *engine;
	const struct keystore_entry *entries;
	size_t n;
	const char *name;	/* only what is said about it, and whether it counts for it; NULL: all */
};

static char *list_table(const struct listing *l)
{
	static const char *const titles[] = { "PREFIX", "KIND", "STATE", "KEY", "FILE" };
	AUTO(table_clear) struct table t = {};
	struct buf out = {};

	table_row(&t);
	for (size_t i = 0; i < ARRAY_LEN(titles); i++)
		table_cell(&t, titles[i]);
	for (size_t i = 0; i < l->n; i++) {
		const struct keystore_entry *k = &l->entries[i];

		if (!concerns(k, l->name))
			continue;
		table_row(&t);
		table_cell(&t, k->prefix ?: "(any)");
		table_cell(&t, kind_names[k->kind]);
		table_cell(&t, state_of(l->engine, k, l->name));
		table_cell(&t, k->fingerprint);
		table_cell(&t, k->path);
	}
	table_write(&t, &out);
	return buf_steal(&out);
}

static char *list_json(const struct listing *l, enum format format)
{
	struct json_writer *w = json_writer_new(format == FORMAT_JSON_PRETTY);
	struct buf out = {};
	AUTO(free) char *text = NULL;

	json_open_array(w, NULL);
	for (size_t i = 0; i < l->n; i++) {
		const struct keystore_entry *k = &l->entries[i];

		if (!concerns(k, l->name))
			continue;
		json_open_object(w, NULL);
		if (k->prefix)
			json_write_text(w, "prefix", k->prefix);
		json_write_text(w, "kind", kind_names[k->kind]);
		json_write_text(w, "state", state_of(l->engine, k, l->name));
		json_write_text(w, "key", k->fingerprint);
		json_write_text(w, "file", k->path);
		json_close(w);
	}
	json_close(w);
	text = json_writer_finish(w);
	buf_addf(&out, "%s\n", text);
	return buf_steal(&out);
}

static int list(const struct request *q, struct err *err)
{
	const struct engine *e = q->engine;
	AUTO(free) char *text = NULL;
	struct keystore_entry *entries = NULL;
	struct listing l = { .engine = e, .name = q->prefix };
	int r;

	if (q->words[0])
		return err_set(err, -EINVAL, "--list takes no key");
	r = keystore_list(e->system_config, e->local_config, &entries, &l.n, err);
	if (r < 0)
		return r;
	l.entries = entries;
	text = q->args->format == FORMAT_TABLE ? list_table(&l) : list_json(&l, q->args->format);
	out_text(text);
	keystore_entries_free(entries, l.n);
	return 0;
}

/* --- removing ------------------------------------------------------------------ */

/* A fingerprint as rkt or gpg shows it, in capitals and groups, is fine too. The caller frees it. */
static char *plain_fingerprint(const char *text)
{
	struct buf b = {};

	for (; *text; text++)
		if (*text != ' ')
			buf_addc(&b, *text >= 'A' && *text <= 'F' ? (char)(*text | 0x20) : *text);
	return buf_steal(&b);
}

/* A shorter prefix, or a root key, may trust it still. */
static void tell_what_is_left(const struct request *q, const char *fingerprint)
{
	const struct engine *e = q->engine;
	struct keystore_entry *entries = NULL;
	size_t n = 0;

	if (!keystore_trusts(e->system_config, e->local_config, q->prefix, fingerprint) ||
	    keystore_list(e->system_config, e->local_config, &entries, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (str_eq(entries[i].fingerprint, fingerprint) && concerns(&entries[i], q->prefix) &&
		    str_eq(state_of(e, &entries[i], q->prefix), "trusted"))
			log_warn("it is still trusted there by '%s'", entries[i].path);
	keystore_entries_free(entries, n);
}

static int remove_one(const struct request *q, const char *word, struct err *err)
{
	const struct engine *e = q->engine;
	AUTO(free) char *fingerprint = plain_fingerprint(word);
	AUTO(free) char *path = NULL;
	int r = keystore_remove(e->system_config, e->local_config, q->prefix, fingerprint, &path, err);

	if (r < 0)
		return r;
	out_line("No longer trusting \"%s\" for prefix \"%s\": %s \"%s\"", fingerprint, q->prefix ?: "",
		 r ? "masked by" : "removed", path);
	tell_what_is_left(q, fingerprint);
	return 0;
}

static int remove_trust(const struct request *q, struct err *err)
{
	int r = 0;

	if (!q->words[0])
		return err_set(err, -EINVAL, "--remove needs a fingerprint, or \"" FINGERPRINT_ACCEPTED "\" (see --list)");
	for (size_t i = 0; q->words[i] && r >= 0; i++)
		r = remove_one(q, q->words[i], err);
	return r;
}

/* --- the command ------------------------------------------------------------------ */

/* Images are named with a tag or digest, what is trusted is not. written: as the user has it. */
static int check_name(const char *written, const char *prefix, struct err *err)
{
	const char *slash = strrchr(written, '/');
	const char *tag = slash ? strpbrk(slash, ":@") : NULL;
	int r = ac_identifier_check(prefix, err);

	if (r >= 0 || !tag)
		return r;
	err_clear(err);
	return err_set(err, -EINVAL, "--prefix must not contain a tag or digest, omit %s", tag);
}

static int check(const struct trust_args *a, const char *prefix, struct err *err)
{
	const char *scheme_end = prefix ? strstr(prefix, "://") : NULL;

	if (a->accept_unsigned + a->list + a->remove > 1)
		return err_set(err, -EINVAL, "--accept-unsigned, --list and --remove usage mutually exclusive");
	if (a->format != FORMAT_TABLE && !a->list)
		return err_set(err, -EINVAL, "--format is for --list");
	if (prefix && a->root)
		return err_set(err, -EINVAL, "--root and --prefix usage mutually exclusive");
	if (scheme_end)
		return err_set(err, -EINVAL, "--prefix must not contain a URL scheme, omit %.*s://",
			       (int)(scheme_end - prefix), prefix);
	return prefix ? check_name(a->prefix, prefix, err) : 0;
}

/* What people call "busybox" of Docker Hub is not below that name there; a user's images are. */
static void tell_of_library(const char *prefix)
{
	AUTO(free) char *hub = registry_host("docker.io");
	const char *rest = prefix && path_has_prefix(prefix, hub) ? prefix + strlen(hub) : "";

	if (*rest == '/' && !strchr(rest + 1, '/') && !str_eq(rest, "/library"))
		log_warn("docker.io%s is all that user \"%s\" of Docker Hub has; the image docker:/%s is docker.io/library%s",
			 rest, rest + 1, rest, rest);
}

static int serve(const struct request *q, struct err *err)
{
	if (q->args->list)
		return list(q, err);
	if (q->args->accept_unsigned)
		return accept_unsigned(q, err);
	return q->args->remove ? remove_trust(q, err) : add_keys(q, err);
}

static int trust_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct trust_args *a = args;
	const struct engine *e = &cli->engine;
	AUTO(free) char *prefix = a->prefix && *a->prefix ? registry_prefix(a->prefix) : NULL;
	size_t n_credentials = 0;
	AUTO(free) struct fetch_credential *credentials = config_credentials(&e->config, &n_credentials);
	const struct request q = {
		.args = a, .engine = e, .prefix = prefix, .words = argv,
		.fetch = {
			.system_config = e->system_config,
			.local_config = e->local_config,
			.libexec_dir = e->libexec_dir,
			.insecure = (a->allow_http ? FETCH_PUBKEY_HTTP | FETCH_ALLOW_HTTP : 0) |
				    (e->insecure & INSECURE_TLS ? FETCH_SKIP_TLS : 0) |
				    (e->insecure & INSECURE_PUBKEY ? FETCH_PUBKEY_HTTP : 0),
			.credentials = credentials,
			.n_credentials = n_credentials,
			.trust_keys_from_https = e->trust_keys_from_https,
		},
	};
	int r;

	if (!prefix && !a->root && !argv[0] && !a->list && !a->accept_unsigned)
		return -ERR_USAGE;
	if (!prefix && !a->root && !a->list && !a->accept_unsigned) {
		fprintf(stderr, "%s: %s", log_prefix(), unbounded);
		return EXIT_FAILED;
	}
	r = check(a, prefix, err);
	if (r < 0)
		return r;
	tell_of_library(prefix);
	return serve(&q, err);
}

const struct cmd cmd_trust = {
	.name = "trust",
	.args = "[--prefix=PREFIX] [--insecure-allow-http] [--skip-fingerprint-review] [--root] "
		"[PUBKEY ...]",
	.help = "trust a key for image verification",
	.description = "Adds keys to the keystore: OpenPGP keys for images of all kinds, public keys of cosign for OCI\n"
		       "images. PUBKEY is a file or a URL; without one, the keys are those that the server of PREFIX\n"
		       "offers by discovery. With --accept-unsigned, --list and --remove, no key is added.\n"
		       "Images of Docker Hub are below \"docker.io\", those without a user below \"docker.io/library\".",
	.max = -1, .words = WORDS_FILES, .opts = { trust_opts },
	.args_size = sizeof(struct trust_args), .run = trust_run,
};
