#include "image/trust.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "image/keystore.h"

enum { ANSWER_MAX = 256 };

/* Lines for stderr with the prefix of this part; text may have several. */
PRINTF(1, 2) static void say(const char *fmt, ...)
{
	AUTO(free) char *text = NULL;
	AUTO(free) char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	line = xasprintf("pubkey: %s\n", text);
	(void)fd_write_all(STDERR_FILENO, line, strlen(line));
}

char *fingerprint_text(const char *fingerprint)
{
	struct buf b = {};
	size_t half = strlen(fingerprint) / 2;

	if (fingerprint_kind(fingerprint) == TRUST_COSIGN)
		return xstrdup(fingerprint + strlen(FINGERPRINT_COSIGN));
	for (size_t i = 0; fingerprint[i]; i++) {
		char c = fingerprint[i];

		if (i && i % 4 == 0)
			buf_adds(&b, i == half ? "  " : " ");
		buf_addc(&b, c >= 'a' && c <= 'f' ? (char)(c - 'a' + 'A') : c);
	}
	return buf_steal(&b);
}

char *key_text(const struct found_key *key)
{
	AUTO(free) char *fingerprint = fingerprint_text(key->fingerprint);
	struct buf b = {};

	buf_addf(&b, "%s key fingerprint is: %s\n",
		 fingerprint_kind(key->fingerprint) == TRUST_COSIGN ? "cosign" : "gpg", fingerprint);
	for (size_t i = 0; key->subkeys && key->subkeys[i]; i++) {
		AUTO(free) char *sub = fingerprint_text(key->subkeys[i]);

		buf_adds(&b, "    Subkey fingerprint: ");
		buf_add_printable(&b, sub);
		buf_addc(&b, '\n');
	}
	for (size_t i = 0; key->identities && key->identities[i]; i++) {
		buf_addc(&b, '\t');
		buf_add_printable(&b, key->identities[i]);
		buf_addc(&b, '\n');
	}
	return buf_steal(&b);
}

bool can_ask(void) { return isatty(STDIN_FILENO) && isatty(STDERR_FILENO); }

void tell_how_to_trust(const char *prefix)
{
	say("To trust the key for \"%s\", do one of the following:", prefix);
	say(" - call rkt with --trust-keys-from-https");
	say(" - run: rkt trust --prefix \"%s\"", prefix);
}

/* A line of stdin without its end, byte by byte: what follows belongs to others. */
static bool read_answer(char *line, size_t room)
{
	size_t n = 0;
	char c = 0;

	while (c != '\n') {
		ssize_t got = read(STDIN_FILENO, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (c != '\n' && c != '\r' && n + 1 < room)
			line[n++] = c;
	}
	line[n] = 0;
	return true;
}

/* 1: yes, 0: no. what: in front of failures. */
static int ask(const char *question, const char *what, struct err *err)
{
	char answer[ANSWER_MAX];

	for (;;) {
		puts(question);
		fflush(stdout);
		if (!read_answer(answer, sizeof(answer)))
			return err_set(err, -EIO, "%s: no answer", what);
		if (str_eq(answer, "yes"))
			return 1;
		if (str_eq(answer, "no"))
			return 0;
		puts("Please enter 'yes' or 'no'");
	}
}

/* Of this very key, which is on the command line or what the server of the prefix offers. */
static void tell_how_to_go_on(const struct found_key *key, const char *prefix)
{
	say("To trust the key for \"%s\", do one of the following:", prefix);
	say(" - call rkt trust on a terminal, and compare the fingerprint");
	say(" - call it with --skip-fingerprint-review, if the key came from where you trust already");
	if (str_starts(key->location, "https://"))
		say(" - call it with --trust-keys-from-https");
}

static int ask_about_key(const struct found_key *key, const char *prefix, enum key_review review, struct err *err)
{
	static const char what[] = "error reviewing key";

	if (can_ask())
		return ask("Are you sure you want to trust this key (yes/no)?", what, err);
	if (review == KEY_ASK_IN_TRUST)
		tell_how_to_go_on(key, prefix);
	else
		tell_how_to_trust(prefix);
	err_set(err, -ENOTTY, "unable to ask user to review fingerprint due to lack of tty");
	return err_wrap(err, -ENOTTY, what);
}

static int store_key(const struct fetch_config *config, const struct found_key *key, const char *prefix,
		     struct err *err)
{
	AUTO(free) char *path = NULL;
	int r = keystore_add(config->local_config, prefix, key->fingerprint, key->armor, &path, err);

	if (r < 0)
		return r;
	if (prefix)
		printf("Added key for prefix \"%s\" at \"%s\"\n", prefix, path);
	else
		printf("Added root key at \"%s\"\n", path);
	fflush(stdout);
	return 0;
}

int key_review_and_add(const struct fetch_config *config, const struct found_key *key, const char *prefix,
		       enum key_review review, struct err *err)
{
	AUTO(free) char *text = key_text(key);
	AUTO(free) char *location = str_printable(key->location);
	const char *shown = prefix ? prefix : "";
	bool skip = review == KEY_SKIP_REVIEW ||
		    (config->trust_keys_from_https && str_starts(key->location, "https://"));
	int r;

	say("prefix: \"%s\"\nkey: \"%s\"", shown, location);
	fputs(text, stdout);
	fflush(stdout);
	r = skip ? 1 : ask_about_key(key, shown, review, err);
	if (r < 0)
		return r;
	if (!r) {
		say("not trusting \"%s\"", location);
		return 1;
	}
	printf("Trusting \"%s\" for prefix \"%s\" %s fingerprint review.\n", location, shown,
	       skip ? "without" : "after");
	return store_key(config, key, prefix, err);
}

static int ask_about_unsigned(const char *prefix, struct err *err)
{
	static const char what[] = "error accepting unsigned images";

	say("prefix: \"%s\"", prefix);
	if (!can_ask()) {
		err_set(err, -ENOTTY, "unable to ask user due to lack of tty (--skip-fingerprint-review does not ask)");
		return err_wrap(err, -ENOTTY, what);
	}
	printf("Whoever can write to the registry decides what images below \"%s\" do.\n", prefix);
	return ask("Are you sure you want to accept them unsigned (yes/no)?", what, err);
}

int unsigned_review_and_accept(const struct fetch_config *config, const char *prefix, enum key_review review,
			       struct err *err)
{
	AUTO(free) char *path = NULL;
	int r = review == KEY_SKIP_REVIEW ? 1 : ask_about_unsigned(prefix, err);

	if (r < 0)
		return r;
	if (!r) {
		say("not accepting unsigned images below \"%s\"", prefix);
		return 1;
	}
	r = keystore_add(config->local_config, prefix, FINGERPRINT_ACCEPTED, NULL, &path, err);
	if (r < 0)
		return r;
	printf("Accepting unsigned OCI images for prefix \"%s\": added \"%s\"\n", prefix, path);
	fflush(stdout);
	return 0;
}

void tell_signer(char *const *identities)
{
	AUTO(buf_clear) struct buf text = {};

	buf_adds(&text, "image: signature verified:\n");
	for (size_t i = 0; i < strv_len(identities); i++) {
		buf_adds(&text, "  ");
		buf_add_printable(&text, identities[i]);
		buf_addc(&text, '\n');
	}
	(void)fd_write_all(STDERR_FILENO, text.data, text.len);
}

void warn_about_checks(const struct fetch_config *config, bool no_signature)
{
	if (config->insecure & FETCH_SKIP_SIGNATURE && !no_signature)
		log_warn("image signature verification has been disabled");
	if (config->insecure & FETCH_SKIP_TLS)
		log_warn("TLS verification has been disabled");
}
